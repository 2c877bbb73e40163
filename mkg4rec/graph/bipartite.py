"""The bipartite graph of users and items, by its normalised adjacency matrix and its Laplacian.

With the train interactions as the binary matrix R (users × items), A = [[0, R], [Rᵀ, 0]], and D is the diagonal
matrix of its row sums.
"""

import torch

from mkg4rec.graph.sparse import Pattern, SparseProduct
from mkg4rec.interactions import Interactions


def symmetric_normalised(train: Interactions) -> SparseProduct:
    """D_u^−½ R D_i^−½, users × items: the upper block of D^−½ A D^−½, whose lower block is its transpose."""
    pattern = Pattern.build(train.users, train.items, (train.num_users, train.num_items))
    return pattern.weighted((train.counts[train.users] * train.item_counts[train.items]).float().rsqrt())


def identity_plus_laplacian(train: Interactions) -> SparseProduct:
    """I + L = 2I − D⁻¹ A, users first among rows and columns, with the random-walk Laplacian L = I − D⁻¹ A."""
    nodes = torch.arange(train.num_users + train.num_items, device=train.items.device)
    users, items = train.users, train.items + train.num_users
    rows, order = torch.cat([users, items, nodes]).sort(stable=True)
    columns = torch.cat([items, users, nodes])[order]
    means = -1 / torch.cat([train.counts, train.item_counts])[rows].float()
    return Pattern.build(rows, columns, (len(nodes), len(nodes))).weighted(means.where(rows != columns, 2.0))
