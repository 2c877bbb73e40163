"""The collaborative knowledge graph against sets of Python tuples."""

import torch

from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.interactions import Interactions
from tests.worlds import random_graph


def test_holds_every_fact_and_its_inverse_once() -> None:
    train = Interactions.from_pairs(torch.tensor([0, 0, 1]), torch.tensor([1, 2, 0]), 2, 3)
    triplets = Triplets(torch.tensor([0, 2, 0]), torch.tensor([1, 0, 1]), torch.tensor([3, 4, 3]), 5, 2)
    graph = CollaborativeGraph.build(train, triplets)
    forward = {(5, 0, 1), (5, 0, 2), (6, 0, 0), (0, 2, 3), (2, 1, 4)}
    expected = forward | {(tail, relation + 3, head) for head, relation, tail in forward}
    actual = list(zip(graph.heads.tolist(), graph.relations.tolist(), graph.tails.tolist(), strict=True))
    assert actual == sorted(expected)
    assert graph.num_nodes == 7
    assert graph.num_relations == 6


def test_offsets_and_relations_index_the_edges() -> None:
    graph = random_graph()
    for node in range(graph.num_nodes):
        assert (graph.heads[graph.offsets[node] : graph.offsets[node + 1]] == node).all()
    assert int(graph.offsets[-1]) == len(graph.heads)
    assert sorted(torch.cat(graph.edges_by_relation).tolist()) == list(range(len(graph.heads)))
    for relation, edges in enumerate(graph.edges_by_relation):
        assert (graph.relations[edges] == relation).all()
