"""Neighbour sequences: what the cross-modal transformer reads about each item."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.ragged import entries_of


@dataclass(frozen=True)
class NeighbourSequences:
    """For each item a sequence of nodes, the item first.

    Attributes:
        nodes: (items, n) int64 node indices; padding repeats the item.
        present: (items, n) bool, False where padding stands.
    """

    nodes: Tensor
    present: Tensor


def neighbour_sequences(graph: CollaborativeGraph, length: int) -> NeighbourSequences:
    """The first `length` nodes of a breadth-first search over G from every item, nearest first.

    The paper (Multi-KG4Rec, section 3.3) orders by distance and leaves the order within a distance open.
    Ours: users and attributes take turns, so that neither crowds the other out of a short sequence, and
    of each kind the nodes of low degree come first, because they say the most about this item (a director
    of four films more than a country of a thousand); ties go by node index.

    All items advance together, a ring of the search at a time. An item leaves the search once its
    sequence is full, so that rings stay small: the next one is expanded only for items that need it.
    """
    items = torch.arange(graph.num_items, device=graph.heads.device)
    # Visited (item, node) pairs as sorted keys item · num_nodes + node.
    visited = items * graph.num_nodes + items
    sequence = [visited]
    frontier = visited
    lengths = torch.ones_like(items)
    for _ in range(graph.num_nodes):
        unfinished = lengths[frontier // graph.num_nodes] < length
        ring = _ring(graph, frontier[unfinished], visited)
        if not len(ring):
            break
        visited = torch.cat([visited, ring]).sort().values
        ring = _in_reading_order(graph, ring)
        sequence.append(ring)
        lengths += torch.bincount(ring // graph.num_nodes, minlength=graph.num_items)
        frontier = ring
    return _padded(graph, torch.cat(sequence), length)


def _ring(graph: CollaborativeGraph, frontier: Tensor, visited: Tensor) -> Tensor:
    """Keys of the nodes next to the frontier that were not visited, ascending, once each."""
    nodes = frontier % graph.num_nodes
    source, edges = entries_of(graph.offsets, nodes)
    keys = torch.unique((frontier // graph.num_nodes)[source] * graph.num_nodes + graph.tails[edges])
    position = torch.searchsorted(visited, keys).clamp_(max=len(visited) - 1)
    return torch.masked_select(keys, visited[position] != keys)


def _in_reading_order(graph: CollaborativeGraph, ring: Tensor) -> Tensor:
    """Keys sorted by item, then users and attributes in turn, each by ascending degree."""
    items, nodes = ring // graph.num_nodes, ring % graph.num_nodes
    is_user = (nodes >= graph.num_entities).long()
    order = _lexicographic(items, is_user, graph.degrees[nodes])
    ring, items, is_user = ring[order], items[order], is_user[order]
    turn = _rank_within(items * 2 + is_user)
    return ring[_lexicographic(items, turn, 1 - is_user)]


def _lexicographic(*keys: Tensor) -> Tensor:
    """The permutation that sorts by the first key, then the second, and so on; stable."""
    order = torch.arange(len(keys[0]), device=keys[0].device)
    for key in reversed(keys):
        order = order[torch.argsort(key[order], stable=True)]
    return order


def _rank_within(groups: Tensor) -> Tensor:
    """0, 1, 2, … within each run of equal values of ascending `groups`."""
    _, counts = torch.unique_consecutive(groups, return_counts=True)
    starts = counts.cumsum(0) - counts
    return torch.arange(len(groups), device=groups.device) - torch.repeat_interleave(starts, counts)


def _padded(graph: CollaborativeGraph, keys: Tensor, length: int) -> NeighbourSequences:
    keys = keys[torch.argsort(keys // graph.num_nodes, stable=True)]
    items, nodes = keys // graph.num_nodes, keys % graph.num_nodes
    position = _rank_within(items)
    kept = position < length
    sequences = torch.arange(graph.num_items, device=keys.device).unsqueeze(1).repeat(1, length)
    present = torch.zeros_like(sequences, dtype=torch.bool)
    sequences[items[kept], position[kept]] = nodes[kept]
    present[items[kept], position[kept]] = True
    return NeighbourSequences(sequences, present)
