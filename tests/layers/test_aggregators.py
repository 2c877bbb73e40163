"""KGAT's simpler aggregators, node by node."""

import torch
import torch.nn.functional as F

from mkg4rec.layers.aggregators import GcnAggregator, GraphSageAggregator


@torch.no_grad()
def test_gcn_adds_and_graphsage_concatenates() -> None:
    torch.manual_seed(0)
    nodes, neighbours = torch.randn(2, 2, 5, 4)
    gcn, graphsage = GcnAggregator(2, 4, 3, 0.2), GraphSageAggregator(2, 4, 3, 0.2)
    torch.nn.init.normal_(gcn.bias)
    torch.nn.init.normal_(graphsage.bias)
    added, concatenated = gcn(nodes, neighbours), graphsage(nodes, neighbours)
    for side in range(2):
        for node in range(5):
            own, around = nodes[side, node], neighbours[side, node]
            torch.testing.assert_close(added[side, node], F.leaky_relu((own + around) @ gcn.weight[side] + gcn.bias[side, 0], 0.2))
            expected = F.leaky_relu(torch.cat([own, around]) @ graphsage.weight[side] + graphsage.bias[side, 0], 0.2)
            torch.testing.assert_close(concatenated[side, node], expected)
