"""Bi-interaction aggregation (KGAT, https://arxiv.org/abs/1905.07854, equation 8), one per modality."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BiInteraction(nn.Module):
    """LeakyReLU(W_1 (e + e_N)) + LeakyReLU(W_2 (e ⊙ e_N)), with weights of its own for every modality."""

    def __init__(self, num_modalities: int, dimension: int, output_dimension: int, negative_slope: float) -> None:
        super().__init__()
        self.sum_weight = nn.Parameter(torch.empty(num_modalities, dimension, output_dimension))
        self.product_weight = nn.Parameter(torch.empty(num_modalities, dimension, output_dimension))
        self.sum_bias = nn.Parameter(torch.zeros(num_modalities, 1, output_dimension))
        self.product_bias = nn.Parameter(torch.zeros(num_modalities, 1, output_dimension))
        self.negative_slope = negative_slope
        for weight in (*self.sum_weight, *self.product_weight):
            nn.init.xavier_uniform_(weight)

    def forward(self, nodes: Tensor, neighbours: Tensor) -> Tensor:
        """(M, N, d) nodes and their aggregated neighbours e_N → (M, N, output_dimension)."""
        added = torch.baddbmm(self.sum_bias, nodes + neighbours, self.sum_weight)
        multiplied = torch.baddbmm(self.product_bias, nodes * neighbours, self.product_weight)
        return F.leaky_relu(added, self.negative_slope) + F.leaky_relu(multiplied, self.negative_slope)
