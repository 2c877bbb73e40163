"""FREEDOM against its equations, and the parts of the graph that it leaves out or does not have."""

import math
from typing import Any

import pytest
import torch

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.graph.bipartite import symmetric_normalised
from mkg4rec.graph.sparse import SparseProduct
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.freedom import Freedom, ItemContents
from mkg4rec.models.lightgcn import LightGcn
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(**changes: Any) -> tuple[Freedom, TrainingData]:
    torch.manual_seed(0)
    data, _ = checkerboard(9, 12)
    values = (
        params.load(ROOT / "params.yaml").models["freedom"] | {"dimension": 3, "modality_weights": {"visual": 0.3, "text": 0.7}} | changes
    )
    model = registry.create("freedom", values, data)
    assert isinstance(model, Freedom)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model, data


@torch.no_grad()
@pytest.mark.parametrize("steps", [1, 2])
def test_an_item_is_its_behaviour_and_what_its_neighbours_are(steps: int) -> None:
    model, data = _model(num_item_layers=steps)
    model.eval()
    graph = data.read_item_graph("text")  # that of both modalities here
    edges = list(zip(graph.items.tolist(), graph.neighbours.tolist(), strict=True))
    degree = [sum(item == other for other, _ in edges) for item in range(12)]
    nodes = model.items.detach()
    for _ in range(steps):
        following = torch.zeros_like(nodes)
        for item, neighbour in edges:
            following[item] += nodes[neighbour] / math.sqrt(degree[item] * degree[neighbour])
        nodes = following
    users, items = model.final_vectors()
    lightgcn = registry.create("lightgcn", params.load(ROOT / "params.yaml").models["lightgcn"] | {"dimension": 3, "num_layers": 2}, data)
    assert isinstance(lightgcn, LightGcn)
    lightgcn.load_state_dict({"users": model.users, "items": model.items})
    behaviour_users, behaviour_items = lightgcn.final_vectors()
    torch.testing.assert_close(users, behaviour_users)
    torch.testing.assert_close(items, behaviour_items + nodes)
    without = ~data.read_features("text").present[:12]
    assert without.any()
    assert torch.equal(items[without], behaviour_items[without])


@torch.no_grad()
def test_an_epoch_trains_on_a_part_of_the_interactions_and_scores_on_all() -> None:
    model, data = _model(pruned=0.5)
    torch.manual_seed(3)
    kept = []
    for _ in range(2):
        next(model.objectives()[0].batches())
        assert isinstance(model.pruned, SparseProduct)
        kept.append(model.pruned.matrix.to_dense() > 0)
        assert kept[-1].sum() == round(len(data.train) / 2)
    assert not torch.equal(*kept)
    training = model.final_vectors()[0]
    assert not torch.equal(model.eval().final_vectors()[0], training)
    model.pruned = symmetric_normalised(data.train)
    torch.testing.assert_close(model.final_vectors(), model.train().final_vectors())


@torch.no_grad()
def test_the_modalities_rank_by_themselves_where_both_items_have_them() -> None:
    model, data = _model(modality_loss_weight=0.5, regularization=0.0)
    users, candidates = torch.tensor([2, 0, 4]), torch.tensor([[1, 2], [0, 3], [7, 4]])  # items 0, 5 and 10 have none
    features, asking = data.read_features("text"), torch.randn(3, 3)
    expected = 0.0
    for part in model.contents:
        assert isinstance(part, ItemContents)
        for row, (taken, other) in enumerate(candidates.tolist()):
            if features.present[taken] and features.present[other]:
                margin = float(asking[row] @ (part.projection(features.vectors[taken]) - part.projection(features.vectors[other])))
                expected += 0.5 * math.log(1 + math.exp(-margin)) / 3
    found = model.penalty(users, candidates, asking, torch.zeros(3, 2, 3))
    assert float(found) == pytest.approx(expected, rel=1e-5)
    assert model.penalty(users, candidates[:, :1], asking, torch.zeros(3, 1, 3)) == 0


def test_refuses_no_modality() -> None:
    with pytest.raises(PipelineError, match=r"models\.freedom\.modality_weights"):
        _model(modality_weights={})
