"""Message passing as a sparse product with a differentiable right side and constant weights."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mkg4rec.ragged import row_offsets

# torch announces its CSR support as beta at the first use; the products used here are covered by tests.
warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta state")


@dataclass(frozen=True)
class Pattern:
    """Where a rows × columns matrix has entries, in both orders, so that the backward pass is a row-sorted product too.

    Attributes:
        offsets: (rows + 1,) int32, beginning of each row among the entries.
        columns: (entries,) int32.
        transposed_offsets: (columns + 1,) int32.
        transposed_columns: (entries,) int32, the row of each entry in column order.
        permutation: (entries,) int64, from row order to column order.
    """

    offsets: Tensor
    columns: Tensor
    transposed_offsets: Tensor
    transposed_columns: Tensor
    permutation: Tensor
    shape: tuple[int, int]

    @classmethod
    def build(cls, rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> "Pattern":
        """From entries sorted by row, (entries,) each. Indices of 32 bits halve the bytes that a product reads."""
        permutation = torch.argsort(columns, stable=True)
        return cls(
            row_offsets(rows, shape[0]).int(),
            columns.int(),
            row_offsets(columns[permutation], shape[1]).int(),
            rows[permutation].int(),
            permutation,
            shape,
        )

    def weighted(self, weights: Tensor) -> "SparseProduct":
        """The matrix with (entries,) `weights` in row order."""
        rows, columns = self.shape
        return SparseProduct(
            torch.sparse_csr_tensor(self.offsets, self.columns, weights, (rows, columns), check_invariants=False),
            torch.sparse_csr_tensor(
                self.transposed_offsets, self.transposed_columns, weights[self.permutation], (columns, rows), check_invariants=False
            ),
        )


@dataclass(frozen=True)
class SparseProduct:
    """A constant sparse matrix A and its transpose; calling it gives A x, and Aᵀ carries the gradient back."""

    matrix: Tensor
    transposed: Tensor

    def __call__(self, dense: Tensor) -> Tensor:
        """(rows, d) from (columns, d). In float32 whatever autocast says: its sums run over thousands of entries."""
        with torch.autocast(dense.device.type, enabled=False):
            product: Tensor = _Product.apply(dense.float(), self.matrix, self.transposed)
        return product


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ dense.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed @ gradients[0].contiguous(), None, None
