"""Graph convolution without weights and without nonlinearity."""

from collections.abc import Callable

from torch import Tensor

from mkg4rec.graph.sparse import LearnedProduct, SparseProduct


def light_convolution(adjacency: SparseProduct | LearnedProduct, users: Tensor, items: Tensor, num_layers: int) -> tuple[Tensor, Tensor]:
    """1 / (K + 1) Σ_k e^k with e_u^{k+1} = Â e_i^k and e_i^{k+1} = Âᵀ e_u^k (LightGCN, https://arxiv.org/abs/2002.02126).

    Args:
        adjacency: Â, users × items.
        users, items: e⁰, (users, d) and (items, d).
        num_layers: K.

    Returns:
        (users, d) and (items, d)
    """
    all_users, all_items = users, items
    for _ in range(num_layers):
        users, items = adjacency(items), adjacency.T(users)
        all_users, all_items = all_users + users, all_items + items
    return all_users / (num_layers + 1), all_items / (num_layers + 1)


def item_convolution(graph: Callable[[Tensor], Tensor], items: Tensor, num_layers: int) -> Tensor:
    """A^L e of (items, d) vectors e: what their neighbours L steps away say of the items; 0 where there is none."""
    for _ in range(num_layers):
        items = graph(items)
    return items
