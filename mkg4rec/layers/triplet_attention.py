"""Attention over triplets (MKGAT, https://doi.org/10.1145/3340531.3411947, equations 1 – 6)."""

from dataclasses import dataclass
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.graph.sparse import Pattern
from mkg4rec.layers.attention import over_the_rest, softmax_by_head
from mkg4rec.ragged import row_offsets, row_sums, spread


class Aggregation(StrEnum):
    """How a node's own vector joins what its triplets bring to it."""

    ADD = "add"
    CONCAT = "concat"


@dataclass(frozen=True)
class Neighbourhoods:
    """N_h of every head, once by tail and once by relation: edges of the same head and relation follow each other.

    Attributes:
        tails: heads × tails, an entry per edge.
        relations: heads × relations, an entry per head and relation that have edges together.
        offsets: (entries of `relations` + 1,), the edges of each.
        kept: (edges,) how much of each edge is there, from 0 to 1; None where all are.
    """

    graph: CollaborativeGraph
    tails: Pattern
    relations: Pattern
    offsets: Tensor
    kept: Tensor | None = None

    @classmethod
    def of(cls, graph: CollaborativeGraph) -> "Neighbourhoods":
        keys, runs = torch.unique_consecutive(graph.heads * graph.num_relations + graph.relations, return_inverse=True)
        nodes = graph.num_nodes
        return cls(
            graph,
            Pattern.build(graph.heads, graph.tails, (nodes, nodes)),
            Pattern.build(keys // graph.num_relations, keys % graph.num_relations, (nodes, graph.num_relations)),
            row_offsets(runs, len(keys)),
        )

    def reached(self) -> Tensor:
        """(nodes,) bool, whether a node has any edge left."""
        if self.kept is None:
            return self.graph.degrees > 0
        return row_sums(self.kept.detach(), self.graph.offsets) > 0


class TripletAttention(nn.Module):
    """What the triplets around each node bring to it.

    e(h, r, t) = W_1 [e_h ‖ e_r ‖ e_t], π(h, r, t) = softmax over N_h of LeakyReLU(W_2 e(h, r, t)),
    e_agg = Σ π(h, r, t) e(h, r, t).

    W_1 is three matrices side by side, so that no triplet needs a vector of its own: W_2 e(h, r, t) is a number of the
    head, one of the relation and one of the tail, added; and because Σ π = 1, e_agg is the head's part, plus a sparse
    product with the relations' parts, plus one with the tails' parts.
    """

    def __init__(self, dimension: int, relation_dimension: int, output_dimension: int, negative_slope: float) -> None:
        super().__init__()
        self.parts = [dimension, relation_dimension, dimension]
        self.triplet_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(sum(self.parts), output_dimension)))
        self.attention_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(output_dimension, 1)))
        self.negative_slope = negative_slope

    def forward(self, nodes: Tensor, relations: Tensor, around: Neighbourhoods) -> Tensor:
        """e_agg of (nodes, d) e and (relations, relation_dimension) e_r: (nodes, output_dimension), 0 for a node without triplets."""
        heads, kinds, tails = self.parts_of_triplets(nodes, relations)
        attention = self.attention(heads, kinds, tails, around)
        of_relations = around.relations.product(row_sums(attention, around.offsets), kinds)
        of_tails = around.tails.product(attention, tails)
        gathered: Tensor = heads * around.reached().unsqueeze(1) + of_relations + of_tails
        return gathered

    def parts_of_triplets(self, nodes: Tensor, relations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The head's, the relation's and the tail's part of W_1 [e_h ‖ e_r ‖ e_t], of every node, relation and node."""
        of_head, of_relation, of_tail = self.triplet_weight.split(self.parts)
        return nodes @ of_head, relations @ of_relation, nodes @ of_tail

    def attention(self, heads: Tensor, kinds: Tensor, tails: Tensor, around: Neighbourhoods) -> Tensor:
        """π, (edges,), from the head's, the relation's and the tail's part of W_1 [e_h ‖ e_r ‖ e_t]."""
        head, kind, tail = ((part @ self.attention_weight).float().squeeze(1) for part in (heads, kinds, tails))
        runs = spread(head, around.relations.offsets, len(around.offsets) - 1) + kind.index_select(0, around.relations.columns)
        edges = len(around.graph.heads)
        logits = spread(runs, around.offsets, edges) + tail.index_select(0, around.tails.columns)
        attention = softmax_by_head(F.leaky_relu(logits, self.negative_slope), around.graph)
        return attention if around.kept is None else over_the_rest(attention, around.kept, around.graph)


class TripletLayer(nn.Module):
    """Attention over triplets, then W_3 e + e_agg (equation 5) or W_4 [e ‖ e_agg] (equation 6)."""

    def __init__(
        self, dimension: int, relation_dimension: int, output_dimension: int, negative_slope: float, aggregation: Aggregation
    ) -> None:
        super().__init__()
        self.attention = TripletAttention(dimension, relation_dimension, output_dimension, negative_slope)
        width = dimension if aggregation is Aggregation.ADD else dimension + output_dimension
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, output_dimension)))
        self.aggregation = aggregation

    def forward(self, nodes: Tensor, relations: Tensor, around: Neighbourhoods) -> Tensor:
        """(nodes, d) → (nodes, output_dimension); arguments as of `TripletAttention`."""
        gathered: Tensor = self.attention(nodes, relations, around)
        if self.aggregation is Aggregation.ADD:
            return nodes @ self.weight + gathered
        return torch.cat([nodes, gathered], dim=1) @ self.weight
