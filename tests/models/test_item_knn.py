"""Item-kNN against a search item by item."""

import math
from dataclasses import replace

import pytest
import torch

from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.item_knn import ItemKnn
from tests.worlds import checkerboard, random_interactions


def _fitted(train: Interactions, num_neighbours: int, shrinkage: float) -> tuple[ItemKnn, float]:
    values = {"num_neighbours": num_neighbours, "shrinkage": shrinkage}
    model = registry.create("item_knn", values, replace(checkerboard()[0], train=train))
    assert isinstance(model, ItemKnn)
    return model, model.fit()


def _literal_similarities(train: Interactions, shrinkage: float) -> list[list[float]]:
    takers = [set(train.users[train.items == item].tolist()) for item in range(train.num_items)]

    def similarity(one: set[int], other: set[int]) -> float:
        both = len(one & other)
        return both / (math.sqrt(len(one) * len(other)) + shrinkage) if both else 0.0

    return [[similarity(one, other) if one is not other else 0.0 for other in takers] for one in takers]


@pytest.mark.parametrize(("num_neighbours", "shrinkage"), [(3, 0.0), (3, 10.0), (50, 2.5)])
def test_each_item_keeps_its_most_similar_ones(num_neighbours: int, shrinkage: float) -> None:
    train = random_interactions(40, 12, 0.2, torch.Generator().manual_seed(0))
    model, lost = _fitted(train, num_neighbours, shrinkage)
    similarities = _literal_similarities(train, shrinkage)
    kept = 0.0
    for item in range(12):
        weights = model.weights[:, item].tolist()
        # Of equally similar items any may be kept.
        assert sorted(weights)[-num_neighbours:] == pytest.approx(sorted(similarities[item])[-num_neighbours:])
        for other, weight in enumerate(weights):
            assert weight in (0, pytest.approx(similarities[item][other]))
        assert sum(weight > 0 for weight in weights) <= num_neighbours
        kept += sum(weights)
    assert lost == pytest.approx(1 - kept / sum(map(sum, similarities)), abs=1e-6)


def test_a_score_adds_up_the_similarities_of_neighbours_that_the_user_took() -> None:
    # Items 0 and 1 share two users, 1 and 2 share one, 0 and 2 none.
    train = Interactions.from_pairs(torch.tensor([0, 0, 1, 1, 2, 2, 3]), torch.tensor([0, 1, 0, 1, 1, 2, 2]), 4, 4)
    model, _ = _fitted(train, 1, 1.0)
    scores = model.scorer().score(torch.tensor([0, 3]))
    strong, weak = 2 / (math.sqrt(2 * 3) + 1), 1 / (math.sqrt(3 * 2) + 1)
    # Item 1 is the nearest of 2, but 0 is nearer to 1 than 2 is; nobody took item 3.
    torch.testing.assert_close(scores, torch.tensor([[strong, strong, weak, 0], [0, 0, 0, 0]]))


def test_without_two_items_of_one_user_nothing_is_lost() -> None:
    train = Interactions.from_pairs(torch.arange(3), torch.arange(3), 3, 3)
    model, lost = _fitted(train, 2, 0.0)
    assert lost == 0
    assert not model.weights.any()
