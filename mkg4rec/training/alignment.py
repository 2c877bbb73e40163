"""Losses that draw two representations of a node together and apart from those of other nodes."""

import torch
import torch.nn.functional as F
from torch import Tensor


def info_nce(anchors: Tensor, others: Tensor, temperature: float, weights: Tensor | None = None) -> Tensor:
    """Mean over i of −ln e^{cos(a_i, o_i) / τ} / Σ_j e^{cos(a_i, o_j) / τ} (van den Oord et al. 2018, https://arxiv.org/abs/1807.03748).

    Args:
        anchors, others: a and o, (B, d): two representations of the same nodes; 0 where B is 0.
        weights: (B,) of the terms, if they do not all count alike; divided by B as they are.
    """
    if not len(anchors):
        return anchors.sum()
    similarities = F.normalize(anchors.float(), dim=-1) @ F.normalize(others.float(), dim=-1).T / temperature
    own = torch.arange(len(anchors), device=anchors.device)
    terms = F.cross_entropy(similarities, own, reduction="none")
    return terms.mean() if weights is None else (weights * terms).mean()
