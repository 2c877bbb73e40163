"""SpectralCF (Zheng et al., RecSys 2018, https://arxiv.org/abs/1808.10523)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.graph.bipartite import identity_plus_laplacian
from mkg4rec.group import Count
from mkg4rec.models.base import DotProduct, RankingHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.training.losses import squared_norm


class SpectralCfHyperparameters(RankingHyperparameters):
    """Attributes:
    dimension: C of the embeddings X_0 and F of every layer's filters.
    num_layers: K.
    regularization: λ_reg, on the final vectors that a batch involves.
    """

    dimension: Count
    num_layers: Count
    regularization: Annotated[float, Field(ge=0)]


class SpectralCf(DotProduct):
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
        self.convolution = identity_plus_laplacian(data.train)

    def final_vectors(self) -> tuple[Tensor, Tensor]:
        """X_0 ‖ … ‖ X_K: (users, (K + 1) C) and (items, (K + 1) C)."""
        layers: list[Tensor] = [self.embeddings]
        for filters in self.filters:
            layers.append(torch.sigmoid(self.convolution(layers[-1]) @ filters))
        users, items = torch.cat(layers, dim=1).split(self.parts)
        return users, items

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """λ_reg · ½ (‖v_u‖² + ‖v_i‖² + Σ_j ‖v_j‖²) of final vectors, the mean over the batch."""
        return self.hyperparameters.regularization * squared_norm(asking, offered)
