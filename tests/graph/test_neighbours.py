"""Neighbour sequences against a breadth-first search written item by item."""

import torch

from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.neighbours import neighbour_sequences
from mkg4rec.interactions import Interactions
from tests.worlds import random_graph


def _literal(graph: CollaborativeGraph, item: int, length: int) -> list[int]:
    neighbours: dict[int, set[int]] = {node: set() for node in range(graph.num_nodes)}
    degree = dict.fromkeys(range(graph.num_nodes), 0)
    for head, tail in zip(graph.heads.tolist(), graph.tails.tolist(), strict=True):
        neighbours[head].add(tail)
        degree[head] += 1
    sequence, frontier, visited = [item], [item], {item}
    while frontier and len(sequence) < length:
        ring = sorted({near for node in frontier for near in neighbours[node]} - visited)
        visited |= set(ring)
        users = sorted((node for node in ring if node >= graph.num_entities), key=lambda node: (degree[node], node))
        others = sorted((node for node in ring if node < graph.num_entities), key=lambda node: (degree[node], node))
        frontier = []
        while users or others:
            frontier += [kind.pop(0) for kind in (users, others) if kind]
        sequence += frontier
    return sequence[:length]


def test_reads_the_nearest_nodes_first() -> None:
    for seed in range(20):
        graph = random_graph(seed)
        for length in (1, 4, 12, 40):
            sequences = neighbour_sequences(graph, length)
            for item in range(graph.num_items):
                expected = _literal(graph, item, length)
                assert sequences.nodes[item][sequences.present[item]].tolist() == expected
                assert int(sequences.present[item].sum()) == len(expected)


def test_an_item_alone_reads_itself() -> None:
    train = Interactions.from_pairs(torch.tensor([0]), torch.tensor([0]), 1, 2)
    empty = torch.empty(0, dtype=torch.long)
    graph = CollaborativeGraph.build(train, Triplets(empty, empty, empty, 2, 0))
    sequences = neighbour_sequences(graph, 3)
    assert sequences.nodes.tolist() == [[0, 2, 0], [1, 1, 1]]
    assert sequences.present.tolist() == [[True, True, False], [True, False, False]]
