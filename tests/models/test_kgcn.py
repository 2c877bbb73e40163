"""KGCN against its algorithm 1, a user and an item at a time."""

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.layers.user_relation import Aggregation, Aggregator
from mkg4rec.models import kgcn, registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.kgcn import Kgcn
from tests.conftest import ROOT
from tests.worlds import checkerboard, random_triplets


def _world() -> TrainingData:
    """Users and items of the checkerboard, with a graph of several relations and hops."""
    data, _ = checkerboard()
    triplets = random_triplets(data.num_items, 10, 3, 60, torch.Generator().manual_seed(0))
    return replace(data, read_triplets=lambda: triplets)


def _model(data: TrainingData, **changes: Any) -> Kgcn:
    values = params.load(ROOT / "params.yaml").models["kgcn"] | {"dimension": 5, "num_neighbours": 3} | changes
    torch.manual_seed(0)
    model = registry.create("kgcn", values, data)
    assert isinstance(model, Kgcn)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def _seen(model: Kgcn, user: Tensor, entity: int, hops: int) -> Tensor:
    """v^u[h] by equations 1 – 6."""
    if hops == 0:
        return model.entity_vectors[entity]
    neighbours, relations = model.neighbours[entity].tolist(), model.relations[entity].tolist()
    weights = torch.stack([torch.exp(user @ model.relation_vectors[relation]) for relation in relations])
    around = torch.zeros_like(user)
    for weight, neighbour in zip(weights / weights.sum(), neighbours, strict=True):
        around = around + weight * _seen(model, user, neighbour, hops - 1)
    own = _seen(model, user, entity, hops - 1)
    layer = model.layers[hops - 1]
    assert isinstance(layer, Aggregator)
    read = {Aggregation.SUM: own + around, Aggregation.CONCAT: torch.cat([own, around]), Aggregation.NEIGHBOR: around}[layer.aggregation]
    value = layer.weight.T @ read + layer.bias
    return torch.tanh(value) if hops == len(model.layers) else torch.relu(value)


@torch.no_grad()
@pytest.mark.parametrize("aggregation", ["sum", "concat", "neighbor"])
@pytest.mark.parametrize("num_hops", [1, 2, 3])
def test_scores_an_item_as_the_user_sees_it(aggregation: str, num_hops: int) -> None:
    data = _world()
    model = _model(data, aggregation=aggregation, num_hops=num_hops)
    users, items = torch.tensor([0, 7, 7, 39]), torch.tensor([3, 0, 23, 3])
    expected = []
    for user, item in zip(users.tolist(), items.tolist(), strict=True):
        vector = model.user_vectors[user]
        expected.append(vector @ _seen(model, vector, item, num_hops))
    torch.testing.assert_close(model(users, items), torch.stack(expected))


@torch.no_grad()
@pytest.mark.parametrize("aggregation", ["sum", "concat", "neighbor"])
@pytest.mark.parametrize("num_hops", [1, 2, 3])
@pytest.mark.parametrize("block", [1, 1000])
def test_ranks_by_the_scores_of_pairs(aggregation: str, num_hops: int, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kgcn, "BLOCK", block)
    data = _world()
    model = _model(data, aggregation=aggregation, num_hops=num_hops)
    users = torch.tensor([5, 0, 39])
    found = model.scorer().score(users)
    items = torch.arange(data.num_items).repeat(len(users))
    torch.testing.assert_close(found, model(users.repeat_interleave(data.num_items), items).view(len(users), -1))


def test_the_loss_is_the_cross_entropy_of_each_positive_and_one_negative() -> None:
    data = _world()
    model = _model(data)
    interactions = torch.tensor([0, 9, 50, 51])
    torch.manual_seed(3)
    found = model.recommendation_loss(interactions)
    users, positives = data.train.users[interactions], data.train.items[interactions]
    torch.manual_seed(3)
    negatives = model.negative_items.draw(users)
    total = torch.zeros(())
    for user, positive, negative in zip(users, positives, negatives, strict=True):
        assert not data.train.contains(user, negative)
        total = total - F.logsigmoid(model(user[None], positive[None])[0]) - F.logsigmoid(-model(user[None], negative[None])[0])
    torch.testing.assert_close(found, total / 8)


@pytest.mark.parametrize("aggregation", ["sum", "concat", "neighbor"])
@pytest.mark.parametrize("num_hops", [1, 2])
def test_all_parameters_learn(aggregation: str, num_hops: int) -> None:
    model = _model(_world(), aggregation=aggregation, num_hops=num_hops)
    model.recommendation_loss(torch.arange(40)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_an_epoch_goes_through_every_interaction_once() -> None:
    data = _world()
    model = _model(data, batch_size=64)
    (objective,) = model.objectives()
    batches = list(objective.batches())
    assert len(batches) == objective.num_batches
    assert sorted(torch.cat(batches).tolist()) == list(range(len(data.train)))


def test_draws_no_negative_among_the_items_kept_out() -> None:
    unseen = torch.zeros(24, dtype=torch.bool)
    unseen[[0, 5]] = True
    model = _model(_world().without(unseen))
    drawn = model.negative_items.draw(torch.arange(40).repeat(50))
    assert not unseen[drawn].any()


def test_keeps_its_receptive_field_with_its_weights() -> None:
    assert {"neighbours", "relations"} <= set(_model(_world()).state_dict())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"aggregation": "mean"}, r"models\.kgcn\.aggregation"),
        ({"num_hops": 0}, r"models\.kgcn\.num_hops"),
        ({"num_neighbours": 0}, r"models\.kgcn\.num_neighbours"),
    ],
)
def test_refuses_what_is_impossible(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(_world(), **changes)
