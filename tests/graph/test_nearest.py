"""The nearest items in blocks against the whole matrix of likenesses, pair by pair."""

import math

import pytest
import torch
from torch import Tensor

from mkg4rec.evaluation.ranking import top_items
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph import nearest
from mkg4rec.graph.item_graph import ItemGraph
from tests.worlds import random_interactions


def _edges(graph: ItemGraph) -> dict[int, dict[int, float]]:
    found: dict[int, dict[int, float]] = {}
    for item, neighbour, weight in zip(graph.items.tolist(), graph.neighbours.tolist(), graph.weights.tolist(), strict=True):
        found.setdefault(item, {})[neighbour] = weight
    return found


def _literal(likeness: list[list[float]], known: list[bool], k: int) -> dict[int, dict[int, float]]:
    """Of each item, the k of largest likeness above 0, equal ones by index."""
    found = {}
    for item, row in enumerate(likeness):
        others = [other for other in range(len(row)) if other != item and known[item] and known[other] and row[other] > 0]
        chosen = sorted(others, key=lambda other: (-row[other], other))[:k]
        if chosen:
            found[item] = {other: row[other] for other in chosen}
    return found


@pytest.mark.parametrize(("items", "k", "block"), [(9, 3, 1), (9, 20, 16), (700, 2, 3000)])
def test_by_features(items: int, k: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of few different vectors, so that many likenesses are the same."""
    monkeypatch.setattr(nearest, "BLOCK_ENTRIES", block)
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randint(-1, 3, (items + 2, 3), generator=generator).float()
    present = torch.rand(items + 2, generator=generator) < 0.8
    vectors[~present] = 0
    lengths = [math.sqrt(sum(value * value for value in row)) or 1.0 for row in vectors.tolist()]
    unit = torch.tensor([[value / length for value in row] for row, length in zip(vectors.tolist(), lengths, strict=True)])
    likeness = (torch.nn.functional.normalize(vectors[:items], dim=1) @ torch.nn.functional.normalize(vectors[:items], dim=1).T).tolist()
    assert likeness[0][1] == pytest.approx(float(unit[0] @ unit[1]), abs=1e-6)
    found = _edges(nearest.by_features(FeatureMatrix(vectors, present), items, k))
    expected = _literal(likeness, present[:items].tolist(), k)
    assert {item: list(row) for item, row in found.items()} == {item: sorted(row) for item, row in expected.items()}
    assert all(weight == pytest.approx(expected[item][other], abs=1e-6) for item, row in found.items() for other, weight in row.items())


def test_nobody_is_near_an_item_without_the_modality() -> None:
    vectors = torch.ones(6, 2)
    present = torch.tensor([True, False, True, True, False, False])
    graph = nearest.by_features(FeatureMatrix(vectors, present), 5, 10)
    assert _edges(graph).keys() == {0, 2, 3}
    assert set(graph.neighbours.tolist()) == {0, 2, 3}
    assert len(nearest.by_features(FeatureMatrix(vectors, torch.zeros(6, dtype=torch.bool)), 5, 10)) == 0


def test_items_at_right_angles_are_not_near_each_other_by_rounding() -> None:
    vectors = torch.tensor([[1.0, 1, 1], [1, -1, 0], [1, 1, -2], [0, 0, 0], [2, 2, 2]]).repeat(20, 1)
    graph = nearest.by_features(FeatureMatrix(vectors, torch.ones(100, dtype=torch.bool)), 100, 60)
    kinds = torch.tensor([0, 1, 2, 3, 0]).repeat(20)
    assert torch.equal(kinds[graph.items], kinds[graph.neighbours])
    assert len(graph) == 40 * 39 + 2 * 20 * 19


@pytest.mark.parametrize("block", [1, 1 << 20])
def test_by_co_interactions(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nearest, "BLOCK_ENTRIES", block)
    train = random_interactions(12, 15, 0.2, torch.Generator().manual_seed(1))
    takers: list[set[int]] = [set() for _ in range(15)]
    for user, item in zip(train.users.tolist(), train.items.tolist(), strict=True):
        takers[item].add(user)
    likeness = [[len(own & other) / math.sqrt(max(1, len(own)) * max(1, len(other))) for other in takers] for own in takers]
    rounded = [[round(value, 6) for value in row] for row in likeness]
    found = _edges(nearest.by_co_interactions(train, 3))
    expected = _literal(rounded, [True] * 15, 3)
    assert {item: list(row) for item, row in found.items()} == {item: sorted(row) for item, row in expected.items()}
    assert all(weight == pytest.approx(likeness[item][other]) for item, row in found.items() for other, weight in row.items())


def _scores(width: int, values: int) -> Tensor:
    scores = torch.randint(values, (40, width), generator=torch.Generator().manual_seed(2)).float()
    scores[0, 3:] = -torch.inf
    scores[1] = -torch.inf
    return scores


@pytest.mark.parametrize("width", [10, 1024, 1031, 2000])
@pytest.mark.parametrize("values", [2, 50, 100_000])
def test_the_largest_are_those_of_a_search_through_all(width: int, values: int) -> None:
    scores = _scores(width, values)
    for found, expected in zip(nearest.largest(scores, 3), top_items(scores, 3), strict=True):
        assert torch.equal(found, expected)
