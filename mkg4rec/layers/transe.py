"""TransE (Bordes et al., NIPS 2013, https://papers.nips.cc/paper/5071) on the collaborative knowledge graph."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class TransE(nn.Module):
    """A translation e_r per relation.

    Attributes:
        translations: (relations, d), the e_r.
    """

    def __init__(self, num_relations: int, dimension: int) -> None:
        super().__init__()
        self.translations = nn.Parameter(nn.init.xavier_uniform_(torch.empty(num_relations, dimension)))

    def distance(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """‖e_h + e_r − e_t‖², small for a plausible triplet: (B, d) heads and tails, (B,) relations → (B,)."""
        return (heads + self.translations[relations] - tails).square().sum(-1)

    def loss(self, heads: Tensor, relations: Tensor, tails: Tensor, corrupted_tails: Tensor) -> Tensor:
        """−mean ln σ(‖e_h + e_r − e_t′‖² − ‖e_h + e_r − e_t‖²), with t′ a corrupted tail; vectors of shape (B, d)."""
        return -F.logsigmoid(self.distance(heads, relations, corrupted_tails) - self.distance(heads, relations, tails)).mean()
