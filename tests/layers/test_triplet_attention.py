"""Attention over triplets against the paper's equations, with a vector for every triplet."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.layers.triplet_attention import Aggregation, Neighbourhoods, TripletAttention, TripletLayer
from tests.worlds import random_graph

SLOPE = 0.2


def _world() -> tuple[CollaborativeGraph, Tensor, Tensor]:
    """A graph in which an attribute has no edge and two nodes are joined by more than one relation, node and relation vectors."""
    torch.manual_seed(0)
    graph = random_graph(seed=4, num_attributes=12)
    assert (graph.degrees == 0).any()
    keys = graph.heads * graph.num_nodes + graph.tails
    assert len(keys.unique()) < len(keys)
    return graph, torch.randn(graph.num_nodes, 4), torch.randn(graph.num_relations, 3)


def _literal(layer: TripletAttention, graph: CollaborativeGraph, nodes: Tensor, relations: Tensor) -> Tensor:
    rows = []
    for node in range(graph.num_nodes):
        logits, triplets = [], []
        for edge in (graph.heads == node).nonzero().squeeze(1).tolist():
            joined = torch.cat([nodes[node], relations[graph.relations[edge]], nodes[graph.tails[edge]]])
            triplet = joined @ layer.triplet_weight
            triplets.append(triplet)
            logits.append(F.leaky_relu(triplet @ layer.attention_weight[:, 0], SLOPE))
        rows.append(torch.stack(logits).softmax(0) @ torch.stack(triplets) if logits else torch.zeros(layer.attention_weight.shape[0]))
    return torch.stack(rows)


def test_gathers_what_the_triplets_say_by_their_attention() -> None:
    graph, nodes, relations = _world()
    layer = TripletAttention(4, 3, 5, SLOPE)
    torch.testing.assert_close(layer(nodes, relations, Neighbourhoods.of(graph)), _literal(layer, graph, nodes, relations))


def test_has_the_gradient_of_the_equations() -> None:
    graph, nodes, relations = _world()
    layer = TripletAttention(4, 3, 5, SLOPE)
    upstream = torch.randn(graph.num_nodes, 5)
    variables = [nodes.requires_grad_(), relations.requires_grad_(), *layer.parameters()]
    found = torch.autograd.grad(layer(nodes, relations, Neighbourhoods.of(graph)), variables, upstream)
    expected = torch.autograd.grad(_literal(layer, graph, nodes, relations), variables, upstream)
    torch.testing.assert_close(found, expected)


@torch.no_grad()
@pytest.mark.parametrize("aggregation", Aggregation)
def test_adds_or_concatenates_the_node_itself(aggregation: Aggregation) -> None:
    graph, nodes, relations = _world()
    layer = TripletLayer(4, 3, 5, SLOPE, aggregation)
    gathered = _literal(layer.attention, graph, nodes, relations)
    for node, found in enumerate(layer(nodes, relations, Neighbourhoods.of(graph))):
        if aggregation is Aggregation.ADD:
            torch.testing.assert_close(found, nodes[node] @ layer.weight + gathered[node])
        else:
            torch.testing.assert_close(found, torch.cat([nodes[node], gathered[node]]) @ layer.weight)
