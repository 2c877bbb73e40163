"""SpectralCF against its equation with the Laplacian written out."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.spectralcf import SpectralCf
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(**changes: Any) -> tuple[SpectralCf, TrainingData]:
    torch.manual_seed(0)
    data, _ = checkerboard(9, 7)
    values = params.load(ROOT / "params.yaml").models["spectralcf"] | {"dimension": 3} | changes
    model = registry.create("spectralcf", values, data)
    assert isinstance(model, SpectralCf)
    return model, data


def _laplacian(data: TrainingData) -> Tensor:
    """L = I − D⁻¹ A, users first, entry by entry."""
    nodes = data.num_users + data.num_items
    adjacency = torch.zeros(nodes, nodes)
    for user, item in zip(data.train.users.tolist(), data.train.items.tolist(), strict=True):
        adjacency[user, data.num_users + item] = adjacency[data.num_users + item, user] = 1
    laplacian = torch.eye(nodes)
    for row in range(nodes):
        for column in range(nodes):
            if adjacency[row, column]:
                laplacian[row, column] -= 1 / adjacency[row].sum()
    return laplacian


@pytest.mark.parametrize("num_layers", [1, 3])
def test_layers_are_those_of_the_equation(num_layers: int) -> None:
    model, data = _model(num_layers=num_layers)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    parameters = list(model.parameters())
    layers: list[Tensor] = [model.embeddings]
    for filters in model.filters:
        layers.append(torch.sigmoid((torch.eye(len(layers[0])) + _laplacian(data)) @ layers[-1] @ filters))
    expected = torch.cat(layers, dim=1)
    actual = torch.cat(model.final_vectors())
    assert actual.shape == (data.num_users + data.num_items, 3 * (num_layers + 1))
    torch.testing.assert_close(actual, expected)
    weights = torch.randn_like(expected)
    for mine, literal in zip(
        torch.autograd.grad((actual * weights).sum(), parameters), torch.autograd.grad((expected * weights).sum(), parameters), strict=True
    ):
        torch.testing.assert_close(mine, literal, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_penalty_is_on_final_vectors() -> None:
    model, _ = _model(regularization=0.1)
    asking, offered = torch.randn(2, 12), torch.randn(2, 2, 12)
    expected = 0.1 * float(asking.norm() ** 2 + offered.norm() ** 2) / 2 / 2
    users, candidates = torch.tensor([1, 2]), torch.tensor([[0, 1], [1, 3]])
    assert float(model.penalty(users, candidates, asking, offered)) == pytest.approx(expected, rel=1e-5)


def test_begins_as_the_paper_does() -> None:
    model, _ = _model(dimension=200)
    for parameter in model.parameters():
        assert parameter.mean().item() == pytest.approx(0.01, abs=0.003)
        assert parameter.std().item() == pytest.approx(0.02, rel=0.1)


def test_refuses_no_layers() -> None:
    with pytest.raises(PipelineError, match=r"models\.spectralcf\.num_layers"):
        _model(num_layers=0)
