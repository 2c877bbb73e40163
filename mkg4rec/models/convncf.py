"""ConvNCF: outer product-based neural collaborative filtering (He et al., IJCAI 2018, https://arxiv.org/abs/1808.03912)."""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import AfterValidator, Field
from torch import Tensor, nn

from mkg4rec.group import Count
from mkg4rec.layers.interaction_map import ConvolutionTower
from mkg4rec.models.base import NeuralHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.models.pairwise import Pairwise
from mkg4rec.progress import progress
from mkg4rec.training.blocks import sum_over_blocks
from mkg4rec.training.losses import bpr, squared_norm
from mkg4rec.training.pretraining import PretrainingHyperparameters, bpr_embeddings
from mkg4rec.tuning.space import Range

BLOCK = {"cpu": 2**19, "cuda": 2**28}
"""Numbers in the largest layer of the maps that are computed at a time: 2 MB stay in a processor's cache, a GPU has room for 1 GB."""

USERS_AT_ONCE = 4


def _power_of_two(dimension: int) -> int:
    if dimension & (dimension - 1):
        raise ValueError("each convolution halves the map until one pixel is left, which takes a power of two")
    return dimension


class ConvNcfHyperparameters(NeuralHyperparameters):
    """Attributes:
    dimension: d of the embeddings; the map is d × d, and there are log₂ d convolutions.
    channels: of each convolution.
    embedding_regularization, convolution_regularization, prediction_regularization: λ of the embeddings that a batch involves,
        of the kernels and of w; the first is what a search varies in place of the weight decay.
    pretraining: the matrix factorisation whose vectors users and items begin with; null begins at random.
    """

    dimension: Annotated[Count, Field(ge=2), AfterValidator(_power_of_two)]
    channels: Count
    embedding_regularization: Annotated[float, Field(ge=0), Range(1e-5, 1e-1, log=True)]
    convolution_regularization: Annotated[float, Field(ge=0)]
    prediction_regularization: Annotated[float, Field(ge=0)]
    pretraining: PretrainingHyperparameters | None
    weight_decay: Annotated[float, Field(ge=0)]


class ConvNcf(Pairwise):
    """ŷ = wᵀ z, where z is what a tower of convolutions leaves of the outer product p_u ⊗ q_i."""

    Hyperparameters = ConvNcfHyperparameters

    def __init__(self, hyperparameters: ConvNcfHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: ConvNcfHyperparameters = hyperparameters
        dimension, channels = hyperparameters.dimension, hyperparameters.channels
        self.users = nn.Parameter(nn.init.xavier_uniform_(torch.empty(data.num_users, dimension)))
        self.items = nn.Parameter(nn.init.xavier_uniform_(torch.empty(data.num_items, dimension)))
        self.tower = ConvolutionTower(dimension, channels)
        self.prediction = nn.Parameter(nn.init.xavier_uniform_(torch.empty(channels, 1)))
        self.to(data.train.items.device)

    def pretrain(self, data: TrainingData) -> None:
        if self.hyperparameters.pretraining is None:
            return
        users, items = bpr_embeddings(data, self.hyperparameters.dimension, self.hyperparameters.pretraining)
        with torch.no_grad():
            self.users.copy_(users)
            self.items.copy_(items)

    @property
    def pairs_at_once(self) -> int:
        """Users with items whose maps are computed together."""
        return max(1, BLOCK[self.users.device.type] // self.tower.largest)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """ŷ of (…, d) vectors, which broadcast: (…)."""
        scores: Tensor = (self.tower(users, items) @ self.prediction).squeeze(-1)
        return scores.float()

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """BPR, and for each kind of parameters λ/2 of their squared norm."""
        asking = F.embedding(users.unsqueeze(1), self.users)  # (B, 1, d)
        offered = F.embedding(torch.stack([positives, negatives], dim=1), self.items)  # (B, 2, d)
        settings, count = self.hyperparameters, len(users)

        def block_loss(asking: Tensor, offered: Tensor) -> Tensor:
            positive, negative = self(asking, offered).unbind(1)
            return bpr(positive, negative) * (len(asking) / count)

        weights = [*self.tower.parameters(), self.prediction]
        loss = sum_over_blocks(block_loss, [asking, offered], weights, max(1, self.pairs_at_once // 2))
        penalty = settings.embedding_regularization * squared_norm(asking, offered)
        penalty = penalty + settings.prediction_regularization * self.prediction.square().sum() / 2
        for kernel in self.tower.kernels:
            penalty = penalty + settings.convolution_regularization * kernel.square().sum() / 2
        return loss + penalty

    def scorer(self) -> "ConvNcfScorer":
        return ConvNcfScorer(self)


class ConvNcfScorer:
    """ŷ of some users with every item, a few users and items at a time: a pair's maps have 20,000 numbers or more."""

    def __init__(self, model: ConvNcf) -> None:
        self.model = model

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        asking = self.model.users[users].unsqueeze(1).split(USERS_AT_ONCE)
        offered = self.model.items.split(max(1, self.model.pairs_at_once // USERS_AT_ONCE))
        blocks = progress(asking, "scoring", len(asking), "block")
        return torch.cat([torch.cat([self.model(block, items) for items in offered], dim=1) for block in blocks])
