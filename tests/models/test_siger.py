"""SIGER against its equations, and each of its parts switched off."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.graph.nearest import by_co_interactions
from mkg4rec.layers.perturbation import modulus_perturbed
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.siger import Siger
from mkg4rec.training.alignment import info_nce
from tests.conftest import ROOT
from tests.worlds import checkerboard

NUM_ITEMS = 12


def _model(**changes: Any) -> tuple[Siger, TrainingData]:
    torch.manual_seed(0)
    data, _ = checkerboard(9, NUM_ITEMS)
    values = params.load(ROOT / "params.yaml").models["siger"]
    values |= {"dimension": 4, "num_neighbours": 3, "modality_weights": {"visual": 0.3, "text": 0.7}, "infused_share": 0.25} | changes
    model = registry.create("siger", values, data)
    assert isinstance(model, Siger)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model, data


def _dense(items: Tensor, neighbours: Tensor, weights: Tensor) -> Tensor:
    matrix = torch.zeros(NUM_ITEMS, NUM_ITEMS)
    matrix[items, neighbours] = weights
    sums = matrix.sum(1).tolist()
    return torch.tensor(
        [[float(matrix[i, j]) / math.sqrt(max(1e-9, sums[i] * sums[j])) for j in range(NUM_ITEMS)] for i in range(NUM_ITEMS)]
    )


@pytest.mark.parametrize("infusion", [True, False])
def test_a_mixed_graph_is_the_modality_with_what_is_taken_together(infusion: bool) -> None:
    model, data = _model(infusion=infusion)
    alike, together = data.read_item_graph("text"), by_co_interactions(data.train, 3)
    expected = _dense(alike.items, alike.neighbours, torch.ones(len(alike)))
    if infusion:
        expected = 0.75 * expected + 0.25 * _dense(together.items, together.neighbours, together.weights)
    for graph in model.mixed():
        found = torch.zeros(NUM_ITEMS, NUM_ITEMS)
        found[graph.items, graph.neighbours] = graph.weights
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_a_user_means_what_the_user_took() -> None:
    model, data = _model(infusion=False)
    users, items = model.represent(model.initial_nodes())
    for user in range(data.num_users):
        taken = data.train.items[data.train.users == user]
        torch.testing.assert_close(users.semantics[user], items.semantics[taken].mean(0))
    torch.testing.assert_close(items.fused, 0.3 * items.semantics[:, 0] + 0.7 * items.semantics[:, 1])
    without = ~data.read_features("text").present[:NUM_ITEMS]
    assert not items.semantics[without].any()
    assert torch.equal(model.known[1][:, 0], ~without)
    torch.testing.assert_close(model.final_vectors(), (users.behaviour + users.fused, items.behaviour + items.fused))


def test_noise_is_as_strong_as_the_vector_is_long() -> None:
    torch.manual_seed(0)
    vectors = torch.randn(50, 8) * torch.arange(1, 51).unsqueeze(1)
    noise = modulus_perturbed(vectors, 0.3) - vectors
    torch.testing.assert_close(noise.norm(dim=1), 0.3 * vectors.norm(dim=1))
    assert (noise * vectors >= 0).all()
    assert not torch.equal(modulus_perturbed(vectors, 0.3) - vectors, noise)


def _info_nce(anchors: Tensor, others: Tensor) -> float:
    terms = []
    for row, anchor in enumerate(anchors):
        likeness = [float(torch.cosine_similarity(anchor, other, dim=0)) / 0.2 for other in others]
        terms.append(-math.log(math.exp(likeness[row]) / sum(math.exp(value) for value in likeness)))
    return sum(terms) / len(terms)


@torch.no_grad()
def test_modalities_are_aligned_to_behaviour_and_behaviour_to_their_sum() -> None:
    model, _ = _model(infusion=False)
    _, items = model.represent(model.initial_nodes())
    chosen = torch.tensor([0, 1, 2, 5, 6])
    known = torch.tensor([1, 2, 6])  # 0 and 5 have no content
    behaviour = items.behaviour[known]
    expected = _info_nce(behaviour, items.fused[known]) + sum(_info_nce(behaviour, items.semantics[known, part]) for part in range(2))
    assert float(model.alignment_loss(model.at(items, chosen), model.known[1][chosen])) == pytest.approx(expected, rel=1e-4)


def _loss(**changes: Any) -> float:
    model, data = _model(**changes)
    torch.manual_seed(1)
    return float(model.recommendation_loss(torch.arange(len(data.train))).detach())


def test_every_part_is_a_term_of_the_loss_that_can_be_switched_off() -> None:
    strong = {"contrast_weight": 1.0, "alignment_weight": 1.0}
    alone = _loss(views="none", alignment=False)
    assert _loss(contrast_weight=0.0, alignment_weight=0.0) == pytest.approx(alone)
    assert _loss(**strong, alignment=False) > alone + 0.1
    assert _loss(**strong, views="none") > alone + 0.1
    assert _loss(**strong) == pytest.approx(_loss(**strong, alignment=False) + _loss(**strong, views="none") - alone, rel=1e-5)


@pytest.mark.parametrize("views", ["uniform", "adaptive"])
def test_other_views_leave_something_out(views: str) -> None:
    model, _ = _model(views=views, intensity=0.4, dimension=16)
    torch.manual_seed(0)
    first, second = model.reduced_view(), model.reduced_view()
    assert not torch.equal(first[0], second[0])
    gradients = torch.autograd.grad(
        model.contrast_loss(model.represent(model.initial_nodes()), [torch.arange(9), torch.arange(NUM_ITEMS)]), list(model.parameters())
    )
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_an_anchor_stands_still_and_the_sum_moves_with_behaviour() -> None:
    model, _ = _model(infusion=False)
    _, items = model.represent(model.initial_nodes())
    known = torch.tensor([1, 2, 6])
    found, *_ = torch.autograd.grad(
        model.alignment_loss(model.at(items, known), model.known[1][known]), [items.behaviour], retain_graph=True
    )
    expected, *_ = torch.autograd.grad(info_nce(items.behaviour[known], items.fused[known], 0.2), [items.behaviour])
    torch.testing.assert_close(found, expected)
