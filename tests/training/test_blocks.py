"""A loss in blocks is the loss at once, and so is its gradient."""

import pytest
import torch
from torch import Tensor

from mkg4rec.training.blocks import sum_over_blocks


@pytest.mark.parametrize("block_size", [1, 3, 7, 100])
def test_has_the_value_and_the_gradient_of_the_whole(block_size: int) -> None:
    torch.manual_seed(0)
    left, right = torch.randn(7, 2, 4, requires_grad=True), torch.randn(7, 4, requires_grad=True)
    weight, bias = torch.randn(4, 3, requires_grad=True), torch.randn(3, requires_grad=True)

    def loss(left: Tensor, right: Tensor) -> Tensor:
        return torch.tanh((left * right.unsqueeze(1)) @ weight + bias).sum()

    variables = [left, right, weight, bias]
    # Its leaves are results of other operations, and it is a part of a larger loss.
    found = 3 * sum_over_blocks(loss, [left * 2, right], [weight, bias], block_size) + left.square().sum()
    expected = 3 * loss(left * 2, right) + left.square().sum()
    torch.testing.assert_close(found, expected)
    for actual, gradient in zip(torch.autograd.grad(found, variables), torch.autograd.grad(expected, variables), strict=True):
        torch.testing.assert_close(actual, gradient)


def test_computes_no_more_rows_at_a_time_than_asked() -> None:
    sizes = []

    def loss(rows: Tensor) -> Tensor:
        sizes.append(len(rows))
        return rows.sum()

    sum_over_blocks(loss, [torch.ones(10, requires_grad=True)], [], 4).backward()
    assert sizes == [4, 4, 2]
