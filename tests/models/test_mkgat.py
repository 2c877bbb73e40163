"""MKGAT against the equations of its paper: contents as entities, attention over triplets, TransE on the first layer."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.layers.triplet_attention import TripletLayer
from mkg4rec.models import registry
from mkg4rec.models.mkgat import ContentEncoder, Mkgat, with_contents
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(**changes: Any) -> Mkgat:
    values = params.load(ROOT / "params.yaml").models["mkgat"] | {"dimension": 8, "layer_dimensions": [6, 4], "num_layers": 2} | changes
    model = registry.create("mkgat", values, checkerboard()[0])
    assert isinstance(model, Mkgat)
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def _propagated(model: Mkgat, layer: torch.nn.Module, nodes: Tensor) -> Tensor:
    """Equations 1 – 6, with a vector for every triplet."""
    assert isinstance(layer, TripletLayer)
    graph, weights = model.graph, layer.attention
    rows = []
    for node in range(graph.num_nodes):
        logits, triplets = [], []
        for edge in (graph.heads == node).nonzero().squeeze(1).tolist():
            relation = model.transe.translations[graph.relations[edge]]
            triplets.append(torch.cat([nodes[node], relation, nodes[graph.tails[edge]]]) @ weights.triplet_weight)
            logits.append(F.leaky_relu(triplets[-1] @ weights.attention_weight[:, 0], 0.2))
        gathered = torch.stack(logits).softmax(0) @ torch.stack(triplets)
        if model.hyperparameters.aggregation == "add":
            rows.append(nodes[node] @ layer.weight + gathered)
        else:
            rows.append(torch.cat([nodes[node], gathered]) @ layer.weight)
    return torch.stack(rows)


def test_contents_are_entities_with_a_relation_per_modality() -> None:
    triplets = Triplets(torch.tensor([0, 1]), torch.tensor([0, 1]), torch.tensor([3, 2]), 4, 2)
    visual = FeatureMatrix(torch.randn(4, 3), torch.tensor([True, False, False, True]))
    text = FeatureMatrix(torch.randn(4, 3), torch.tensor([False, True, False, False]))
    extended = with_contents(triplets, [visual, text])
    facts = list(zip(extended.heads.tolist(), extended.relations.tolist(), extended.tails.tolist(), strict=True))
    assert facts == [(0, 0, 3), (1, 1, 2), (0, 2, 4), (3, 2, 5), (1, 3, 6)]
    assert (extended.num_entities, extended.num_relations) == (7, 4)


@torch.no_grad()
def test_a_content_is_its_features_through_a_dense_layer() -> None:
    data, _ = checkerboard()
    model = _model()
    features = data.read_features("text")
    nodes = model.initial_nodes()
    num_entities, present = len(features.vectors), features.present.nonzero().squeeze(1)
    assert torch.equal(nodes[:num_entities], model.entities)
    assert torch.equal(nodes[-data.num_users :], model.users)
    for side, encoder in enumerate(model.contents):
        assert isinstance(encoder, ContentEncoder)
        for place, entity in enumerate(present.tolist()):
            node = num_entities + side * len(present) + place
            torch.testing.assert_close(nodes[node], encoder.projection(features.vectors[entity]))
            edges = model.graph.heads == node
            assert model.graph.tails[edges].tolist() == [entity]


@torch.no_grad()
@pytest.mark.parametrize("aggregation", ["add", "concat"])
def test_final_vectors_are_all_layers_together(aggregation: str) -> None:
    model = _model(aggregation=aggregation)
    values = model.initial_nodes()
    outputs = [values]
    for layer in model.layers:
        values = _propagated(model, layer, values)
        outputs.append(values / values.norm(dim=1, keepdim=True))
    final = torch.cat(outputs, dim=1)
    users, items = model.final_vectors()
    torch.testing.assert_close(users, final[model.graph.num_entities :], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(items, final[: model.graph.num_items], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_facts_are_judged_by_the_first_layer() -> None:
    model = _model()
    graph, edges = model.graph, torch.tensor([0, 7, 100, 300])
    torch.manual_seed(5)
    found = model.kg_loss(edges)
    torch.manual_seed(5)
    corrupted = model.negative_tails.draw(edges)
    nodes = _propagated(model, model.layers[0], model.initial_nodes())
    expected = []
    for edge, wrong in zip(edges, corrupted, strict=True):
        translated = nodes[graph.heads[edge]] + model.transe.translations[graph.relations[edge]]
        true, false = (translated - nodes[graph.tails[edge]]).norm() ** 2, (translated - nodes[wrong]).norm() ** 2
        expected.append(-torch.log(torch.sigmoid(false - true)))
    torch.testing.assert_close(found, torch.stack(expected).mean(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("modalities", [["visual", "text"], ["text"], []])
def test_all_parameters_learn(modalities: list[str]) -> None:
    model = _model(modalities=modalities).train()
    assert len(model.contents) == len(modalities)
    interactions, edges = (next(objective.batches()) for objective in model.objectives())
    (model.recommendation_loss(interactions) + model.kg_loss(edges)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_layers": 3}, "layer_dimensions has 2 widths"),
        ({"modalities": ["text", "text"]}, "stands twice"),
        ({"aggregation": "mean"}, r"models\.mkgat\.aggregation"),
    ],
)
def test_refuses_what_does_not_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(**changes)
