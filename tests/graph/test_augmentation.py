"""What graph augmentations leave out, against their formulas."""

import math

import pytest
import torch

from mkg4rec.graph import augmentation
from mkg4rec.interactions import Interactions
from tests.worlds import random_interactions

NUM_USERS, NUM_ITEMS = 60, 40


@pytest.fixture(scope="module")
def train() -> Interactions:
    return random_interactions(NUM_USERS, NUM_ITEMS, 0.2, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("cap", [0.7, 10.0])
def test_adaptive_probabilities_fall_with_centrality(cap: float) -> None:
    centrality = [0.0, 3.0, 1.0, 20.0]
    scores = [math.log(value + 1) for value in centrality]
    mean = sum(scores) / 4
    expected = [min(0.4 * (max(scores) - score) / (max(scores) - mean), cap) for score in scores]
    found = augmentation.adaptive_probabilities(torch.tensor(centrality), 0.4, cap)
    assert found.tolist() == pytest.approx(expected)


def test_equally_central_edges_are_dropped_alike() -> None:
    assert augmentation.adaptive_probabilities(torch.full((3,), 5.0), 0.4, 0.7).tolist() == pytest.approx([0.4] * 3)


def test_centralities(train: Interactions) -> None:
    expected = [
        (sum(train.users == user).item() + sum(train.items == item).item()) / 2 for user, item in zip(train.users, train.items, strict=True)
    ]
    assert augmentation.edge_centrality(train).tolist() == expected
    vectors, centrality = torch.tensor([[1.0, -2.0], [0.0, 3.0]]), torch.tensor([2, 5])
    assert augmentation.feature_centrality(vectors, centrality).tolist() == [2, 19]


def test_edges_go_by_their_own_chance(train: Interactions) -> None:
    torch.manual_seed(0)
    probabilities = augmentation.uniform_probabilities(train.items, 0.25)
    probabilities[:50] = 0
    probabilities[50:100] = 1
    kept = [augmentation.without_edges(train, probabilities) for _ in range(40)]
    rest = sum(len(part) for part in kept) / 40 - 50
    assert rest == pytest.approx(0.75 * (len(train) - 100), rel=0.05)
    for part in kept:
        assert torch.isin(train.keys[:50], part.keys).all()
        assert not torch.isin(train.keys[50:100], part.keys).any()
        assert torch.isin(part.keys, train.keys).all()
        assert part.num_users == NUM_USERS


def test_dimensions_are_dropped_from_all_nodes_at_once() -> None:
    torch.manual_seed(0)
    dropped = augmentation.without_features(torch.ones(5, 1000), augmentation.uniform_probabilities(torch.ones(1000), 0.3))
    assert torch.equal(dropped, dropped[:1].expand(5, -1))
    assert dropped[0].mean().item() == pytest.approx(0.7, abs=0.05)


def test_the_degree_sensitive_sample_keeps_the_edges_of_rare_nodes(train: Interactions) -> None:
    """Two draws of one entry out of three, against their chances."""
    tiny = Interactions.from_pairs(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 1]), 2, 2)
    chances = torch.tensor([1 / math.sqrt(2), 1 / math.sqrt(4), 1 / math.sqrt(2)])
    torch.manual_seed(0)
    drawn = torch.stack([torch.isin(tiny.keys, augmentation.degree_sensitive_sample(tiny, 1 / 3).keys) for _ in range(4000)])
    torch.testing.assert_close(drawn.float().mean(0), chances / chances.sum(), atol=0.03, rtol=0)
    assert len(augmentation.degree_sensitive_sample(train, 0.2)) == round(0.2 * len(train))
