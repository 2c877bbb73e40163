"""Whether explanations are true: what they name must matter more to the score than what they leave out."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mkg4rec.evaluation.ranking import NO_ITEM, Scorer, rank
from mkg4rec.evaluation.significance import Comparison, Values, compare
from mkg4rec.explanation.ablation import Ablation
from mkg4rec.explanation.explanation import explained_edges
from mkg4rec.explanation.paths import facts_apart, strongest_paths
from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import TrainingData
from mkg4rec.models.message_passing import Messages
from mkg4rec.progress import progress

RECOMMENDED = 10
"""A pair is a user with one of so many items of highest score that it has not taken."""


@dataclass(frozen=True)
class Faithfulness:
    """How much the score falls, over P pairs of a user and an item recommended to it.

    Attributes:
        links: the mean number of links that were removed; an edge and its inverse are one link.
        explained: (P,) without the links of the explanation.
        random: (P,) without as many links, drawn from all that touch the user, the item, or a neighbour of either.
        matched: (P,) without as many links of the user, as many of the item and as many of the others there, drawn likewise.
    """

    links: float
    explained: Values
    random: Values
    matched: Values

    def against_random(self) -> Comparison:
        """explained − random"""
        return compare(self.explained, self.random)

    def against_matched(self) -> Comparison:
        """explained − matched: the harder question, as the links of the pair itself count for more than those around."""
        return compare(self.explained, self.matched)


def measure(ablation: Ablation, pairs: Tensor, num_paths: int, seed: int) -> Faithfulness:
    """Remove explained and drawn links for each of (P, 2) pairs of user and item.

    Draws are uniform and without replacement among all links of the place, explained ones included, so that a pair whose few
    links are all explained has the same removed in both cases. Links along which no message goes either way (in KGCN interactions,
    and facts that were not sampled) are neither counted nor drawn: to lose them is nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    graph = ablation.messages.graph
    drops, counts = np.zeros((3, len(pairs))), []
    for number, (user, item) in enumerate(progress(pairs.tolist(), "pairs", len(pairs), "pair")):
        messages = ablation.messages_for(user)
        asked = (messages, ablation.influences(user, item), user, item, num_paths)
        edges, carrying = explained_edges(strongest_paths(*asked), facts_apart(*asked)), _carrying(messages)
        explained = torch.minimum(edges, graph.inverses[edges]).unique()
        explained = explained[carrying[explained]]
        places = _places(graph, carrying, user, item)
        around = torch.cat(places)
        matched = torch.cat([_drawn(place, int(torch.isin(explained, place).sum()), generator) for place in places])
        for row, removed in enumerate((explained, _drawn(around, len(explained), generator), matched)):
            drops[row, number] = ablation.drop(user, item, removed)
        counts.append(len(explained))
    return Faithfulness(float(np.mean(counts)), *drops)


def recommended_pairs(scorer: Scorer, data: TrainingData, count: int, seed: int) -> Tensor:
    """(P, 2) different pairs of a user and an item that it is recommended, drawn uniformly; `count`, or all where there are fewer.

    Train and validation items of a user are not recommended to it.
    """
    device = data.train.items.device
    seen: Interactions = data.train.union(data.valid)
    lists = rank(scorer, torch.arange(data.num_users, device=device), seen, RECOMMENDED)
    pairs = torch.stack([lists.users.unsqueeze(1).expand_as(lists.items), lists.items], dim=-1).flatten(0, 1)
    pairs = pairs[pairs[:, 1] != NO_ITEM]
    drawn = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))[:count]
    return pairs[drawn.to(device)]


def _carrying(messages: Messages) -> Tensor:
    """(edges,) bool, whether there are messages along the edge or its inverse."""
    carrying = messages.weights != 0
    return carrying | carrying[messages.graph.inverses]


def _places(graph: CollaborativeGraph, carrying: Tensor, user: int, item: int) -> list[Tensor]:
    """Links around a pair, by the lower number of their two edges: of the user, of the item, and those that touch a neighbour of either."""
    node = graph.num_entities + user
    nearby = torch.zeros(graph.num_nodes, dtype=torch.bool, device=graph.heads.device)
    for end in (node, item):
        nearby[graph.tails[graph.offsets[end] : graph.offsets[end + 1]]] = True
    link = carrying & (torch.arange(len(graph.heads), device=graph.heads.device) <= graph.inverses)
    of_user = (graph.heads == node) | (graph.tails == node)
    of_item = ((graph.heads == item) | (graph.tails == item)) & ~of_user
    others = (nearby[graph.heads] | nearby[graph.tails]) & ~of_user & ~of_item
    return [(link & place).nonzero().squeeze(1) for place in (of_user, of_item, others)]


def _drawn(links: Tensor, count: int, generator: torch.Generator) -> Tensor:
    return links[torch.randperm(len(links), generator=generator)[:count].to(links.device)]
