"""SpectralCF (Zheng et al., RecSys 2018, https://arxiv.org/abs/1808.10523)."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.graph.bipartite import bipartite_graph, identity_plus_laplacian
from mkg4rec.graph.collaborative import INTERACTS, CollaborativeGraph
from mkg4rec.graph.sparse import LearnedProduct, SparseProduct
from mkg4rec.group import Count
from mkg4rec.models.data import TrainingData
from mkg4rec.models.dot_product import RankingHyperparameters
from mkg4rec.models.message_passing import MessagePassing, Messages
from mkg4rec.training.losses import squared_norm
from mkg4rec.tuning.space import Range


class SpectralCfHyperparameters(RankingHyperparameters):
    """Attributes:
    dimension: C of the embeddings X_0 and F of every layer's filters.
    num_layers: K.
    regularization: λ_reg, on the final vectors that a batch involves, and what a search varies in place of the weight decay.
    """

    dimension: Count
    num_layers: Count
    regularization: Annotated[float, Field(ge=0), Range(1e-5, 1e-1, log=True)]
    weight_decay: Annotated[float, Field(ge=0)]


class SpectralCf(MessagePassing):
    """X_{k+1} = σ((I + L) X_k Θ_k) over the bipartite graph, L = I − D⁻¹ A its random-walk Laplacian.

    The paper writes U Uᵀ + U Λ Uᵀ with the eigenvectors of L, and its code computes just that, dense. It is I + L
    only if U is orthogonal, and L is not symmetric. Ours: I + L itself, sparse, since all that the paper derives of
    it is meant. A is without self-connections, as in the paper and unlike its code.

    Attributes:
        embeddings: X_0, (users + items, C), users first.
        filters: (K, C, C), the Θ_k.
    """

    Hyperparameters = SpectralCfHyperparameters

    def __init__(self, hyperparameters: SpectralCfHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: SpectralCfHyperparameters = hyperparameters
        self.parts = [data.num_users, data.num_items]
        dimension = hyperparameters.dimension
        self.embeddings = nn.Parameter(torch.empty(sum(self.parts), dimension))
        self.filters = nn.Parameter(torch.empty(hyperparameters.num_layers, dimension, dimension))
        for parameter in self.parameters():
            nn.init.normal_(parameter, mean=0.01, std=0.02)
        self.to(data.train.items.device)
        self.convolution: SparseProduct | LearnedProduct = identity_plus_laplacian(data.train).constant

    def initial_nodes(self) -> Tensor:
        """X_0 of items, then of users."""
        users, items = self.embeddings.split(self.parts)
        return torch.cat([items, users])

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        """X_0 ‖ … ‖ X_K: (users, (K + 1) C) and (items, (K + 1) C)."""
        layers = [torch.cat(initial.split(self.parts[::-1])[::-1])]
        for filters in self.filters:
            layers.append(torch.sigmoid(self.convolution(layers[-1]) @ filters))
        users, items = torch.cat(layers, dim=1).split(self.parts)
        return users, items

    @cached_property
    def graph(self) -> CollaborativeGraph:
        """All edges along which there are messages."""
        return bipartite_graph(self.train_interactions)

    def messages(self) -> Messages:
        """The entries −1 / |N_h| of I + L beside its diagonal."""
        graph = self.graph
        return Messages(graph, -1 / graph.degrees[graph.heads].float(), len(self.filters), relation_names=())

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole = self.convolution
        self.convolution = identity_plus_laplacian(self.train_interactions, kept[self.graph.edges_by_relation[INTERACTS]])
        try:
            yield
        finally:
            self.convolution = whole

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """λ_reg · ½ (‖v_u‖² + ‖v_i‖² + Σ_j ‖v_j‖²) of final vectors, the mean over the batch."""
        return self.hyperparameters.regularization * squared_norm(asking, offered)
