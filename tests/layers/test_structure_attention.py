"""Attention aware of structure against its equations, head by head and hop by hop."""

import pytest
import torch
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.graph.sparse import Pattern
from mkg4rec.layers.attention import knowledge_attention, knowledge_logits
from mkg4rec.layers.structure_attention import MultiHopProduct, StructureAwareAttention
from mkg4rec.layers.transr import TransR
from tests.worlds import random_graph


def _world(seed: int, hops: int) -> tuple[CollaborativeGraph, StructureAwareAttention, Tensor, Tensor, TransR]:
    graph = random_graph(seed, num_attributes=12)
    assert (graph.degrees == 0).any()
    torch.manual_seed(seed)
    attention = StructureAwareAttention(graph, hops)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    embeddings, transr = torch.randn(graph.num_nodes, 5), TransR(graph.num_relations, 5)
    return graph, attention, embeddings, knowledge_logits(graph, embeddings, transr), transr


def _matrix(graph: CollaborativeGraph, attention: StructureAwareAttention, embeddings: Tensor, transr: TransR) -> Tensor:
    """Π, dense: every entry by the formula."""
    matrix = torch.zeros(graph.num_nodes, graph.num_nodes)
    for node in range(graph.num_nodes):
        edges = (graph.heads == node).nonzero().squeeze(1).tolist()
        logits = []
        for edge in edges:
            relation, tail = graph.relations[edge], graph.tails[edge]
            key = torch.tanh(transr.projections[relation] @ embeddings[node] + transr.translations[relation])
            learned = sum(attention.structure_weights[f] * attention.features[edge, f] for f in range(attention.features.shape[1]))
            logits.append(((transr.projections[relation] @ embeddings[tail]) @ key).detach() + learned)
        if edges:
            places = (torch.full((len(edges),), node), graph.tails[edges])
            matrix = matrix.index_put(places, torch.stack(logits).softmax(0), accumulate=True)
    return matrix


@pytest.mark.parametrize(("seed", "hops"), [(0, 1), (1, 2), (2, 3)])
def test_is_the_softmax_of_both_terms_over_several_hops_with_its_gradient(seed: int, hops: int) -> None:
    graph, attention, embeddings, logits, transr = _world(seed, hops)
    dense = torch.randn(graph.num_nodes, 4, requires_grad=True)
    pattern = Pattern.build(graph.heads, graph.tails, (graph.num_nodes, graph.num_nodes))
    found = MultiHopProduct(pattern.learned(attention(logits)), attention.hop_shares())(dense)

    matrix = _matrix(graph, attention, embeddings, transr)
    shares = attention.hop_logits.exp() / attention.hop_logits.exp().sum()
    expected = sum(shares[k] * torch.linalg.matrix_power(matrix, k + 1) for k in range(hops)) @ dense
    torch.testing.assert_close(found, expected)

    upstream, variables = torch.randn_like(found), [attention.structure_weights, attention.hop_logits, dense]
    gradients = torch.autograd.grad(found, variables, upstream)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, variables, upstream), atol=1e-5, rtol=1e-4)


def test_the_gradient_agrees_with_finite_differences() -> None:
    graph, attention, _, logits, _ = _world(0, 2)
    dense = torch.randn(graph.num_nodes, 2)
    pattern = Pattern.build(graph.heads, graph.tails, (graph.num_nodes, graph.num_nodes))

    def gathered(structure_weights: Tensor, hop_logits: Tensor) -> Tensor:
        parameters = {"structure_weights": structure_weights, "hop_logits": hop_logits}
        weights = torch.func.functional_call(attention, parameters, (logits,))
        assert isinstance(weights, Tensor)
        return MultiHopProduct(pattern.learned(weights), hop_logits.softmax(0))(dense)

    variables = (attention.structure_weights, attention.hop_logits)
    assert torch.autograd.gradcheck(gathered, variables, eps=1e-2, atol=5e-3, rtol=5e-3)


def test_begins_as_kgat_s() -> None:
    graph, attention, embeddings, logits, transr = _world(0, 2)
    torch.nn.init.zeros_(attention.structure_weights)
    torch.testing.assert_close(attention(logits), knowledge_attention(graph, embeddings, transr))


def test_autocast_leaves_it_as_exact_as_it_is() -> None:
    _, attention, _, logits, _ = _world(0, 2)
    with torch.autocast("cpu", torch.bfloat16):
        inside = attention(logits)
    assert torch.equal(inside, attention(logits))
