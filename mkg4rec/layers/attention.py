"""Knowledge-aware attention (KGAT, https://arxiv.org/abs/1905.07854, equations 4 and 5)."""

from enum import StrEnum

import torch
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.layers.transr import TransR
from mkg4rec.ragged import row_sums, spread


class Attention(StrEnum):
    """What decides how much of each neighbour a node takes in."""

    KGAT = "kgat"
    STRUCTURE_AWARE = "structure_aware"


def knowledge_attention(graph: CollaborativeGraph, embeddings: Tensor, transr: TransR) -> Tensor:
    """π(h, r, t) = softmax over N_h of `knowledge_logits`: (edges,), summing to 1 over the edges of every head that has any."""
    return softmax_by_head(knowledge_logits(graph, embeddings, transr), graph)


@torch.no_grad()
def knowledge_logits(graph: CollaborativeGraph, embeddings: Tensor, transr: TransR) -> Tensor:
    """(W_r e_t)ᵀ tanh(W_r e_h + e_r) of every edge.

    Computed without gradient: it is refreshed once an epoch and constant in between, as in KGAT.

    Args:
        graph: G, with edges sorted by head.
        embeddings: (nodes, d).

    Returns:
        (edges,)
    """
    logits = embeddings.new_empty(len(graph.heads))
    for relation, edges in enumerate(graph.edges_by_relation):
        projected = embeddings @ transr.projections[relation].T
        keys = torch.tanh(projected + transr.translations[relation])
        logits[edges] = (projected[graph.tails[edges]] * keys[graph.heads[edges]]).sum(-1)
    return logits


def over_the_rest(attention: Tensor, kept: Tensor, graph: CollaborativeGraph) -> Tensor:
    """The same softmax over what is left of each head's edges: k_e π_e / Σ k π over the edges of its head.

    Args:
        attention: (edges,) of the whole graph, π.
        kept: (edges,) k, from 0 for an edge that is removed to 1.
    """
    rest = attention * kept
    # A head that has lost all its edges receives nothing.
    sums = row_sums(rest, graph.offsets).clamp(min=torch.finfo(rest.dtype).tiny)
    return rest / spread(sums, graph.offsets, len(rest))


def softmax_by_head(logits: Tensor, graph: CollaborativeGraph) -> Tensor:
    """Softmax of (edges,) logits over the edges of each head; stable for logits of any size."""
    # Whatever is subtracted from all logits of a head cancels out, also in the gradient.
    largest = torch.segment_reduce(logits.detach(), "max", offsets=graph.offsets)
    weights = torch.exp(logits - spread(largest, graph.offsets, len(logits)))
    return weights / spread(row_sums(weights, graph.offsets), graph.offsets, len(logits))
