"""The normal equations of a regression between items, of which any part is computed when it is asked for, and nothing is held whole."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from mkg4rec.interactions import Interactions, WeightedInteractions
from mkg4rec.kernels import Kernel

COLUMNS_AT_A_TIME = 64
"""Of a product with a tall matrix, so that little more than its result is held."""


class Equations(Protocol):
    """A B = C with a positive definite A (D, D) and a C (D, items)."""

    @property
    def diagonal(self) -> NDArray[np.float64]:
        """(D,) of A."""

    @property
    def num_items(self) -> int: ...

    def gram(self, some: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        """(M, N) of A for (M,) and (N,) of its columns, none twice in either."""

    def target(self, columns: NDArray[np.intp], items: NDArray[np.intp]) -> NDArray[np.float64]:
        """(M, N) of C for (M,) columns of A and (N,) items."""

    def gram_times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """A V, (D, k), for a (D, k) V."""

    def target_times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cᵀ V, (items, k), for a (D, k) V."""


@dataclass(frozen=True)
class RidgeEquations:
    """A = K + μ I and C = K: kernel ridge regression of items on items.

    Attributes:
        kernel: K.
        regularization: μ.
        num_items: how many there are.
    """

    kernel: Kernel
    regularization: float
    num_items: int

    @property
    def diagonal(self) -> NDArray[np.float64]:
        return self.kernel.diagonal() + self.regularization

    def gram(self, some: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        gram = self.kernel.between(some, others)
        gram[some[:, None] == others] += self.regularization
        return gram

    def target(self, columns: NDArray[np.intp], items: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.kernel.between(columns, items)

    def gram_times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.kernel.times(dense) + self.regularization * dense

    def target_times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.kernel.times(dense)


class NormalEquations:
    """A = ZᵀDZ + Λ + [K, 0; 0, 0] and C = ZᵀDX + [K; 0], with Λ = diag(λ) + p / (1 − p) diag(ZᵀDZ).

    What is held grows with the entries of Z and of what K is made of. Sparse products are made on the processor, in double precision.

    Attributes:
        diagonal: (D,) of A.
        totals: (items,) of XᵀDX + K: what the minimum of each item's regression is taken from.
    """

    def __init__(
        self, rows: WeightedInteractions, taken: Interactions, user_weights: Tensor, penalties: Tensor, dropout: float, likeness: Kernel
    ) -> None:
        """
        Args:
            rows: Z, users × D, its first columns the items.
            taken: the binary X, users × items.
            user_weights: (users,) the diagonal of the matrix D.
            penalties: (D,) λ.
            dropout: p.
            likeness: K, between items.
        """
        self.likeness = likeness
        roots = user_weights.double().sqrt()
        self._rows, self._taken = _by_column(rows, roots), _by_column(WeightedInteractions.binary(taken), roots)
        squares = np.asarray(self._rows.multiply(self._rows).sum(0))
        self._penalties = penalties.double().cpu().numpy() + dropout / (1 - dropout) * squares
        alone = likeness.diagonal()
        self.diagonal = squares + self._penalties
        self.diagonal[: len(alone)] += alone
        self.totals = np.asarray(self._taken.multiply(self._taken).sum(0)) + alone

    @property
    def num_items(self) -> int:
        return int(self._taken.shape[1])

    def gram(self, some: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        """(M, N) of A for (M,) and (N,) columns of Z, none twice in either."""
        gram = self._product(self._rows[:, some], self._rows[:, others], some, others)
        _, at, there = np.intersect1d(some, others, assume_unique=True, return_indices=True)
        gram[at, there] += self._penalties[some[at]]
        return gram

    def target(self, columns: NDArray[np.intp], items: NDArray[np.intp]) -> NDArray[np.float64]:
        """(M, N) of C for (M,) columns of Z and (N,) items."""
        return self._product(self._rows[:, columns], self._taken[:, items], columns, items)

    def gram_times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """A V, (D, k), for a (D, k) V."""
        product = self._tall_product(self._rows, dense)
        product += self._penalties[:, None] * dense
        return product

    def target_times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cᵀ V, (items, k), for a (D, k) V."""
        return self._tall_product(self._taken, dense)

    def _product(
        self, left: sparse.csc_array, right: sparse.csc_array, some: NDArray[np.intp], others: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        product: NDArray[np.float64] = (left.T @ right).toarray()
        items, other_items = ((columns < self.num_items).nonzero()[0] for columns in (some, others))
        product[np.ix_(items, other_items)] += self.likeness.between(some[items], others[other_items])
        return product

    def _tall_product(self, left: sparse.csc_array, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """(Lᵀ √D Z + [K, 0]) V with L = `left`, whose first columns are the items."""
        product = np.empty((left.shape[1], dense.shape[1]))
        for begin in range(0, dense.shape[1], COLUMNS_AT_A_TIME):
            chosen = slice(begin, begin + COLUMNS_AT_A_TIME)
            vectors = np.ascontiguousarray(dense[:, chosen])
            product[:, chosen] = left.T @ (self._rows @ vectors)
            product[: self.num_items, chosen] += self.likeness.times(vectors[: self.num_items])
        return product


def _by_column(rows: WeightedInteractions, user_roots: Tensor) -> sparse.csc_array:
    """√D Z in compressed columns."""
    entries = rows.entries
    values = (rows.weights.double() * user_roots[entries.users]).cpu().numpy()
    shape = (entries.num_users, entries.num_items)
    by_row = sparse.csr_array((values, entries.items.int().cpu().numpy(), entries.offsets.int().cpu().numpy()), shape=shape)
    return by_row.tocsc()
