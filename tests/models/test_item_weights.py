"""Weights between items: products of columns, and columns rebuilt from each other."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mkg4rec import memory, params
from mkg4rec.errors import PipelineError
from mkg4rec.interactions import Interactions, WeightedInteractions
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.item_weights import ItemWeights, cross_gram, gram_matrix, gram_rows, zero_diagonal_regression
from tests.worlds import checkerboard, random_interactions

USERS, ITEMS = 30, 11


def test_a_catalogue_too_large_for_dense_weights_is_refused_before_they_are_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda device: 64_000_000_000)
    data, _ = checkerboard()
    wide = replace(data, train=replace(data.train, num_items=200_000))
    values = params.load().models
    for name, needed in {"ease": "1,280.0", "content_ease": "1,600.0", "content_knn": "499.7", "item_knn": "160.0"}.items():
        model = registry.create(name, values[name], wide)
        assert isinstance(model, ClosedForm)
        with pytest.raises(PipelineError) as error:
            model.fit()
        assert str(error.value) == (
            f"{name}: what is dense over 200,000 × 200,000 items needs about {needed} GB of memory, and 64.0 GB are left on cpu. "
            "Take kernel_ease with models.kernel_ease.blocks: {items: 64, neighbours: 512, rank: 128}, whose memory grows with the items "
            "alone."
        )


def test_too_many_users_for_a_kernel_between_them_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available_memory", lambda device: 1000)
    model = registry.create("infinite_autoencoder", params.load().models["infinite_autoencoder"], checkerboard()[0])
    assert isinstance(model, ClosedForm)
    with pytest.raises(PipelineError, match=r"40 × 40 users and 24 columns needs about .* left on cpu\. Take ease, "):
        model.fit()


def _random() -> tuple[Interactions, Tensor]:
    """A matrix, and the same as dense doubles."""
    interactions = random_interactions(USERS, ITEMS, 0.3, torch.Generator().manual_seed(0))
    dense = torch.zeros(USERS, ITEMS, dtype=torch.float64)
    dense[interactions.users, interactions.items] = 1
    return interactions, dense


@pytest.mark.parametrize("weighted", [False, True])
def test_gram_matrix_sums_the_products_of_columns_over_users(weighted: bool) -> None:
    interactions, dense = _random()
    weights = torch.rand(USERS) if weighted else None
    expected = torch.zeros(ITEMS, ITEMS, dtype=torch.float64)
    for user in range(USERS):
        expected += (1 if weights is None else float(weights[user])) * dense[user].outer(dense[user])
    torch.testing.assert_close(gram_matrix(interactions, weights), expected, atol=1e-5, rtol=0)
    items, rows = zip(*gram_rows(interactions, weights, block_size=4), strict=True)
    assert [len(block) for block in items] == [4, 4, 3]
    torch.testing.assert_close(torch.cat(rows).double(), expected[torch.cat(items)], atol=1e-5, rtol=0)


def test_cross_gram_multiplies_weighted_matrices_of_the_same_users() -> None:
    generator = torch.Generator().manual_seed(1)
    left, dense_left = _weighted(5, generator)
    right, dense_right = _weighted(ITEMS, generator)
    rows = torch.rand(USERS, generator=generator)
    expected = dense_left.T @ rows.double().diag() @ dense_right
    torch.testing.assert_close(cross_gram(left, right, rows, block_size=4), expected, atol=1e-5, rtol=0)


def _weighted(width: int, generator: torch.Generator) -> tuple[WeightedInteractions, Tensor]:
    entries = random_interactions(USERS, width, 0.3, generator)
    weights = torch.rand(len(entries), generator=generator)
    dense = torch.zeros(USERS, width, dtype=torch.float64)
    dense[entries.users, entries.items] = weights.double()
    return WeightedInteractions(entries, weights), dense


def test_rebuilds_every_column_from_the_others_by_least_squares() -> None:
    _, dense = _random()
    weights, minima = zero_diagonal_regression(dense.T @ dense)
    for item in range(ITEMS):
        others = torch.arange(ITEMS) != item
        solution = torch.linalg.lstsq(dense[:, others], dense[:, item, None], driver="gelsd").solution
        torch.testing.assert_close(weights[others, item].double(), solution.squeeze(1), atol=1e-5, rtol=0)
        residual = dense[:, item] - (dense[:, others] @ solution).squeeze(1)
        torch.testing.assert_close(minima[item], residual.square().sum())
    assert not weights.diagonal().any()


def test_scores_add_up_the_weights_of_what_a_user_took() -> None:
    interactions, dense = _random()
    weights = torch.randn(ITEMS, ITEMS)
    users = torch.tensor([7, 0, 7])
    for row, user in zip(ItemWeights(WeightedInteractions.binary(interactions), weights).score(users), users, strict=True):
        torch.testing.assert_close(row, sum(weights[item] for item in dense[user].nonzero().squeeze(1)))


def test_refuses_weights_of_other_items(tmp_path: Path) -> None:
    data, _ = checkerboard(num_items=24)
    model = registry.create("ease", {"regularization": 1.0}, data)
    assert isinstance(model, ClosedForm)
    model.fit()
    model.save(tmp_path, data)
    with pytest.raises(PipelineError, match="made for 24 items, the data has 20; run `dvc repro`"):
        registry.load("ease", {"regularization": 1.0}, tmp_path, checkerboard(num_items=20)[0])
