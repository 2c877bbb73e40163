"""KGAT against the equations of its paper, node by node and edge by edge."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.graph.sparse import SparseProduct
from mkg4rec.models import registry
from mkg4rec.models.kgat import Kgat
from mkg4rec.models.knowledge_graph import KnowledgeAttentionModel
from mkg4rec.models.multi_kg4rec import MultiKG4Rec
from mkg4rec.training.pretraining import PretrainingHyperparameters, bpr_embeddings
from tests.conftest import ROOT
from tests.worlds import checkerboard

PRETRAINING = {"epochs": 3, "patience": 3, "learning_rate": 0.01, "batch_size": 128, "regularization": 0.001}


def _model(**changes: Any) -> Kgat:
    values = params.load(ROOT / "params.yaml").models["kgat"] | {"dimension": 8, "layer_dimensions": [6, 4], "num_layers": 2} | changes
    model = registry.create("kgat", values, checkerboard()[0])
    assert isinstance(model, Kgat)
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.refresh()
    return model.eval()


def _aggregated(kind: str, layer: nn.Module, own: Tensor, around: Tensor) -> Tensor:
    """Equations 6, 7 and 8 for one node."""
    weights = {name: parameter[0] for name, parameter in layer.named_parameters()}
    if kind == "gcn":
        return F.leaky_relu((own + around) @ weights["weight"] + weights["bias"][0], 0.2)
    if kind == "graphsage":
        return F.leaky_relu(torch.cat([own, around]) @ weights["weight"] + weights["bias"][0], 0.2)
    added = F.leaky_relu((own + around) @ weights["sum_weight"] + weights["sum_bias"][0], 0.2)
    return added + F.leaky_relu((own * around) @ weights["product_weight"] + weights["product_bias"][0], 0.2)


@torch.no_grad()
@pytest.mark.parametrize("aggregator", ["gcn", "graphsage", "bi_interaction"])
def test_propagates_with_attention_over_the_neighbours(aggregator: str) -> None:
    model = _model(aggregator=aggregator)
    graph, projections, translations = model.graph, model.transr.projections, model.transr.translations
    values = model.embeddings.detach()
    outputs = [values]
    for layer in model.layers:
        rows = []
        for node in range(graph.num_nodes):
            logits, tails = [], []
            for edge in (graph.heads == node).nonzero().squeeze(1).tolist():
                relation, tail = graph.relations[edge], graph.tails[edge]
                key = torch.tanh(projections[relation] @ model.embeddings[node] + translations[relation])
                logits.append((projections[relation] @ model.embeddings[tail]) @ key)
                tails.append(values[tail])
            around = torch.stack(logits).softmax(0) @ torch.stack(tails)
            rows.append(_aggregated(aggregator, layer, values[node], around))
        values = torch.stack(rows)
        outputs.append(values / values.norm(dim=1, keepdim=True))
    final = torch.cat(outputs, dim=1)
    users, items = model.final_vectors()
    torch.testing.assert_close(users, final[graph.num_entities :], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(items, final[: graph.num_items], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_is_multi_kg4rec_without_modalities() -> None:
    kgat = _model(dimension=16, layer_dimensions=[16, 8])
    shared = set(registry.model_class("kgat").Hyperparameters.model_fields) & set(MultiKG4Rec.Hyperparameters.model_fields)
    values = params.load(ROOT / "params.yaml").models["multi_kg4rec"] | {"modalities": []}
    values |= {name: getattr(kgat.hyperparameters, name) for name in shared}
    other = registry.create("multi_kg4rec", values, checkerboard()[0])
    assert isinstance(other, MultiKG4Rec)
    other.load_state_dict(kgat.state_dict())
    other.refresh()
    for found, expected in zip(kgat.final_vectors(), other.eval().final_vectors(), strict=True):
        assert torch.equal(found, expected)


def test_an_epoch_is_recommendation_then_facts_and_then_new_attention() -> None:
    model = _model()
    assert [objective.name for objective in model.objectives()] == ["loss", "kg_loss"]
    assert sum(map(len, model.objectives()[1].batches())) == len(model.graph.heads)
    with torch.no_grad():
        assert isinstance(model.attention, SparseProduct)
        before, final = model.attention.matrix.values().clone(), model.final_vectors()[0]
        model.transr.translations.add_(1)
        assert torch.equal(model.final_vectors()[0], final)
        model.refresh()
    assert not torch.allclose(model.attention.matrix.values(), before)
    assert not torch.allclose(model.final_vectors()[0], final)


@pytest.mark.parametrize("name", ["kgat", "multi_kg4rec"])
def test_begins_with_the_vectors_of_a_matrix_factorisation_where_asked_to(name: str) -> None:
    data, _ = checkerboard()
    values = params.load(ROOT / "params.yaml").models[name] | {"dimension": 8}
    model, plain = (registry.create(name, values | {"pretraining": pretraining}, data) for pretraining in (PRETRAINING, None))
    assert isinstance(model, KnowledgeAttentionModel)
    assert isinstance(plain, KnowledgeAttentionModel)
    before = model.embeddings.detach().clone()
    torch.manual_seed(1)
    model.pretrain(data)
    torch.manual_seed(1)
    users, items = bpr_embeddings(data, 8, PretrainingHyperparameters.model_validate(PRETRAINING))
    after = model.embeddings.detach()
    assert torch.equal(after[: data.num_items], items)
    assert torch.equal(after[model.graph.num_entities :], users)
    attributes = slice(data.num_items, model.graph.num_entities)
    assert torch.equal(after[attributes], before[attributes])

    before = plain.embeddings.detach().clone()
    plain.pretrain(data)
    assert torch.equal(plain.embeddings, before)


@pytest.mark.parametrize("aggregator", ["gcn", "graphsage", "bi_interaction"])
def test_all_parameters_learn(aggregator: str) -> None:
    model = _model(aggregator=aggregator).train()
    interactions, edges = (next(objective.batches()) for objective in model.objectives())
    (model.recommendation_loss(interactions) + model.kg_loss(edges)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_drops_messages_in_training_alone() -> None:
    model = _model(message_dropout=0.5)
    with torch.no_grad():
        first, second = model.final_vectors()[0], model.final_vectors()[0]
        assert torch.equal(first, second)
        model.train()
        assert not torch.equal(model.final_vectors()[0], first)


@torch.no_grad()
def test_a_layer_of_kgat_s_attention_reaches_over_one_edge_whatever_hops_says() -> None:
    for found, expected in zip(_model(hops=3).final_vectors(), _model(hops=1).final_vectors(), strict=True):
        assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "structural"}, r"models\.kgat\.attention"),
        ({"num_layers": 3}, "layer_dimensions has 2 widths"),
        ({"aggregator": "mean"}, r"models\.kgat\.aggregator"),
        ({"pretraining": {"epochs": 3}}, r"models\.kgat\.pretraining\.patience: this key is missing"),
        ({"pretraining": True}, r"models\.kgat\.pretraining"),
    ],
)
def test_refuses_what_does_not_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(**changes)
