"""LightGCN against its equations, node by node."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.lightgcn import LightGcn
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(**changes: Any) -> tuple[LightGcn, TrainingData]:
    torch.manual_seed(0)
    data, _ = checkerboard(9, 7)
    values = params.load(ROOT / "params.yaml").models["lightgcn"] | {"dimension": 3} | changes
    model = registry.create("lightgcn", values, data)
    assert isinstance(model, LightGcn)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model, data


def _literal_layer(users: Tensor, items: Tensor, data: TrainingData) -> tuple[Tensor, Tensor]:
    """Equation 3, neighbour by neighbour."""
    pairs = list(zip(data.train.users.tolist(), data.train.items.tolist(), strict=True))
    next_users, next_items = torch.zeros_like(users), torch.zeros_like(items)
    for user, item in pairs:
        degree = sum(other == user for other, _ in pairs) * sum(other == item for _, other in pairs)
        next_users[user] += items[item] / math.sqrt(degree)
        next_items[item] += users[user] / math.sqrt(degree)
    return next_users, next_items


@torch.no_grad()
@pytest.mark.parametrize("num_layers", [1, 3])
def test_final_vectors_are_the_mean_of_the_layers(num_layers: int) -> None:
    model, data = _model(num_layers=num_layers)
    layers = [(model.users.detach(), model.items.detach())]
    for _ in range(num_layers):
        layers.append(_literal_layer(*layers[-1], data))
    users, items = model.final_vectors()
    torch.testing.assert_close(users, sum(layer[0] for layer in layers) / (num_layers + 1))
    torch.testing.assert_close(items, sum(layer[1] for layer in layers) / (num_layers + 1))


def test_the_gradient_goes_back_through_every_layer() -> None:
    model, data = _model(num_layers=2)
    gradients = torch.autograd.grad(model.final_vectors()[0].square().sum(), [model.users, model.items])
    users = model.users.detach().requires_grad_()
    items = model.items.detach().requires_grad_()
    first = _literal_layer(users, items, data)
    second = _literal_layer(*first, data)
    expected = torch.autograd.grad(((users + first[0] + second[0]) / 3).square().sum(), [users, items])
    for actual, literal in zip(gradients, expected, strict=True):
        torch.testing.assert_close(actual, literal)


@torch.no_grad()
def test_the_penalty_is_on_the_embeddings_before_any_layer() -> None:
    model, _ = _model(regularization=0.2)
    users, candidates = torch.tensor([2, 0]), torch.tensor([[0, 1], [4, 3]])
    nothing = torch.full((2, 3), torch.nan)
    involved = [model.users[2], model.users[0], model.items[0], model.items[4], model.items[1], model.items[3]]
    expected = 0.2 * sum(float(vector.norm() ** 2) for vector in involved) / 2 / 2
    assert float(model.penalty(users, candidates, nothing, nothing)) == pytest.approx(expected, rel=1e-5)


def test_refuses_no_layers() -> None:
    with pytest.raises(PipelineError, match=r"models\.lightgcn\.num_layers"):
        _model(num_layers=0)
