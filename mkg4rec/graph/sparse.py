"""Message passing as a sparse product, its weights constant or learned."""

import warnings
from dataclasses import dataclass
from functools import cached_property
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
        permutation: (entries,) int32, from row order to column order.
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
            permutation.int(),
            shape,
        )

    def weighted(self, weights: Tensor) -> "SparseProduct":
        """The matrix with (entries,) `weights` in row order."""
        rows, columns = self.shape
        in_column_order = weights.index_select(0, self.permutation)
        return SparseProduct(
            torch.sparse_csr_tensor(self.offsets, self.columns, weights, (rows, columns), check_invariants=False),
            torch.sparse_csr_tensor(
                self.transposed_offsets, self.transposed_columns, in_column_order, (columns, rows), check_invariants=False
            ),
        )

    def learned(self, weights: Tensor) -> "LearnedProduct":
        """As `weighted`, with a gradient by the weights, too."""
        return LearnedProduct(self, weights)

    def product(self, weights: Tensor, dense: Tensor) -> Tensor:
        """A x for the matrix A of (entries,) `weights` and a (columns, d) x, with the gradient of both.

        The gradient of a weight is ⟨∂/∂(A x)_row, x_column⟩: one more sparse operation, without a vector per entry.
        In float32 whatever autocast says.
        """
        return self.learned(weights)(dense)


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

    @property
    def T(self) -> "SparseProduct":  # noqa: N802 - as torch names it
        """Aᵀ, likewise."""
        return SparseProduct(self.transposed, self.matrix)


@dataclass(frozen=True)
class LearnedProduct:
    """A sparse matrix A by its (entries,) `weights`; calling it gives A x with the gradient of both."""

    pattern: Pattern
    weights: Tensor

    def __call__(self, dense: Tensor) -> Tensor:
        """(rows, d) from (columns, d)."""
        with torch.autocast(dense.device.type, enabled=False):
            product: Tensor = _WeightedProduct.apply(self.weights.float(), dense.float(), self.constant)
        return product

    @cached_property
    def constant(self) -> SparseProduct:
        """A itself, laid out once however often it is multiplied with."""
        return self.pattern.weighted(self.weights.detach().float())

    @property
    def T(self) -> "LearnedProduct":  # noqa: N802 - as torch names it
        """Aᵀ, likewise."""
        pattern, (rows, columns) = self.pattern, self.pattern.shape
        transposed = Pattern(
            pattern.transposed_offsets,
            pattern.transposed_columns,
            pattern.offsets,
            pattern.columns,
            pattern.permutation.argsort().int(),
            (columns, rows),
        )
        return LearnedProduct(transposed, self.weights.index_select(0, pattern.permutation))


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, dense: Tensor, matrix: Tensor, transposed: Tensor) -> Tensor:
        ctx.transposed = transposed
        return matrix @ dense.contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return ctx.transposed @ gradients[0].contiguous(), None, None


class _WeightedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weights: Tensor, dense: Tensor, constant: SparseProduct) -> Tensor:
        ctx.product = constant
        ctx.save_for_backward(dense)
        product: Tensor = constant.matrix @ dense.contiguous()
        return product

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        (dense,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        of_weights = torch.sparse.sampled_addmm(ctx.product.matrix, gradient, dense.T, beta=0.0).values()
        return of_weights, ctx.product.transposed @ gradient, None
