"""Knowledge-aware attention that also heeds the structure of the graph, and looks farther than one edge."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.graph.sparse import LearnedProduct, SparseProduct
from mkg4rec.graph.structure import EDGE_FEATURES, edge_features
from mkg4rec.layers.attention import softmax_by_head


class StructureAwareAttention(nn.Module):
    """π(h, r, t) = softmax over N_h of (W_r e_t)ᵀ tanh(W_r e_h + e_r) + wᵀ s(h, r, t), gathered over several hops.

    **Structure.** s are the `edge_features` of the edge, constants of the graph; w is learned. KGAT's term stays as KGAT has
    it, refreshed once an epoch without gradient and learned from facts alone. The softmax is computed at every step, so that
    the loss of recommendation decides by w whether hubs, frequent relations and well-embedded neighbours deserve more
    attention or less. With w = 0, as it begins, attention is KGAT's. A bias for each relation is left out: it would contain
    the frequency, and W_r and e_r are of the relation already.

    **Hops.** e_N = Σ_k α_k Π^k e for k = 1 … K, with Π the matrix of π and α = softmax(a), learned, the same in every layer as
    π is. This is the attention diffusion of MAGNA (Wang et al., IJCAI 2021, https://arxiv.org/abs/2009.14332), whose
    α_k ∝ (1 − θ)^k, those of personalised PageRank, are a choice made for all graphs; learned ones (as in GPR-GNN, Chien et
    al., ICLR 2021, https://arxiv.org/abs/2006.07988) can be these, or K = 1 with all weight on the first hop. k = 0
    is left to the aggregators, which add a node's own vector. Π^k is never computed, but k products with a vector.

    Args:
        hops: K.
    """

    features: Tensor

    def __init__(self, graph: CollaborativeGraph, hops: int) -> None:
        super().__init__()
        self.graph = graph
        # Not persistent: they follow from the graph, and the weights file should not carry them.
        self.register_buffer("features", edge_features(graph), persistent=False)
        self.structure_weights = nn.Parameter(torch.zeros(len(EDGE_FEATURES)))
        self.hop_logits = nn.Parameter(torch.zeros(hops))

    def forward(self, logits: Tensor) -> Tensor:
        """π from KGAT's (edges,) logits: (edges,), with the gradient of w, in float32 whatever autocast says."""
        with torch.autocast(logits.device.type, enabled=False):
            return softmax_by_head(logits + self.features @ self.structure_weights, self.graph)

    def hop_shares(self) -> Tensor:
        """α, (K,)."""
        return self.hop_logits.softmax(0)


@dataclass(frozen=True)
class MultiHopProduct:
    """Σ_k α_k Π^k for k = 1 … K, by the product with Π and (K,) α."""

    product: SparseProduct | LearnedProduct
    shares: Tensor

    def __call__(self, dense: Tensor) -> Tensor:
        """(nodes, d) from (nodes, d)."""
        reached = self.product(dense)
        mixed = self.shares[0] * reached
        for share in self.shares[1:]:
            reached = self.product(reached)
            mixed = mixed + share * reached
        return mixed
