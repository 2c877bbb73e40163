"""Compressed rows: row r owns the entries `offsets[r]:offsets[r + 1]`."""

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
