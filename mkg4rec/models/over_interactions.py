"""Messages between users and the items that they took, weighed by the degrees of both ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from mkg4rec.graph.bipartite import bipartite_graph, partly_normalised, symmetric_normalised
from mkg4rec.graph.collaborative import INTERACTS, CollaborativeGraph
from mkg4rec.graph.sparse import LearnedProduct, SparseProduct
from mkg4rec.models.data import TrainingData
from mkg4rec.models.message_passing import MessagePassing, Messages


class OverInteractions(MessagePassing):
    """A model that propagates by D^−½ A D^−½ of the interactions.

    Attributes:
        num_layers: how often.
        adjacency: D_u^−½ R D_i^−½, users × items.
    """

    num_layers: int

    def __init__(self, hyperparameters: Any, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.adjacency: SparseProduct | LearnedProduct = symmetric_normalised(data.train)
        self._graph: CollaborativeGraph | None = None

    @property
    def graph(self) -> CollaborativeGraph:
        """All edges along which there are messages; made when it is first asked for, since training does without."""
        if self._graph is None:
            self._graph = self.make_graph()
        return self._graph

    def make_graph(self) -> CollaborativeGraph:
        return bipartite_graph(self.train_interactions)

    def messages(self) -> Messages:
        """The entries of D^−½ A D^−½."""
        degrees = torch.cat([self.train_interactions.item_counts, self.train_interactions.counts])
        return Messages(self.graph, normalised_interactions(self.graph, degrees), self.num_layers, relation_names=())

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole = self.adjacency
        self.adjacency = partly_normalised(self.train_interactions, kept[self.graph.edges_by_relation[INTERACTS]])
        try:
            yield
        finally:
            self.adjacency = whole


def normalised_interactions(graph: CollaborativeGraph, degrees: Tensor) -> Tensor:
    """(edges,) 1 / √(D_h D_t) for interactions and their inverses, 0 for other edges; from (nodes,) degrees D."""
    weights = torch.zeros(len(graph.heads), device=degrees.device)
    for relation in (INTERACTS, INTERACTS + graph.num_relations // 2):
        edges = graph.edges_by_relation[relation]
        weights[edges] = (degrees[graph.heads[edges]] * degrees[graph.tails[edges]]).float().rsqrt()
    return weights
