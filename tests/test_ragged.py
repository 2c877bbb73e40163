"""Sums over rows and their adjoint, also for empty rows."""

import torch

from mkg4rec.ragged import entries_of, row_offsets, row_sums, spread

ROWS = torch.tensor([0, 0, 2, 2, 2, 4])
OFFSETS = row_offsets(ROWS, 6)


def test_offsets_and_entries() -> None:
    assert OFFSETS.tolist() == [0, 2, 2, 5, 5, 6, 6]
    owner, entries = entries_of(OFFSETS, torch.tensor([2, 1, 0, 2]))
    assert owner.tolist() == [0, 0, 0, 2, 2, 3, 3, 3]
    assert entries.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]


def test_sums_a_row_and_spreads_over_it() -> None:
    torch.manual_seed(0)
    values, of_rows = torch.randn(6), torch.randn(6)
    torch.testing.assert_close(row_sums(values, OFFSETS), torch.stack([values[row == ROWS].sum() for row in range(6)]))
    assert torch.equal(spread(of_rows, OFFSETS, 6), of_rows[ROWS])
    assert torch.equal(spread(of_rows, OFFSETS.int(), 6), of_rows[ROWS])


def test_each_is_the_gradient_of_the_other() -> None:
    torch.manual_seed(0)
    values, of_rows = torch.randn(6, dtype=torch.double, requires_grad=True), torch.randn(6, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: row_sums(x, OFFSETS), (values,))
    assert torch.autograd.gradcheck(lambda x: spread(x, OFFSETS, 6), (of_rows,))
