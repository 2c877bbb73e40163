"""What the shape of the collaborative knowledge graph says of an edge, whatever stands at its ends."""

import torch
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.graph.sparse import Pattern
from mkg4rec.progress import progress
from mkg4rec.ragged import entries_of, row_offsets

EDGE_FEATURES = ("tail_degree", "degree_product", "relation_frequency", "common_neighbours", "joined_neighbours")

HELD = 1 << 23
"""Entries of the dense block of rows that is held at a time."""


@torch.no_grad()
def edge_features(graph: CollaborativeGraph) -> Tensor:
    """(edges, 5) float32, a column for each of `EDGE_FEATURES`, with mean 0 and deviation 1 over the edges.

    For (h, r, t): log d_t, (log d_h − mean) (log d_t − mean), log of the number of edges of r, and log(1 + x) for both of
    `common_neighbours`. A term in d_h alone would be the same for all edges of h and cancel in a softmax over them, hence
    the product: how much more, or less, a well-connected head heeds well-connected tails. A column without variation is 0.
    """
    degrees = graph.degrees.double().log()
    of_tail = degrees[graph.tails]
    frequencies = torch.bincount(graph.relations, minlength=graph.num_relations).double().log()
    shared, joined = common_neighbours(graph)
    columns = [
        of_tail,
        _standardised(degrees[graph.heads]) * _standardised(of_tail),
        frequencies[graph.relations],
        shared.double().log1p(),
        joined.double().log1p(),
    ]
    return torch.stack([_standardised(column).float() for column in columns], dim=1)


@torch.no_grad()
def common_neighbours(graph: CollaborativeGraph) -> tuple[Tensor, Tensor]:
    """What lies between the ends h and t of each edge, (edges,) float32 each, relations and directions set aside.

    The first is the number of nodes x joined to both, h – x – t. Users are joined to items alone and items hardly to
    items, so that it is 0 for nearly every interaction. The second is what stands for it in such a graph (Daminelli et al.,
    New Journal of Physics 17, 2015, https://doi.org/10.1088/1367-2630/17/11/113037; L3 of Kovács et al., Nature
    Communications 10, 2019, https://doi.org/10.1038/s41467-019-09177-y): the number of links between a neighbour x of h
    and a neighbour y of t, h – x – y – t, with x ≠ t and y ≠ h. Of a user and an item: how often others took the item
    together with what this user took.

    They are (A²)_ht and (A³)_ht − d_h − d_t + 1 by the adjacency matrix A without loops, computed for a block of rows at a
    time: memory is that of the block, time 2 · edges · rows. One end of each edge needs a row, the one of lower number;
    as items come first, the rows are the items and what is joined to no item. A training step on d-dimensional vectors
    costs some 10 d · edges, so this costs no more than items / (5 d) steps.
    """
    nodes = graph.num_nodes
    lower, upper = torch.minimum(graph.heads, graph.tails), torch.maximum(graph.heads, graph.tails)
    links, places = torch.unique(lower * nodes + upper, return_inverse=True)
    lower, upper = links // nodes, links % nodes
    pattern = _adjacency(lower, upper, nodes)
    adjacency = pattern.weighted(torch.ones(len(pattern.columns), device=links.device))
    offsets, blocks = row_offsets(lower, nodes), lower.unique().split(max(1, HELD // nodes))
    shared, joined = torch.empty(2, len(links), device=links.device)
    for block in progress(blocks, "common neighbours", len(blocks), "block"):
        column, entries = entries_of(pattern.offsets, block)
        one_away = torch.zeros(nodes, len(block), device=links.device)
        one_away[pattern.columns[entries], column] = 1
        two_away = adjacency(one_away)
        column, entries = entries_of(offsets, block)
        shared[entries] = two_away[upper[entries], column]
        joined[entries] = adjacency(two_away)[upper[entries], column]
    # What goes over the edge itself, there and back: along with any neighbour of the one end or of the other.
    degrees = pattern.offsets.diff()
    joined -= (degrees[lower] + degrees[upper] - 1).where(lower != upper, 0)
    return shared[places], joined[places]


def _adjacency(lower: Tensor, upper: Tensor, nodes: int) -> Pattern:
    """Both directions of undirected links, each given once; a link from a node to itself is left out."""
    proper = lower != upper
    rows, order = torch.cat([lower[proper], upper[proper]]).sort(stable=True)
    return Pattern.build(rows, torch.cat([upper[proper], lower[proper]])[order], (nodes, nodes))


def _standardised(values: Tensor) -> Tensor:
    centred = values - values.mean()
    deviation = centred.square().mean().sqrt()
    return (centred / deviation).where(deviation > torch.finfo(torch.float32).eps, 0.0)
