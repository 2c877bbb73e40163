"""IGDMRec: rows that are diffused and restored, the graph that is made of them, and the loss."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mkg4rec import params
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.igdmrec import Igdmrec
from mkg4rec.training.alignment import info_nce
from tests.conftest import ROOT
from tests.worlds import checkerboard

NUM_ITEMS = 12


def _model(**changes: Any) -> tuple[Igdmrec, TrainingData]:
    torch.manual_seed(0)
    data, _ = checkerboard(9, NUM_ITEMS)
    values = params.load(ROOT / "params.yaml").models["igdmrec"]
    values |= {"dimension": 4, "hidden_dimension": 16, "num_neighbours": 3, "modality_weights": {"visual": 0.3, "text": 0.7}} | changes
    model = registry.create("igdmrec", values, data)
    assert isinstance(model, Igdmrec)
    return model, data


@torch.no_grad()
def test_guidance_leads_beyond_the_condition() -> None:
    """Two passes of the network a step, as the formula has it, beside the one that is enough."""
    model, _ = _model(guidance=4, noise_scale=1.0, noise_high=0.5)
    model.eval()
    items = torch.arange(NUM_ITEMS)
    rows, condition = model.noisy_rows.dense_rows(items), model.denoiser.encode(model.conditions.dense_rows(items))
    for step in (4, 3, 2, 1, 0):
        steps = torch.full((NUM_ITEMS,), step)
        with_condition, without = model.denoiser(rows, condition, steps), model.denoiser(rows, torch.zeros_like(condition), steps)
        rows = model.diffusion.before(rows, 5 * with_condition - 4 * without, step)
    torch.testing.assert_close(model.restored(items), rows, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("block", [2, 100])
def test_the_denoised_graph_has_the_largest_entries_of_each_row(block: int) -> None:
    model, _ = _model(denoising_batch_size=block)
    model.eval()
    graph, rows = model.denoised_graph(), model.restored(torch.arange(NUM_ITEMS))
    for item in range(NUM_ITEMS):
        others = [other for other in range(NUM_ITEMS) if other != item and rows[item, other] > 0]
        expected = sorted(sorted(others, key=lambda other: -float(rows[item, other]))[:3])
        assert graph.neighbours[graph.items == item].tolist() == expected


@torch.no_grad()
def test_nobody_is_near_an_item_of_which_nothing_is_known() -> None:
    model, _ = _model()
    unknown = torch.zeros(NUM_ITEMS, dtype=torch.bool)
    unknown[[0, 5]] = True  # no content; and nobody took them with others:
    for graph in (model.noisy_rows, model.conditions):
        kept = ~(unknown[graph.items] | unknown[graph.neighbours])
        object.__setattr__(graph, "weights", graph.weights[kept])
        object.__setattr__(graph, "neighbours", graph.neighbours[kept])
        object.__setattr__(graph, "items", graph.items[kept])
    model.eval()
    graph = model.denoised_graph()
    assert not unknown[graph.items].any()
    assert not unknown[graph.neighbours].any()


def test_denoising_learns_the_rows() -> None:
    model, data = _model(dropout=0.0, learning_rate=0.01, denoising_passes=200)
    before = float(model.denoising_loss(torch.arange(NUM_ITEMS)).detach())
    model.pretrain(data)
    after = float(model.denoising_loss(torch.arange(NUM_ITEMS)).detach())
    assert after < 0.2 * before
    first = model.mixed()[0].dense_rows(torch.arange(NUM_ITEMS))
    model.refresh()
    assert not torch.equal(model.mixed()[0].dense_rows(torch.arange(NUM_ITEMS)), first)
    assert model.training


def test_a_row_without_its_condition_depends_on_no_condition() -> None:
    model, _ = _model(condition_dropout=1.0)
    model.eval()
    items = torch.arange(NUM_ITEMS)
    torch.manual_seed(1)
    found = model.denoising_loss(items)
    torch.manual_seed(1)
    rows, steps = model.noisy_rows.dense_rows(items), torch.randint(5, items.shape)
    torch.rand(NUM_ITEMS, 1)
    restored = model.denoiser(model.diffusion.noisy(rows, steps), torch.zeros(NUM_ITEMS, 16), steps)
    torch.testing.assert_close(found, F.mse_loss(restored, rows))


def test_both_graphs_are_held_against_each_other() -> None:
    model, data = _model(contrast_weight=0.5, regularization=0.0)
    model.refresh()
    positives = torch.arange(len(data.train))
    torch.manual_seed(1)
    found = model.recommendation_loss(positives)
    torch.manual_seed(1)
    users, items = model.final_vectors()
    noisy = items - model.item_graphs[0](model.items) + model.original(model.items)
    chosen = data.train.items.unique()
    expected = model.ranking_loss(model.candidates(positives), users, items) + 0.5 * info_nce(noisy[chosen], items[chosen], 0.2)
    torch.testing.assert_close(found, expected)
