"""SpectralCF (Zheng et al., RecSys 2018, https://arxiv.org/abs/1808.10523)."""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.graph.bipartite import row_normalised
from mkg4rec.models.base import DotProduct, RankingHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Count
from mkg4rec.training.losses import squared_norm


class SpectralCfHyperparameters(RankingHyperparameters):
    """Attributes:
    dimension: C of the embeddings X_0 and F of every layer's filters.
    num_layers: K.
    regularization: λ_reg, on the embeddings of a batch.
    """

    dimension: Count
    num_layers: Count
    regularization: Annotated[float, Field(ge=0)]


class SpectralCf(DotProduct):
    """X_{k+1} = σ((I + L) X_k Θ_k) over the bipartite graph, L = I − D⁻¹ A its random-walk Laplacian.

    Attributes:
        users, items: X_0, (users, C) and (items, C).
        filters: (K, C, C), the Θ_k.
    """

    Hyperparameters = SpectralCfHyperparameters

    def __init__(self, hyperparameters: SpectralCfHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: SpectralCfHyperparameters = hyperparameters
        dimension = hyperparameters.dimension
        self.users = nn.Parameter(torch.empty(data.num_users, dimension))
        self.items = nn.Parameter(torch.empty(data.num_items, dimension))
        self.filters = nn.Parameter(torch.empty(hyperparameters.num_layers, dimension, dimension))
        for parameter in self.parameters():
            nn.init.normal_(parameter, mean=0.01, std=0.02)
        self.to(data.train.items.device)
        self.mean_of_items, self.mean_of_users = row_normalised(data.train)

    def final_vectors(self) -> tuple[Tensor, Tensor]:
        """X_0 ‖ … ‖ X_K (equation 10): (users, (K + 1) C) and (items, (K + 1) C)."""
        users: Tensor = self.users
        items: Tensor = self.items
        user_layers, item_layers = [users], [items]
        for filters in self.filters:
            # I + L = 2I − D⁻¹ A, block by block.
            users, items = 2 * users - self.mean_of_items(items), 2 * items - self.mean_of_users(users)
            users, items = torch.sigmoid(users @ filters), torch.sigmoid(items @ filters)
            user_layers.append(users)
            item_layers.append(items)
        return torch.cat(user_layers, dim=1), torch.cat(item_layers, dim=1)

    def penalty(self, users: Tensor, items: Tensor, negatives: Tensor) -> Tensor | float:
        candidates = torch.cat([items.unsqueeze(1), negatives], dim=1)
        return self.hyperparameters.regularization * squared_norm(F.embedding(users, self.users), F.embedding(candidates, self.items))
