"""Why a model gives an item to a user: paths, modalities, and the user's history."""

from dataclasses import dataclass

import torch

from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.paths import NO_EDGE, Paths, brought_by_links, facts_apart, strongest_paths
from mkg4rec.models.message_passing import Messages
from mkg4rec.progress import progress


@dataclass(frozen=True)
class Step:
    """An edge of a path, from the user on.

    Attributes:
        relation: its number among the graph's facts: 0 is "interacts with".
        inverse: whether the fact goes from `tail` to `head`.
        head, tail: nodes as `CollaborativeGraph` numbers them.
        to_user, to_item: the weight of a message along it, towards the user (0 where none reaches users) and towards the item.
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
        linked: what its links to the item bring to the score; None where interactions have a part in it.
    """

    item: int
    attention: float
    drop: float
    linked: float | None = None


@dataclass(frozen=True)
class Fact:
    """What the item hears of a neighbour.

    Attributes:
        step: from the neighbour to the item.
        strength: the influence of the edge.
    """

    step: Step
    strength: float


@dataclass(frozen=True)
class Explanation:
    """Of one user with one item, both by index.

    Attributes:
        score: what the model gives the pair.
        in_train: whether the user took the item in train, so that the graph joins the two.
        paths: the strongest first.
        drop: by how much the score falls without all edges of `paths` and `apart`.
        modalities: the share of each; empty where the model reads none.
        history: what weighs most, first; among `considered` of the `taken` items, those of most attention.
        users_hear: whether what the user took has a part in the score beside that in training.
        apart: where it has none, the facts of the item that speak for it and link it to nothing that the user took, the strongest first.
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
    users_hear: bool
    apart: list[Fact]


def explain(ablation: Ablation, user: int, item: int, num_paths: int, considered: int) -> Explanation:
    """Explain the score of a pair of indices.

    Args:
        num_paths: paths to give at most.
        considered: items of the history whose weight is computed; each costs a propagation.
    """
    model, messages = ablation.model, ablation.messages_for(user)
    influences, device = ablation.influences(user, item), messages.weights.device
    paths, apart = strongest_paths(messages, influences, user, item, num_paths), facts_apart(messages, influences, user, item, num_paths)
    with torch.no_grad():
        shares = model.modality_shares(torch.tensor([user], device=device), torch.tensor([item], device=device))
    train, hear = model.train_interactions, messages.users_hear
    taken = _taken(messages, user, item)
    if hear:
        history = _history(ablation, messages, taken[:considered], user, item)
    else:
        history = _linked(messages, influences, taken, user, item)[:considered]
    return Explanation(
        user,
        item,
        ablation.score(user, item),
        bool(train.contains(torch.tensor(user, device=device), torch.tensor(item, device=device))),
        [
            ExplainedPath([_step(messages, edge) for edge in edges if edge != NO_EDGE], strength, attention)
            for edges, strength, attention in zip(paths.edges.tolist(), paths.strengths.tolist(), paths.attention.tolist(), strict=True)
        ],
        ablation.drop(user, item, explained_edges(paths, apart)),
        {modality: float(share) for modality, share in shares.items()},
        history,
        len(history),
        int(train.counts[user]),
        hear,
        [Fact(_step(messages, int(messages.graph.inverses[edge])), float(influences[edge])) for edge in apart],
    )


def explained_edges(paths: Paths, apart: torch.Tensor) -> torch.Tensor:
    """(n,) the edges of all paths and (F,) facts `apart`, each once."""
    edges: torch.Tensor = torch.cat([paths.edges[paths.edges != NO_EDGE], apart]).unique()
    return edges


def _step(messages: Messages, edge: int) -> Step:
    graph, weights = messages.graph, messages.weights
    facts = graph.num_relations // 2
    relation, inverse = int(graph.relations[edge]), int(graph.inverses[edge])
    ends = int(graph.heads[edge]), int(graph.tails[edge])
    to_user = float(weights[edge]) if messages.users_hear else 0.0
    return Step(relation % facts, relation >= facts, *ends, to_user, float(weights[inverse]))


def _taken(messages: Messages, user: int, item: int) -> torch.Tensor:
    """The edges from the user to what it took, those of most attention first; `item` itself is no part of its own reason."""
    graph, weights = messages.graph, messages.weights
    node = graph.num_entities + user
    edges = torch.arange(int(graph.offsets[node]), int(graph.offsets[node + 1]), device=weights.device)
    edges = edges[graph.tails[edges] != item]
    return edges[weights[edges].argsort(descending=True, stable=True)]


def _history(ablation: Ablation, messages: Messages, taken: torch.Tensor, user: int, item: int) -> list[HistoryItem]:
    """By how much the score falls without each of the items."""
    history = [
        HistoryItem(int(messages.graph.tails[edge]), float(messages.weights[edge]), ablation.drop(user, item, edge.unsqueeze(0)))
        for edge in progress(taken, "history", len(taken), "item")
    ]
    return sorted(history, key=lambda item: -item.drop)


def _linked(messages: Messages, influences: torch.Tensor, taken: torch.Tensor, user: int, item: int) -> list[HistoryItem]:
    """Items without which the score is what it was, by what their links to the item bring to it."""
    linked, items = brought_by_links(messages.graph, influences, user, item), messages.graph.tails[taken]
    order = linked[items].argsort(descending=True, stable=True)
    return [HistoryItem(taken, 0.0, 0.0, float(linked[taken])) for taken in items[order].tolist()]
