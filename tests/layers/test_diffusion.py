"""Diffusion against its closed forms, and the network row by row."""

import math

import pytest
import torch
import torch.nn.functional as F

from mkg4rec.layers.diffusion import Diffusion, RowDenoiser, time_embedding

STEPS, SCALE, LOW, HIGH = 5, 0.5, 0.1, 0.9


def _kept() -> list[float]:
    return [1 - SCALE * (LOW + (HIGH - LOW) * step / (STEPS - 1)) for step in range(STEPS)]


def test_noise_has_the_variance_of_its_step() -> None:
    torch.manual_seed(0)
    diffusion, rows = Diffusion(STEPS, SCALE, LOW, HIGH), torch.full((STEPS, 40_000), 2.0)
    noisy = diffusion.noisy(rows, torch.arange(STEPS))
    for step, kept in enumerate(_kept()):
        assert float(noisy[step].mean()) == pytest.approx(2 * math.sqrt(kept), abs=0.02)
        assert float(noisy[step].var()) == pytest.approx(1 - kept, rel=0.05)


def test_the_step_before_is_what_bayes_says() -> None:
    """q(x_{t−1} | x_t, x_0) ∝ q(x_t | x_{t−1}) q(x_{t−1} | x_0), a product of two Gaussians."""
    diffusion, kept = Diffusion(STEPS, SCALE, LOW, HIGH), _kept()
    noisy, origin = torch.tensor([[0.7, -1.0]]), torch.tensor([[2.0, 0.5]])
    for step in range(1, STEPS):
        alpha = kept[step] / kept[step - 1]
        precisions = alpha / (1 - alpha), 1 / (1 - kept[step - 1])
        expected = (precisions[0] * noisy / math.sqrt(alpha) + precisions[1] * math.sqrt(kept[step - 1]) * origin) / sum(precisions)
        torch.testing.assert_close(diffusion.before(noisy, origin, step), expected)
    torch.testing.assert_close(diffusion.before(noisy, origin, 0), origin)


@torch.no_grad()
def test_the_network_reads_row_condition_and_step() -> None:
    torch.manual_seed(0)
    network = RowDenoiser(6, 4, 5, 0.5).eval()
    noisy, conditions, steps = torch.randn(3, 6), torch.randn(3, 6), torch.tensor([0, 2, 4])
    found = network(noisy, network.encode(conditions), steps)
    for row in range(3):
        encoded = [F.linear(part[row], network.encoder.weight, network.encoder.bias) for part in (noisy, conditions)]
        times = network.time(time_embedding(steps, 5))[row]
        joined = network.join(torch.cat([*(part / part.norm() for part in encoded), times]))
        torch.testing.assert_close(found[row], network.decode(joined))


def test_time_embedding() -> None:
    found = time_embedding(torch.tensor([3]), 5)[0]
    expected = [math.cos(3), math.cos(3 / 100), math.sin(3), math.sin(3 / 100), 0]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
