"""The bipartite graph of users and items, by its normalised adjacency matrix and its Laplacian.

With the train interactions as the binary matrix R (users × items), A = [[0, R], [Rᵀ, 0]], and D is the diagonal
matrix of its row sums.
"""

import torch
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.sparse import LearnedProduct, Pattern, SparseProduct
from mkg4rec.interactions import Interactions


def bipartite_graph(train: Interactions) -> CollaborativeGraph:
    """The train interactions and their inverses as a graph of which items are the only entities."""
    none = train.items.new_empty(0)
    return CollaborativeGraph.build(train, Triplets(none, none, none, train.num_items, 0))


def symmetric_normalised(train: Interactions) -> SparseProduct:
    """D_u^−½ R D_i^−½, users × items: the upper block of D^−½ A D^−½, whose lower block is its transpose."""
    pattern = Pattern.build(train.users, train.items, (train.num_users, train.num_items))
    return pattern.weighted((train.counts[train.users] * train.item_counts[train.items]).float().rsqrt())


def partly_normalised(train: Interactions, kept: Tensor) -> LearnedProduct:
    """As `symmetric_normalised` of an R whose entries are (nnz,) `kept`, from 0 to 1, with their gradient."""
    pattern = Pattern.build(train.users, train.items, (train.num_users, train.num_items))
    degrees = kept.new_zeros(train.num_users).index_add(0, train.users, kept)
    item_degrees = kept.new_zeros(train.num_items).index_add(0, train.items, kept)
    # Without an entry left, a row is 0 whatever its entries are divided by.
    product = (degrees[train.users] * item_degrees[train.items]).clamp(min=torch.finfo(kept.dtype).tiny)
    return pattern.learned(kept * product.rsqrt())


def identity_plus_laplacian(train: Interactions, kept: Tensor | None = None) -> LearnedProduct:
    """I + L = 2I − D⁻¹ A, users first among rows and columns, with the random-walk Laplacian L = I − D⁻¹ A.

    Args:
        kept: (nnz,) entries of R from 0 to 1, of which the product has a gradient; by default 1.
    """
    nodes = torch.arange(train.num_users + train.num_items, device=train.items.device)
    users, items = train.users, train.items + train.num_users
    rows, order = torch.cat([users, items, nodes]).sort(stable=True)
    columns = torch.cat([items, users, nodes])[order]
    taken = torch.ones(len(train), device=nodes.device) if kept is None else kept
    sums = torch.zeros(len(nodes), device=nodes.device).index_add(0, torch.cat([users, items]), torch.cat([taken, taken]))
    sums = sums.clamp(min=torch.finfo(sums.dtype).tiny)
    weights = torch.cat([-taken / sums[users], -taken / sums[items], torch.full((len(nodes),), 2.0, device=nodes.device)])
    return Pattern.build(rows, columns, (len(nodes), len(nodes))).learned(weights[order])
