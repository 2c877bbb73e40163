"""The simpler aggregators that KGAT compares with bi-interaction (https://arxiv.org/abs/1905.07854, equations 6 and 7)."""

from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mkg4rec.layers.bi_interaction import BiInteraction


class Aggregator(StrEnum):
    """How a node's own vector e and that of its neighbourhood, e_N, become one."""

    GCN = "gcn"
    GRAPHSAGE = "graphsage"
    BI_INTERACTION = "bi_interaction"


class GcnAggregator(nn.Module):
    """LeakyReLU(W (e + e_N)), with weights of its own for every modality."""

    def __init__(self, num_modalities: int, dimension: int, output_dimension: int, negative_slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_modalities, dimension, output_dimension))
        self.bias = nn.Parameter(torch.zeros(num_modalities, 1, output_dimension))
        self.negative_slope = negative_slope
        for weight in self.weight:
            nn.init.xavier_uniform_(weight)

    def forward(self, nodes: Tensor, neighbours: Tensor) -> Tensor:
        """(M, N, d) nodes and their aggregated neighbours e_N → (M, N, output_dimension)."""
        return F.leaky_relu(torch.baddbmm(self.bias, nodes + neighbours, self.weight), self.negative_slope)


class GraphSageAggregator(nn.Module):
    """LeakyReLU(W (e ‖ e_N)), with weights of its own for every modality."""

    def __init__(self, num_modalities: int, dimension: int, output_dimension: int, negative_slope: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_modalities, 2 * dimension, output_dimension))
        self.bias = nn.Parameter(torch.zeros(num_modalities, 1, output_dimension))
        self.negative_slope = negative_slope
        for weight in self.weight:
            nn.init.xavier_uniform_(weight)

    def forward(self, nodes: Tensor, neighbours: Tensor) -> Tensor:
        """(M, N, d) nodes and their aggregated neighbours e_N → (M, N, output_dimension)."""
        both = torch.cat([nodes, neighbours], dim=-1)
        return F.leaky_relu(torch.baddbmm(self.bias, both, self.weight), self.negative_slope)


AGGREGATORS: dict[Aggregator, type[GcnAggregator] | type[GraphSageAggregator] | type[BiInteraction]] = {
    Aggregator.GCN: GcnAggregator,
    Aggregator.GRAPHSAGE: GraphSageAggregator,
    Aggregator.BI_INTERACTION: BiInteraction,
}
"""The layer of each; all take the same arguments."""
