"""Losses of rows whose intermediate values are large, computed and differentiated a few rows at a time."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def sum_over_blocks(loss: Callable[..., Tensor], rows: Sequence[Tensor], parameters: Sequence[Tensor], block_size: int) -> Tensor:
    """The sum of `loss(*rows)` over blocks of rows, with its gradient by `rows` and `parameters`.

    Each block is differentiated as soon as it is computed. So the intermediate values of one block exist at a time; where a
    block is small they never leave the processor's cache, and whatever the batch they take the same memory.

    Args:
        loss: gives a scalar for some rows. Nothing but `rows` and `parameters` may need a gradient in it.
        rows: (B, …) each.
        block_size: rows of a block.
    """
    total: Tensor = _SumOverBlocks.apply(loss, block_size, len(rows), *rows, *parameters)
    return total


class _SumOverBlocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, loss: Callable[..., Tensor], block_size: int, num_rows: int, *inputs: Tensor) -> Tensor:
        rows, parameters = inputs[:num_rows], inputs[num_rows:]
        total = torch.zeros((), device=rows[0].device)
        of_rows: list[tuple[Tensor, ...]] = []
        of_parameters = [torch.zeros_like(parameter) for parameter in parameters]
        for block in zip(*(row.split(block_size) for row in rows), strict=True):
            leaves = [part.detach().requires_grad_() for part in block]
            with torch.enable_grad():
                value = loss(*leaves)
                gradients = torch.autograd.grad(value, [*leaves, *parameters])
            total += value.detach()
            of_rows.append(gradients[:num_rows])
            for whole, part in zip(of_parameters, gradients[num_rows:], strict=True):
                whole += part
        ctx.save_for_backward(*(torch.cat(parts) for parts in zip(*of_rows, strict=True)), *of_parameters)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, None, None, *(gradient * gradients[0] for gradient in ctx.saved_tensors)
