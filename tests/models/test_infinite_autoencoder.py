"""∞-AE against a wide network's kernel, and against the ridge regression that it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.infinite_autoencoder import InfiniteAutoencoder, tangent_kernel
from tests.worlds import checkerboard, random_interactions

USERS, ITEMS = 12, 7
VALUES = {"regularization": 2.0, "depth": 1, "dislikes": False}


@pytest.mark.parametrize("depth", [1, 2])
def test_is_the_kernel_of_gradients_of_a_wide_network(depth: int) -> None:
    torch.manual_seed(0)
    rows = nn.functional.normalize(torch.randn(3, 5))
    width = 6000 if depth == 1 else 3000
    weights = [torch.randn(width, 5), *(torch.randn(width, width) for _ in range(depth - 1)), torch.randn(1, width)]
    for weight in weights:
        weight.requires_grad_()

    def output(row: Tensor) -> Tensor:
        hidden = row
        for weight in weights[:-1]:
            hidden = (2 / width) ** 0.5 * torch.relu(weight @ hidden)
        return (weights[-1] @ hidden).squeeze()

    gradients = [torch.cat([gradient.flatten() for gradient in torch.autograd.grad(output(row), weights)]) for row in rows]
    empirical = torch.stack([torch.stack([one @ other for other in gradients]) for one in gradients])
    torch.testing.assert_close(tangent_kernel(rows @ rows.T, depth), empirical, atol=0.1, rtol=0.1)


def test_scores_are_a_ridge_regression_over_users() -> None:
    generator = torch.Generator().manual_seed(0)
    train, dislikes = random_interactions(USERS, ITEMS, 0.4, generator), random_interactions(USERS, ITEMS, 0.2, generator)
    board = checkerboard()[0]
    data = replace(board, train=train, read_ratings=lambda: replace(board.read_ratings(), dislikes=dislikes))
    taken, disliked = torch.zeros(USERS, ITEMS), torch.zeros(USERS, ITEMS)
    taken[train.users, train.items] = 1
    disliked[dislikes.users, dislikes.items] = 1
    for uses_dislikes, rows in ((False, taken), (True, torch.cat([taken, -disliked], dim=1))):
        model = registry.create("infinite_autoencoder", VALUES | {"dislikes": uses_dislikes}, data)
        assert isinstance(model, InfiniteAutoencoder)
        loss = model.fit()
        unit = rows / rows.norm(dim=1, keepdim=True)
        kernel = tangent_kernel(unit @ unit.T, 1).double()
        coefficients = torch.linalg.solve(kernel + 2.0 * torch.eye(USERS), taken.double())
        torch.testing.assert_close(model.scorer().score(torch.arange(USERS)).double(), kernel @ coefficients, atol=1e-4, rtol=1e-4)
        objective = (taken - kernel @ coefficients).square().sum() + 2.0 * (coefficients.T @ kernel @ coefficients).trace()
        assert loss == pytest.approx(float(objective) / (USERS * ITEMS), rel=1e-4)


def test_refuses_scores_of_other_users(tmp_path: Path) -> None:
    model = registry.create("infinite_autoencoder", VALUES, checkerboard(num_users=40)[0])
    assert isinstance(model, InfiniteAutoencoder)
    model.fit()
    model.save(tmp_path, checkerboard()[0])
    with pytest.raises(PipelineError, match="made for 40 users and 24 items, the data has others"):
        registry.load("infinite_autoencoder", VALUES, tmp_path, checkerboard(num_users=30)[0])
