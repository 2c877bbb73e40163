"""The sparse product and its gradient against dense matrices and finite differences."""

import torch

from mkg4rec.graph.sparse import Pattern


def _random_pattern(generator: torch.Generator) -> tuple[Pattern, torch.Tensor, torch.Tensor]:
    """A 6 × 5 pattern in which an entry stands twice (two relations between the same nodes) and a row is empty."""
    rows, columns = torch.tensor([0, 0, 0, 1, 3, 3, 5]), torch.tensor([1, 1, 4, 0, 2, 4, 0])
    weights = torch.rand(7, generator=generator)
    dense = torch.zeros(6, 5).index_put_((rows, columns), weights, accumulate=True)
    return Pattern.build(rows, columns, (6, 5)), weights, dense


def test_is_the_matrix_product_and_its_transpose() -> None:
    generator = torch.Generator().manual_seed(1)
    pattern, weights, dense = _random_pattern(generator)
    values = torch.randn(5, 3, generator=generator, requires_grad=True)
    upstream = torch.randn(6, 3, generator=generator)
    product = pattern.weighted(weights)(values)
    torch.testing.assert_close(product, dense @ values)
    (gradient,) = torch.autograd.grad(product, values, upstream)
    torch.testing.assert_close(gradient, dense.T @ upstream)


def test_gradient_agrees_with_finite_differences() -> None:
    pattern, weights, _ = _random_pattern(torch.Generator().manual_seed(2))
    product = pattern.weighted(weights)
    values = torch.randn(5, 2, generator=torch.Generator().manual_seed(3), requires_grad=True)
    assert torch.autograd.gradcheck(product, (values,), eps=1e-2, atol=1e-3, rtol=1e-3)


def test_learned_weights_have_a_gradient_too() -> None:
    generator = torch.Generator().manual_seed(4)
    pattern, weights, _ = _random_pattern(generator)
    rows, columns = torch.tensor([0, 0, 0, 1, 3, 3, 5]), torch.tensor([1, 1, 4, 0, 2, 4, 0])
    values, upstream = torch.randn(5, 3, generator=generator, requires_grad=True), torch.randn(6, 3, generator=generator)
    weights.requires_grad_()
    dense = torch.zeros(6, 5).index_put((rows, columns), weights, accumulate=True)
    product, expected = pattern.product(weights, values), dense @ values
    torch.testing.assert_close(product, expected)
    found = torch.autograd.grad(product, (weights, values), upstream)
    torch.testing.assert_close(found, torch.autograd.grad(expected, (weights, values), upstream))
