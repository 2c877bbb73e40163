"""Intents that a node has, as one perspective sees them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class IntentEncoder(nn.Module):
    """z = LeakyReLU(W a + b), the intent vector of a node by how much of each of K intents is its own.

    a = softmax_k(cos(x, c_k) / τ), at length 1, with a prototype c_k of each intent.

    Attributes:
        prototypes: c, (K, d).
        projection: W and b, K → r.
    """

    def __init__(self, num_intents: int, dimension: int, intent_dimension: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.prototypes = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_intents, dimension)))
        self.projection = nn.Linear(num_intents, intent_dimension)

    def forward(self, directions: Tensor) -> Tensor:
        """(nodes, r) of (nodes, d) vectors x of length 1."""
        cosines = directions @ F.normalize(self.prototypes, dim=-1).T
        shares = (cosines / self.temperature).softmax(-1)
        return F.leaky_relu(self.projection(F.normalize(shares, dim=-1)))
