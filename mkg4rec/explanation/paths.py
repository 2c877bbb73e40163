"""The paths between a user and an item that carry most of what their vectors have in common."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.models.message_passing import Messages
from mkg4rec.ragged import entries_of, row_offsets


@dataclass(frozen=True)
class Paths:
    """P paths user = v_0, v_1, …, v_n = item of 1 to 3 edges, the strongest first; no node stands twice on a path.

    Attributes:
        edges: (P, 3) numbers of the edges; edge j has the head v_j and the tail v_{j+1}; `NO_EDGE` after the last.
        strengths: (P,), see `strength`.
        attention: (P,), see `attention`.
    """

    edges: Tensor
    strengths: Tensor
    attention: Tensor


NO_EDGE = -1
LONGEST = 3


def strongest_paths(messages: Messages, influences: Tensor, user: int, item: int, count: int) -> Paths:
    """`count` strong and different ones of all paths of up to 3 edges, or all where there are fewer; the strongest is the first.

    All paths are looked at: the edges of the user and those of the item are laid side by side, and joined where they meet
    (2 edges) or where an edge leads from the one side to the other (3 edges). Chosen is one after the other, each time what adds
    most: an edge that is on a path already counts no more, else all paths would begin with the same one. Where no message reaches
    users, a path counts if something on it reaches the item (not over other users) and it does not speak against it; and of those
    that end in the same edge the strongest alone, since the edges of the user bring nothing (`_heard`).

    Args:
        influences: (edges,) of this pair.
        user, item: indices.
    """
    start = messages.graph.num_entities + user
    edges = torch.cat([_of_one(messages.graph, start, item), _of_two(messages.graph, start, item), _of_three(messages.graph, start, item)])
    if not messages.users_hear:
        edges = _heard(messages, influences, edges, brought_by_links(messages.graph, influences, user, item))
    chosen = edges[_adding_most(messages.graph, influences, edges, count)]
    strengths, order = strength(influences, chosen).sort(descending=True, stable=True)
    return Paths(chosen[order], strengths, attention(messages, chosen[order]))


def strength(influences: Tensor, edges: Tensor) -> Tensor:
    """What the path brings to the score: Σ over its edges of their influence, the fall of the score without them to first order.

    Attention alone does not tell: a message may be let through in full and still speak against the item.

    Args:
        influences: (edges of the graph,), `Ablation.influences`.
        edges: (P, 3) as in `Paths`.

    Returns:
        (P,)
    """
    return influences[edges].where(edges != NO_EDGE, 0.0).sum(1)


def attention(messages: Messages, edges: Tensor) -> Tensor:
    """How much of every node on a path reaches both of its ends, along the path.

    A message goes from an edge's tail to its head and is multiplied with the edge's weight w on its way. So Π_{j<k} w(v_j, v_{j+1})
    of v_k's vector reaches the user in k layers, and Π_{j≥k} w(v_{j+1}, v_j) of it reaches the item in n − k. The score is the
    product of the user's and the item's vector, hence this node adds to it in proportion to the product of both shares, and
    the path Σ_k Π_{j<k} w(v_j, v_{j+1}) · Π_{j≥k} w(v_{j+1}, v_j), over all k ≤ L with n − k ≤ L. Where a layer reaches over
    several edges, either product counts by `Messages.carried`. What the layers make of a message beside weighing it
    (matrices, non-linearities) is left aside, as with every reading of attention. Where no message reaches users, the score is the
    product of the user's own vector with what reaches the item: Σ_k Π_{j≥k} w(v_{j+1}, v_j) over the nodes between the ends.

    Args:
        edges: (P, 3) as in `Paths`.

    Returns:
        (P,)
    """
    present = edges != NO_EDGE
    ones = messages.weights.new_ones(len(edges), 1)
    to_user = messages.weights[edges].where(present, 1.0)  # (P, 3)
    to_item = messages.weights[messages.graph.inverses[edges]].where(present, 1.0)
    at_user = torch.cat([ones, to_user.cumprod(1)], dim=1)  # (P, 4), of v_k
    at_item = torch.cat([to_item.flip(1).cumprod(1).flip(1), ones], dim=1)
    meeting, length = torch.arange(LONGEST + 1, device=edges.device), present.sum(1, keepdim=True)
    carried = messages.weights.new_tensor(messages.carried(LONGEST))
    if not messages.users_hear:
        return (at_item * carried[(length - meeting).clamp(min=0)] * ((meeting > 0) & (meeting < length))).sum(1)
    in_layers = carried[meeting] * carried[(length - meeting).clamp(min=0)] * (meeting <= length)
    return (at_user * at_item * in_layers).sum(1)


def facts_apart(messages: Messages, influences: Tensor, user: int, item: int, count: int) -> Tensor:
    """(F,) the edges from the item to what it hears of and no path joins to the user, `count` at most, those of most influence first.

    Only such as do not speak against the item; and none where messages reach users, who are joined by interactions then.
    """
    graph, weights = messages.graph, messages.weights
    edges, taken = _edges_of(graph, item), graph.tails[_edges_of(graph, graph.num_entities + user)]
    if messages.users_hear:
        return edges[:0]
    near = torch.zeros(graph.num_nodes, dtype=torch.bool, device=weights.device)
    near[taken[taken != item]] = True
    near[graph.tails[near[graph.heads]]] = True
    edges = edges[~near[graph.tails[edges]] & (weights[edges] > 0) & (influences[edges] >= 0)]
    return edges[influences[edges].argsort(descending=True, stable=True)[:count]]


def brought_by_links(graph: CollaborativeGraph, influences: Tensor, user: int, item: int) -> Tensor:
    """(nodes,) of each node that links to the item what these links bring to the score: Σ of their influences, each once; else 0.

    A link is an edge between the two, or a path of two edges that does not lead over the user; no node stands twice on it.
    """
    start = graph.num_entities + user
    last = _edges_of(graph, item)
    last = last[(graph.tails[last] != start) & (graph.tails[last] != item)]
    of_item = influences.new_zeros(graph.num_nodes).index_add(0, graph.tails[last], influences[last])
    reached = torch.zeros_like(of_item, dtype=torch.bool)
    reached[graph.tails[last]] = True
    leads_on = reached[graph.tails] & (graph.heads != graph.tails)
    first = (leads_on & (graph.heads != item) & (graph.heads != start)).nonzero().squeeze(1)
    brought = of_item.index_add(0, graph.heads[first], influences[first])
    # The links of an item to what several relations join with it are its own once.
    pairs = (graph.heads[first] * graph.num_nodes + graph.tails[first]).unique()
    return brought.index_add(0, pairs // graph.num_nodes, of_item[pairs % graph.num_nodes])


def _heard(messages: Messages, influences: Tensor, edges: Tensor, linked: Tensor) -> Tensor:
    """Of the (P, 3) paths those that speak for the item, one for each last edge.

    It is the strongest; of equally strong ones that over the item which is more `linked`, (nodes,).
    """
    edges = edges[(attention(messages, edges) > 0) & (strength(influences, edges) >= 0)]
    edges = edges[linked[messages.graph.tails[edges[:, 0]]].argsort(descending=True, stable=True)]
    edges = edges[strength(influences, edges).argsort(descending=True, stable=True)]
    last = edges.gather(1, (edges != NO_EDGE).sum(1, keepdim=True) - 1).squeeze(1)
    ends, group = last.unique(return_inverse=True)
    places = torch.arange(len(edges), device=edges.device)
    return edges[places.new_full((len(ends),), len(edges)).scatter_reduce(0, group, places, "amin").sort().values]


def _adding_most(graph: CollaborativeGraph, influences: Tensor, edges: Tensor, count: int) -> Tensor:
    """Numbers of `count` of the (P, 3) paths, each with the largest strength over edges that none before it has."""
    unexplained, left = influences.clone(), torch.ones(len(edges), dtype=torch.bool, device=edges.device)
    chosen = []
    for _ in range(min(count, len(edges))):
        best = strength(unexplained, edges).where(left, -torch.inf).argmax()
        left[best] = False
        links = edges[best][edges[best] != NO_EDGE]
        unexplained[links] = 0.0
        unexplained[graph.inverses[links]] = 0.0
        chosen.append(best)
    return torch.stack(chosen) if chosen else torch.empty(0, dtype=torch.long, device=edges.device)


def _of_one(graph: CollaborativeGraph, start: int, end: int) -> Tensor:
    """(P, 3) paths of one edge."""
    edges = _edges_of(graph, start)
    return _padded(edges[graph.tails[edges] == end])


def _of_two(graph: CollaborativeGraph, start: int, end: int) -> Tensor:
    """(P, 3) paths of two edges."""
    first, last = _ends(graph, start, end)
    return _padded(*_joined(graph, first, graph.tails[first], last))


def _of_three(graph: CollaborativeGraph, start: int, end: int) -> Tensor:
    """(P, 3) paths of three edges."""
    first, last = _ends(graph, start, end)
    owner, middle = entries_of(graph.offsets, graph.tails[first])
    leads_on = torch.isin(graph.tails[middle], graph.tails[last]) & (graph.tails[middle] != graph.heads[middle])
    first, middle = first[owner[leads_on]], middle[leads_on]
    pairs = torch.arange(len(middle), device=middle.device)
    joined, last = _joined(graph, pairs, graph.tails[middle], last)
    return _padded(first[joined], middle[joined], last)


def _ends(graph: CollaborativeGraph, start: int, end: int) -> tuple[Tensor, Tensor]:
    """The edges from `start` and those from `end`, without what joins the two and without loops."""
    sides = []
    for node in (start, end):
        edges = _edges_of(graph, node)
        tails = graph.tails[edges]
        sides.append(edges[(tails != start) & (tails != end)])
    return sides[0], sides[1]


def _joined(graph: CollaborativeGraph, begun: Tensor, reached: Tensor, last: Tensor) -> tuple[Tensor, Tensor]:
    """What has `begun`, (B,), with what leads on to the end: the inverses of those `last` edges whose tail was (B,) `reached`."""
    tails, order = graph.tails[last].sort(stable=True)
    owner, entries = entries_of(row_offsets(tails, graph.num_nodes), reached)
    return begun[owner], graph.inverses[last[order][entries]]


def _edges_of(graph: CollaborativeGraph, node: int) -> Tensor:
    return torch.arange(int(graph.offsets[node]), int(graph.offsets[node + 1]), device=graph.heads.device)


def _padded(*columns: Tensor) -> Tensor:
    """(P, 3) from up to three (P,) columns."""
    none = torch.full_like(columns[0], NO_EDGE)
    return torch.stack([*columns, *[none] * (LONGEST - len(columns))], dim=1)
