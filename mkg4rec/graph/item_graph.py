"""Graphs between items: who is near whom, as sparse rows that nobody ever holds dense."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mkg4rec.graph.sparse import LearnedProduct, Pattern, SparseProduct
from mkg4rec.ragged import entries_of, row_offsets


@dataclass(frozen=True)
class ItemGraph:
    """A directed graph A of items, (items, items), by its edges.

    Attributes:
        items: (edges,) int64, ascending: whose neighbour it is.
        neighbours: (edges,) int64, ascending within an item, without repetition.
        weights: (edges,) float32, above 0.
        num_items: also those without an edge count.
    """

    items: Tensor
    neighbours: Tensor
    weights: Tensor
    num_items: int

    @classmethod
    def from_edges(cls, items: Tensor, neighbours: Tensor, weights: Tensor, num_items: int) -> "ItemGraph":
        """From (edges,) in any order; the weights of an edge that stands more than once are added."""
        keys, places = torch.unique(items * num_items + neighbours, return_inverse=True)
        summed = torch.zeros(len(keys), device=weights.device).index_add(0, places, weights.float())
        return cls(keys // num_items, keys % num_items, summed, num_items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def connected(self) -> Tensor:
        """(items,) bool, whether an item has a neighbour."""
        return torch.bincount(self.items, minlength=self.num_items) > 0

    def unweighted(self) -> "ItemGraph":
        """The same edges, every weight 1."""
        return replace(self, weights=torch.ones_like(self.weights))

    def normalised(self) -> "ItemGraph":
        """D^−½ A D^−½, D the diagonal matrix of A's row sums. An item without neighbours keeps a row of zeros."""
        sums = torch.zeros(self.num_items, device=self.weights.device).index_add(0, self.items, self.weights)
        # An infinite root would leave no gradient, even where nothing is made of it.
        inverse_roots = sums.where(sums > 0, 1.0).rsqrt().where(sums > 0, 0.0)
        return replace(self, weights=inverse_roots[self.items] * self.weights * inverse_roots[self.neighbours])

    def keeping(self, kept: Tensor) -> "ItemGraph":
        """The graph in which (edges,) `kept`, from 0 to 1, is there of each edge; what is made of it has a gradient by `kept`."""
        return replace(self, weights=kept * self.weights)

    def dense_rows(self, items: Tensor) -> Tensor:
        """The rows of A of (B,) items: (B, items). For a block at a time."""
        row, entries = entries_of(row_offsets(self.items, self.num_items), items)
        rows = torch.zeros(len(items), self.num_items, device=self.weights.device)
        rows[row, self.neighbours[entries]] = self.weights[entries]
        return rows

    def product(self) -> SparseProduct:
        """A x, a row for each item: the sum over its neighbours."""
        return self._pattern.weighted(self.weights)

    def learned_product(self) -> LearnedProduct:
        """As `product`, with a gradient by the weights, too."""
        return self._pattern.learned(self.weights)

    @property
    def _pattern(self) -> Pattern:
        return Pattern.build(self.items, self.neighbours, (self.num_items, self.num_items))

    def to(self, device: torch.device) -> "ItemGraph":
        return replace(self, items=self.items.to(device), neighbours=self.neighbours.to(device), weights=self.weights.to(device))


def blended(parts: Sequence[tuple[float, ItemGraph]]) -> ItemGraph:
    """Σ_m α_m A_m of graphs of the same items; a part of weight 0 leaves no edge.

    Args:
        parts: α_m ≥ 0 and A_m, at least one.
    """
    used = [(share, graph) for share, graph in parts if share > 0] or [(0.0, _edgeless(parts[0][1]))]
    return ItemGraph.from_edges(
        torch.cat([graph.items for _, graph in used]),
        torch.cat([graph.neighbours for _, graph in used]),
        torch.cat([share * graph.weights for share, graph in used]),
        used[0][1].num_items,
    )


def _edgeless(graph: ItemGraph) -> ItemGraph:
    return replace(graph, items=graph.items[:0], neighbours=graph.neighbours[:0], weights=graph.weights[:0])
