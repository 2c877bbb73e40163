"""How a user sees an entity's neighbourhood (KGCN, Wang et al., WWW 2019, https://arxiv.org/abs/1904.12575)."""

from enum import StrEnum

import torch
from torch import Tensor, nn


class Aggregation(StrEnum):
    """How an entity's vector v and what its neighbourhood brings to it, v_S, become one."""

    SUM = "sum"
    CONCAT = "concat"
    NEIGHBOR = "neighbor"


def user_relation_attention(scores: Tensor, relations: Tensor) -> Tensor:
    """π̃ = exp π_r / Σ exp π_r over the K edges around an entity (equation 3).

    Args:
        scores: (B, R) π_r = u · r of B users and all relations (equation 1).
        relations: (B, M, K) relations of the edges around M entities, for each user.

    Returns:
        (B, M, K), summing to 1 over the edges.
    """
    return scores.float().gather(1, relations.flatten(1)).view(relations.shape).softmax(-1)


class Aggregator(nn.Module):
    """σ(W (v + v_S) + b), σ(W [v ‖ v_S] + b) or σ(W v_S + b): equations 4, 5 and 6.

    All are σ(W_v v + W_S v_S + b), with one matrix for both, with one for each, or without the first. Because
    v_S = Σ π̃ e (equation 2), W_S v_S = Σ π̃ W_S e: vectors that do not depend on the user can be multiplied once
    for all users (`parts`), before they are weighted for each.
    """

    def __init__(self, dimension: int, aggregation: Aggregation, activation: nn.Module) -> None:
        super().__init__()
        width = 2 * dimension if aggregation is Aggregation.CONCAT else dimension
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, dimension)))
        self.bias = nn.Parameter(torch.zeros(dimension))
        self.aggregation = aggregation
        self.activation = activation

    def forward(self, own: Tensor, around: Tensor) -> Tensor:
        """(…, d) v and v_S → (…, d)."""
        activated: Tensor = self.activation(self.joined(own, around))
        return activated

    def joined(self, own: Tensor, around: Tensor) -> Tensor:
        """What σ is applied to: (…, d) v and v_S → (…, d)."""
        if self.aggregation is Aggregation.SUM:
            read = own + around
        elif self.aggregation is Aggregation.CONCAT:
            read = torch.cat([own, around], dim=-1)
        else:
            read = around
        return read @ self.weight + self.bias

    def parts(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """W_v x + b and W_S x of (N, d) vectors x: what each gives to itself, and what to an entity that it surrounds."""
        dimension = len(self.bias)
        if self.aggregation is Aggregation.NEIGHBOR:
            return self.bias.expand(len(vectors), -1), vectors @ self.weight
        return vectors @ self.weight[:dimension] + self.bias, vectors @ self.weight[-dimension:]
