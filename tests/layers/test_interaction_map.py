"""The tower against convolutions of the outer product, pixel by pixel."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from mkg4rec.layers.interaction_map import ConvolutionTower, z_order


def _tower(dimension: int, channels: int = 3) -> ConvolutionTower:
    torch.manual_seed(0)
    tower = ConvolutionTower(dimension, channels)
    for bias in tower.biases:
        torch.nn.init.normal_(bias, std=0.3)
    return tower


def _literal(tower: ConvolutionTower, user: Tensor, item: Tensor) -> Tensor:
    """(channels,) of a (d,) user and item."""
    pixels = torch.outer(user, item).unsqueeze(-1)  # (d, d, 1)
    for kernel, bias in zip(tower.kernels, tower.biases, strict=True):
        size, channels = len(pixels) // 2, pixels.shape[-1]
        weight = kernel.view(2, 2, channels, -1)
        rows = []
        for x in range(size):
            for y in range(size):
                value = bias
                for a in range(2):
                    for b in range(2):
                        value = value + pixels[2 * x + a, 2 * y + b] @ weight[a, b]
                rows.append(torch.relu(value))
        pixels = torch.stack(rows).view(size, size, -1)
    return pixels[0, 0]


def test_z_order_goes_block_by_block() -> None:
    assert z_order(2).tolist() == [0, 1, 2, 3]
    assert z_order(4).tolist() == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]
    assert sorted(z_order(16).tolist()) == list(range(256))


@pytest.mark.parametrize("dimension", [2, 4, 8])
def test_convolves_the_outer_product_until_one_pixel_is_left(dimension: int) -> None:
    tower = _tower(dimension)
    users, items = torch.randn(2, 4, dimension)
    found = tower(users, items)
    assert (found > 0).any()
    torch.testing.assert_close(found, torch.stack([_literal(tower, user, item) for user, item in zip(users, items, strict=True)]))


def test_has_the_size_of_the_paper() -> None:
    tower = ConvolutionTower(64, 32)
    assert [tuple(kernel.shape) for kernel in tower.kernels] == [(4, 32)] + [(128, 32)] * 5
    assert tower(torch.randn(2, 64), torch.randn(2, 64)).shape == (2, 32)


def test_is_torchs_convolution() -> None:
    tower = _tower(16, 5)
    users, items = torch.randn(2, 7, 16)
    expected = (users.unsqueeze(2) * items.unsqueeze(1)).unsqueeze(1)
    for kernel, bias in zip(tower.kernels, tower.biases, strict=True):
        weight = kernel.T.view(5, 2, 2, -1).permute(0, 3, 1, 2)
        expected = torch.relu(F.conv2d(expected, weight, bias, stride=2))
    torch.testing.assert_close(tower(users, items), expected.flatten(1))


def test_users_and_items_broadcast() -> None:
    tower = _tower(8)
    users, items = torch.randn(3, 1, 8), torch.randn(4, 8)
    found = tower(users, items)
    assert found.shape == (3, 4, 3)
    torch.testing.assert_close(found, tower(users.expand(3, 4, 8), items.expand(3, 4, 8)))


def test_has_the_gradient_of_the_equations() -> None:
    tower = _tower(4)
    users, items = torch.randn(3, 1, 4, requires_grad=True), torch.randn(3, 2, 4, requires_grad=True)
    upstream = torch.randn(3, 2, 3)
    literal = torch.stack([torch.stack([_literal(tower, users[n, 0], items[n, m]) for m in range(2)]) for n in range(3)])
    variables = [users, items, *tower.parameters()]
    found = torch.autograd.grad(tower(users, items), variables, upstream)
    for actual, expected in zip(found, torch.autograd.grad(literal, variables, upstream), strict=True):
        torch.testing.assert_close(actual, expected)
