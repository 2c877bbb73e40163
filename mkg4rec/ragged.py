"""Compressed rows: row r owns the entries `offsets[r]:offsets[r + 1]`."""

from typing import Any

import torch
from torch import Tensor


def row_offsets(rows: Tensor, num_rows: int) -> Tensor:
    """(num_rows + 1,) where each row begins, from the (entries,) ascending row of each entry."""
    counts = torch.bincount(rows, minlength=num_rows)
    return torch.cat([counts.new_zeros(1), counts.cumsum(0)])


def entries_of(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The entries of some rows, one after another.

    Args:
        offsets: (num_rows + 1,).
        rows: (B,) row numbers in any order, also repeated.

    Returns:
        which of the B rows each entry belongs to, and the number of the entry; both (entries of these rows,).
    """
    counts = offsets.diff()[rows]
    owner = torch.repeat_interleave(torch.arange(len(rows), device=rows.device), counts)
    within = torch.arange(len(owner), device=rows.device) - (counts.cumsum(0) - counts)[owner]
    return owner, offsets[rows][owner] + within


def row_sums(values: Tensor, offsets: Tensor) -> Tensor:
    """(rows,) the sum over each row's entries of (entries,) `values`; 0 for an empty row. Its gradient is `spread`."""
    result: Tensor = _RowSums.apply(values, offsets)
    return result


def spread(values: Tensor, offsets: Tensor, num_entries: int) -> Tensor:
    """(entries,) for each entry the one of (rows,) `values` that is its row's. Its gradient is `row_sums`."""
    result: Tensor = _Spread.apply(values, offsets, num_entries)
    return result


class _RowSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, offsets: Tensor) -> Tensor:
        ctx.offsets, ctx.num_entries = offsets, len(values)
        return torch.segment_reduce(values, "sum", offsets=offsets)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return spread(gradients[0], ctx.offsets, ctx.num_entries), None


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, offsets: Tensor, num_entries: int) -> Tensor:
        ctx.offsets = offsets
        return torch.repeat_interleave(values, offsets.diff(), output_size=num_entries)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return row_sums(gradients[0].contiguous(), ctx.offsets), None, None
