"""Why a model gives an item to a user: paths, modalities, and the user's history."""

from dataclasses import dataclass

import torch

from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.paths import NO_EDGE, Paths, strongest_paths
from mkg4rec.models.message_passing import Messages
from mkg4rec.progress import progress


@dataclass(frozen=True)
class Step:
    """An edge of a path, from the user on.

    Attributes:
        relation: its number among the graph's facts: 0 is "interacts with".
        inverse: whether the fact goes from `tail` to `head`.
        head, tail: nodes as `CollaborativeGraph` numbers them.
        to_user, to_item: the weight of a message along it, towards the user and towards the item.
    """

    relation: int
    inverse: bool
    head: int
    tail: int
    to_user: float
    to_item: float


@dataclass(frozen=True)
class ExplainedPath:
    """`strength` and `attention` as the functions in `paths` define them."""

    steps: list[Step]
    strength: float
    attention: float


@dataclass(frozen=True)
class HistoryItem:
    """An item that the user took in train.

    Attributes:
        attention: the weight of its message to the user.
        drop: by how much the score falls without this interaction, by recomputation.
    """

    item: int
    attention: float
    drop: float


@dataclass(frozen=True)
class Explanation:
    """Of one user with one item, both by index.

    Attributes:
        score: what the model gives the pair.
        in_train: whether the user took the item in train, so that the graph joins the two.
        paths: the strongest first.
        drop: by how much the score falls without all edges of `paths`.
        modalities: the share of each; empty where the model reads none.
        history: what weighs most, first; among `considered` of the `taken` items, those of most attention.
    """

    user: int
    item: int
    score: float
    in_train: bool
    paths: list[ExplainedPath]
    drop: float
    modalities: dict[str, float]
    history: list[HistoryItem]
    considered: int
    taken: int


def explain(ablation: Ablation, user: int, item: int, num_paths: int, considered: int) -> Explanation:
    """Explain the score of a pair of indices.

    Args:
        num_paths: paths to give at most.
        considered: items of the history whose weight is computed; each costs a propagation.
    """
    model, graph = ablation.model, ablation.messages.graph
    paths = strongest_paths(ablation.messages, ablation.influences(user, item), user, item, num_paths)
    device = graph.heads.device
    with torch.no_grad():
        shares = model.modality_shares(torch.tensor([user], device=device), torch.tensor([item], device=device))
    train = model.train_interactions
    return Explanation(
        user,
        item,
        ablation.score(user, item),
        bool(train.contains(torch.tensor(user, device=device), torch.tensor(item, device=device))),
        _explained(ablation, paths),
        ablation.drop(user, item, explained_edges(paths)),
        {modality: float(share) for modality, share in shares.items()},
        _history(ablation, user, item, considered),
        min(considered, int(train.counts[user])),
        int(train.counts[user]),
    )


def explained_edges(paths: Paths) -> torch.Tensor:
    """(n,) the edges of all paths, each once."""
    edges: torch.Tensor = paths.edges[paths.edges != NO_EDGE].unique()
    return edges


def _explained(ablation: Ablation, paths: Paths) -> list[ExplainedPath]:
    rows = zip(paths.edges.tolist(), paths.strengths.tolist(), paths.attention.tolist(), strict=True)
    return [
        ExplainedPath([_step(ablation.messages, edge) for edge in edges if edge != NO_EDGE], strength, attention)
        for edges, strength, attention in rows
    ]


def _step(messages: Messages, edge: int) -> Step:
    graph, weights = messages.graph, messages.weights
    facts = graph.num_relations // 2
    relation, inverse = int(graph.relations[edge]), int(graph.inverses[edge])
    ends = int(graph.heads[edge]), int(graph.tails[edge])
    return Step(relation % facts, relation >= facts, *ends, float(weights[edge]), float(weights[inverse]))


def _history(ablation: Ablation, user: int, item: int, considered: int) -> list[HistoryItem]:
    """The items of most attention, by how much the score falls without them; `item` itself is no part of its own reason."""
    graph, weights = ablation.messages.graph, ablation.messages.weights
    node = graph.num_entities + user
    edges = torch.arange(int(graph.offsets[node]), int(graph.offsets[node + 1]), device=weights.device)
    edges = edges[graph.tails[edges] != item]
    edges = edges[weights[edges].argsort(descending=True, stable=True)[:considered]]
    history = [
        HistoryItem(int(graph.tails[edge]), float(weights[edge]), ablation.drop(user, item, edge.unsqueeze(0)))
        for edge in progress(edges, "history", len(edges), "item")
    ]
    return sorted(history, key=lambda taken: -taken.drop)
