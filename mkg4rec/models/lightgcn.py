"""LightGCN (He et al., SIGIR 2020, https://arxiv.org/abs/2002.02126)."""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec.group import Count, Group
from mkg4rec.layers.light_convolution import light_convolution
from mkg4rec.models.bpr_mf import BprMf, BprMfHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.models.over_interactions import OverInteractions
from mkg4rec.training.losses import squared_norm


class LightGcnHyperparameters(BprMfHyperparameters):
    """`num_layers` is K; the regularization is on the embeddings e⁰ of a batch (equation 15)."""

    num_layers: Count


class LightGcn(OverInteractions, BprMf):
    """Matrix factorisation whose vectors are smoothed over the graph of interactions; without layers it is BPR-MF.

    e_u^{k+1} = Σ_{i ∈ N_u} e_i^k / √(|N_u| |N_i|), e_i^{k+1} likewise (equation 3); e* = Σ_k α_k e^k with
    α_k = 1 / (K + 1) (equation 4); ŷ_ui = e*_u · e*_i (equation 5). The e⁰ are all there is to learn.
    """

    Hyperparameters: ClassVar[type[Group]] = LightGcnHyperparameters

    def __init__(self, hyperparameters: LightGcnHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.num_layers = hyperparameters.num_layers

    def initial_nodes(self) -> Tensor:
        """The e⁰ of items, then of users: (items + users, d)."""
        return torch.cat([self.items, self.users])

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        """The means of the layers: (users, d) and (items, d)."""
        items, users = initial.split([len(self.items), len(self.users)])
        return light_convolution(self.adjacency, users, items, self.num_layers)

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """λ · ½ (‖e_u⁰‖² + ‖e_i⁰‖² + Σ_j ‖e_j⁰‖²), the mean over the batch."""
        return self.hyperparameters.regularization * squared_norm(F.embedding(users, self.users), F.embedding(candidates, self.items))
