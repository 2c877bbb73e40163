"""KGAT in the plain way, as the reference of `benchmarks.epoch`: a vector for every edge, a matrix for every fact."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mkg4rec.models.kgat import Kgat


class PlainKgat(Kgat):
    """The same model with the steps of its authors' code (https://github.com/xiangwang1223/knowledge_graph_attention_network).

    Attention is a loop over relations that projects both ends of every edge, a layer gathers the vector of every edge's
    tail and adds it to the edge's head, and TransR looks up a projection matrix for every fact of a batch.
    """

    @torch.no_grad()
    def refresh(self) -> None:
        graph = self.graph
        logits = torch.empty(len(graph.heads), device=graph.heads.device)
        for relation, edges in enumerate(graph.edges_by_relation):
            projection, translation = self.transr.projections[relation], self.transr.translations[relation]
            heads, tails = (self.embeddings[ends[edges]] @ projection.T for ends in (graph.heads, graph.tails))
            logits[edges] = (tails * torch.tanh(heads + translation)).sum(-1)
        weights = torch.exp(logits - logits.max())
        sums = weights.new_zeros(graph.num_nodes).index_add(0, graph.heads, weights)
        self.edge_attention = weights / sums[graph.heads]

    def propagate_once(self, layer: nn.Module, nodes: Tensor) -> Tensor:
        (side,) = nodes
        messages = side[self.graph.tails] * self.edge_attention.unsqueeze(1)  # (edges, d)
        neighbours = torch.zeros_like(side).index_add(0, self.graph.heads, messages)
        propagated: Tensor = layer(nodes, neighbours.unsqueeze(0))
        return propagated

    def fact_loss(self, heads: Tensor, relations: Tensor, tails: Tensor, corrupted_tails: Tensor) -> Tensor:
        projections = self.transr.projections[relations]  # (B, d, d)
        head, tail, corrupted = (
            torch.bmm(projections, self.embeddings[nodes].unsqueeze(-1)).squeeze(-1) for nodes in (heads, tails, corrupted_tails)
        )
        translated = head + self.transr.translations[relations]
        true, false = ((translated - end).square().sum(-1) for end in (tail, corrupted))
        return -F.logsigmoid(false - true).mean()
