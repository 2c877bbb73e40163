"""The models on the graph with an attention that is aware of its structure: learned by recommendation, saved, and worth its while."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec import params
from mkg4rec.device import Arithmetic, seed_everything
from mkg4rec.evaluation.metrics import accuracy
from mkg4rec.evaluation.ranking import rank
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.graph.sparse import LearnedProduct
from mkg4rec.graph.structure import EDGE_FEATURES
from mkg4rec.layers.bi_interaction import BiInteraction
from mkg4rec.layers.structure_attention import MultiHopProduct
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.knowledge_graph import KnowledgeAttentionModel
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from tests.conftest import ROOT
from tests.worlds import checkerboard, dense_interactions

VARIANTS = ["kgat_structure_aware", "multi_kg4rec_structure_aware"]
PARAMS = params.load(ROOT / "params.yaml")
FLOAT32 = Arithmetic(torch.float32, compile=False)


def _model(name: str, data: TrainingData, **changes: Any) -> KnowledgeAttentionModel:
    model = registry.create(PARAMS.base_model(name), PARAMS.hyperparameters("demo", name) | changes, data)
    assert isinstance(model, KnowledgeAttentionModel)
    return model


def _random(name: str, **changes: Any) -> KnowledgeAttentionModel:
    """Large weights, so that a wrong term shows."""
    model = _model(name, checkerboard(12, 10)[0], **changes)
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.refresh()
    return model.eval()


@torch.no_grad()
@pytest.mark.parametrize("hops", [1, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_layers_gather_by_both_terms_and_over_all_hops(name: str, hops: int) -> None:
    model = _random(name, hops=hops)
    graph, structure, projections = model.graph, model.structure, model.transr.projections
    assert structure is not None
    matrix = torch.zeros(graph.num_nodes, graph.num_nodes)
    logits = structure.features @ structure.structure_weights
    for edge, (head, relation, tail) in enumerate(zip(graph.heads, graph.relations, graph.tails, strict=True)):
        key = torch.tanh(projections[relation] @ model.embeddings[head] + model.transr.translations[relation])
        logits[edge] += (projections[relation] @ model.embeddings[tail]) @ key
    for head in graph.heads.unique():
        edges = graph.heads == head
        matrix[head].index_add_(0, graph.tails[edges], logits[edges].softmax(0))
    shares = structure.hop_logits.softmax(0)
    operator = sum(shares[hop] * torch.linalg.matrix_power(matrix, hop + 1) for hop in range(hops))

    sides = []
    for side, value in enumerate(model.initial_nodes()):
        outputs = [value]
        for layer in model.layers:
            assert isinstance(layer, BiInteraction)
            around = operator @ value
            value = F.leaky_relu((value + around) @ layer.sum_weight[side] + layer.sum_bias[side], 0.2) + F.leaky_relu(
                (value * around) @ layer.product_weight[side] + layer.product_bias[side], 0.2
            )
            outputs.append(F.normalize(value, dim=1))
        sides.append(torch.cat(outputs, dim=1))
    final = torch.cat(sides, dim=1)
    users, items = model.final_vectors()
    torch.testing.assert_close(users, final[graph.num_entities :], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(items, final[: graph.num_items], atol=1e-4, rtol=1e-4)
    weights = torch.cat([logits[graph.heads == node].softmax(0) for node in graph.heads.unique()])
    torch.testing.assert_close(model.messages().weights, weights)
    assert model.messages().hop_shares == pytest.approx(shares.tolist())


@torch.no_grad()
@pytest.mark.parametrize("name", VARIANTS)
def test_begins_as_the_model_without_it_but_for_the_hops(name: str) -> None:
    data, _ = checkerboard(12, 10)
    vectors = []
    for model in (_model(name, data, hops=1), _model(PARAMS.base_model(name), data)):
        torch.manual_seed(0)
        for parameter in [parameter for own, parameter in model.named_parameters() if not own.startswith("structure.")]:
            torch.nn.init.normal_(parameter, std=0.3)
        model.refresh()
        vectors.append(model.eval().final_vectors())
    torch.testing.assert_close(*vectors)


@pytest.mark.parametrize("name", VARIANTS)
def test_recommendation_alone_teaches_it_at_every_step(name: str) -> None:
    model = _random(name).train()
    structure, (recommendation, facts) = model.structure, model.objectives()
    assert structure is not None
    model.kg_loss(next(facts.batches())).backward()
    assert structure.structure_weights.grad is None
    assert structure.hop_logits.grad is None
    optimizer = torch.optim.SGD(structure.parameters(), 1.0)
    before = _weights(model)
    for _ in range(2):
        optimizer.zero_grad()
        model.recommendation_loss(next(recommendation.batches())).backward()
        assert structure.structure_weights.grad is not None
        assert structure.hop_logits.grad is not None
        # A graph without triangles has no common neighbours, and these no gradient.
        varied = structure.features.any(dim=0)
        assert varied.sum() == len(EDGE_FEATURES) - 1
        assert structure.structure_weights.grad[varied].abs().min() > 0
        assert structure.hop_logits.grad.abs().min() > 0
        optimizer.step()
        after = _weights(model)
        assert not torch.allclose(after, before)
        before = after


def _weights(model: KnowledgeAttentionModel) -> Tensor:
    model.final_vectors()
    assert isinstance(model.attention, MultiHopProduct)
    assert isinstance(model.attention.product, LearnedProduct)
    return model.attention.product.weights.detach()


def _trained(model: KnowledgeAttentionModel, data: TrainingData, folder: Path) -> None:
    fit(model, data, FLOAT32, Checkpoint(folder / "checkpoint" / "state.safetensors"))


SHORT: dict[str, Any] = {"max_epochs": 12, "batch_size": 128, "kg_batch_size": 128, "learning_rate": 0.01}


@pytest.mark.parametrize("name", VARIANTS)
def test_keeps_the_contract_of_models(name: str, tmp_path: Path) -> None:
    data, _ = checkerboard()
    users, scores = torch.arange(data.num_users), []
    for run in ("first", "again"):
        seed_everything(0)
        model = _model(name, data, **SHORT)
        _trained(model, data, tmp_path / run)
        scores.append(model.scorer().score(users))
    assert torch.equal(*scores)
    lists = rank(model.scorer(), users, data.train, 2, 16)
    assert accuracy(lists, data.valid, (2,))["recall@2"].mean() > 0.95

    model.save(tmp_path, data)
    values = PARAMS.hyperparameters("demo", name) | SHORT
    base = PARAMS.base_model(name)
    assert torch.equal(registry.load(base, values, tmp_path, data).score(users), scores[0])
    assert torch.equal(registry.restore(base, values, tmp_path, data).scorer().score(users), scores[0])


NUM_GROUPS, PER_GROUP, NUM_SPAM = 4, 8, 24


def _spammed() -> tuple[TrainingData, Tensor]:
    """Users and items in groups, and of each user two items in train, so that the attributes of the groups have to tell the rest.

    Every item also has all of the attributes that say nothing, by the same relation; the (nodes,) bool say which these are.
    """
    num_items, num_users = NUM_GROUPS * PER_GROUP, 40
    generator, items = torch.Generator().manual_seed(0), torch.arange(num_items)
    right = torch.arange(num_users).unsqueeze(1) % NUM_GROUPS == items % NUM_GROUPS
    known = (torch.rand(right.shape, generator=generator) * right).argsort(descending=True)[:, :2]
    train = torch.zeros_like(right).scatter(1, known, torch.tensor(True).expand_as(known))
    entities = num_items + NUM_GROUPS + NUM_SPAM
    spam = torch.arange(num_items + NUM_GROUPS, entities)
    heads = torch.cat([items, items.repeat(NUM_SPAM)])
    tails = torch.cat([num_items + items % NUM_GROUPS, spam.repeat_interleave(num_items)])
    triplets = Triplets(heads, torch.zeros_like(heads), tails, entities, 1)
    data, _ = checkerboard(num_users, num_items)
    says_nothing = torch.zeros(entities + num_users, dtype=torch.bool).index_fill(0, spam, True)
    data = replace(data, train=dense_interactions(train), valid=dense_interactions(right & ~train), read_triplets=lambda: triplets)
    return data, says_nothing


def test_learns_to_disregard_hubs_that_say_nothing(tmp_path: Path) -> None:
    data, says_nothing = _spammed()
    changes: dict[str, Any] = {"dimension": 16, "num_layers": 2, "layer_dimensions": [16, 16], "hops": 1, "max_epochs": 15}
    changes |= {"batch_size": 32, "kg_batch_size": 256, "learning_rate": 0.01}
    attention: dict[str, list[float]] = {"kgat": [], "kgat_structure_aware": []}
    recall: dict[str, list[float]] = {"kgat": [], "kgat_structure_aware": []}
    for name in attention:
        for seed in range(3):
            seed_everything(seed)
            model = _model(name, data, **changes)
            _trained(model, data, tmp_path / f"{name} {seed}")
            graph = model.graph
            to_spam = (graph.heads < graph.num_items) & says_nothing[graph.tails]
            attention[name].append(float(model.messages().weights[to_spam].sum()) / graph.num_items)
            lists = rank(model.scorer(), torch.arange(data.num_users), data.train, PER_GROUP - 2, 16)
            recall[name].append(float(accuracy(lists, data.valid, (PER_GROUP - 2,))[f"recall@{PER_GROUP - 2}"].mean()))
    for plain, aware in zip(attention["kgat"], attention["kgat_structure_aware"], strict=True):
        assert aware < 0.6 * plain
    assert sum(recall["kgat_structure_aware"]) > sum(recall["kgat"])
