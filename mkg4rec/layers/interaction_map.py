"""Convolutions of an outer product (ConvNCF, He et al., IJCAI 2018, https://arxiv.org/abs/1808.03912).

The interaction map E = p ⊗ q of a user and an item is d × d. Every convolution is 2 × 2 with stride 2, so that no pixel is read
twice: pixels stand in Z-order, where those of a 2 × 2 block follow each other, and so do the blocks, which are the pixels of the
next map. A convolution is then one matrix product over a view, and nothing is copied between layers.
"""

from typing import Any

import torch
from torch import Tensor, nn


class ConvolutionTower(nn.Module):
    """e⁰ = E, e^{l+1}_{x,y} = ReLU(b^l + Σ_{a,b ∈ {0,1}} T^l_{a,b} e^l_{2x+a,2y+b}), until one pixel is left.

    Attributes:
        kernels: T of each layer, (4 · channels in, channels), rows in the order (a, b, channel in).
        biases: b of each layer, (channels,).
        largest: numbers in the first layer's map, which is the largest.
    """

    rows: Tensor
    columns: Tensor
    places: Tensor

    def __init__(self, dimension: int, channels: int) -> None:
        """
        Args:
            dimension: d, a power of two, at least 2.
            channels: of every layer; there are log₂ d layers.
        """
        super().__init__()
        self.largest = channels * (dimension // 2) ** 2
        widths = [1] + [channels] * (dimension.bit_length() - 2)
        # He's initialisation, which keeps the scale through ReLUs. Ours: the paper does not say.
        self.kernels = nn.ParameterList(nn.init.kaiming_normal_(torch.empty(channels, 4 * width)).T.contiguous() for width in widths)
        self.biases = nn.ParameterList(torch.zeros(channels) for _ in widths)
        order = z_order(dimension)
        self.register_buffer("rows", order // dimension, persistent=False)
        self.register_buffer("columns", order % dimension, persistent=False)
        self.register_buffer("places", torch.argsort(order), persistent=False)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """(…, d) p and q, which broadcast → (…, channels)."""
        pixels: Tensor = _OuterProduct.apply(users, items, self.rows, self.columns, self.places)
        pairs = pixels.shape[:-1]
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            pixels = torch.addmm(bias, pixels.view(-1, len(kernel)), kernel).relu_()
        return pixels.view(*pairs, -1)


def z_order(size: int) -> Tensor:
    """(size²,) the number size · x + y of each pixel of a map in Z-order: the bits of x and y in turn, x first.

    Args:
        size: a power of two.
    """
    levels = size.bit_length() - 1
    by_bits = torch.arange(size * size).view([2] * (2 * levels))
    return by_bits.permute([bit for level in range(levels) for bit in (level, levels + level)]).flatten()


class _OuterProduct(torch.autograd.Function):
    """p_x q_y for every pixel (x, y) in a given order. Its gradient, put in rows and columns again, is two matrix products."""

    @staticmethod
    def forward(ctx: Any, users: Tensor, items: Tensor, rows: Tensor, columns: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(users, items, places)
        return _pick(users, rows) * _pick(items, columns)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        users, items, places = ctx.saved_tensors
        by_row = _pick(gradients[0], places).unflatten(-1, (users.shape[-1], items.shape[-1]))
        of_users = (by_row @ items.unsqueeze(-1)).squeeze(-1)
        of_items = (users.unsqueeze(-2) @ by_row).squeeze(-2)
        return of_users.sum_to_size(users.shape), of_items.sum_to_size(items.shape), None, None, None


def _pick(values: Tensor, places: Tensor) -> Tensor:
    """`values[..., places]`; on a CPU torch is eight times as fast where there are two dimensions."""
    return values.flatten(0, -2).index_select(1, places).view(*values.shape[:-1], -1)
