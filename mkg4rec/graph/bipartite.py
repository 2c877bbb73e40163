"""The bipartite graph of users and items, by the blocks of its normalised adjacency matrix.

With the train interactions as the binary matrix R (users × items), A = [[0, R], [Rᵀ, 0]]. A product with A is one
product with each block: user vectors from item vectors, and item vectors from user vectors.
"""

from mkg4rec.graph.sparse import Pattern, SparseProduct
from mkg4rec.interactions import Interactions


def symmetric_normalised(train: Interactions) -> SparseProduct:
    """D_u^−½ R D_i^−½, users × items: the upper block of D^−½ A D^−½, whose lower block is its transpose."""
    return _pattern(train).weighted((train.counts[train.users] * train.item_counts[train.items]).float().rsqrt())


def row_normalised(train: Interactions) -> tuple[SparseProduct, SparseProduct]:
    """D_u⁻¹ R, users × items, and D_i⁻¹ Rᵀ, items × users: the blocks of D⁻¹ A, which take means over neighbours."""
    pattern = _pattern(train)
    return pattern.weighted(1 / train.counts[train.users].float()), pattern.weighted(1 / train.item_counts[train.items].float()).T


def _pattern(train: Interactions) -> Pattern:
    return Pattern.build(train.users, train.items, (train.num_users, train.num_items))
