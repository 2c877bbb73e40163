"""Gaussian diffusion of a few steps, and the network that says what a noisy row of an item graph was."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Diffusion(nn.Module):
    """q(x_t | x_0) = N(√ᾱ_t x_0, (1 − ᾱ_t) I) for t = 0 … T − 1 (Ho et al. 2020, https://arxiv.org/abs/2006.11239).

    1 − ᾱ_t rises linearly from s · low to s · high, as in DiffRec (Wang et al. 2023, https://arxiv.org/abs/2304.04971).

    Attributes:
        kept: ᾱ, (T,).
    """

    kept: Tensor

    def __init__(self, num_steps: int, noise_scale: float, low: float, high: float) -> None:
        super().__init__()
        noise = noise_scale * torch.linspace(low, high, num_steps, dtype=torch.float64)
        self.register_buffer("kept", 1 - noise, persistent=False)

    def noisy(self, rows: Tensor, steps: Tensor) -> Tensor:
        """x_t of (B, n) rows x_0 at (B,) steps t."""
        kept = self.kept[steps].unsqueeze(1)
        return kept.sqrt().float() * rows + (1 - kept).sqrt().float() * torch.randn_like(rows)

    def before(self, noisy: Tensor, origin: Tensor, step: int) -> Tensor:
        """The mean of q(x_{t−1} | x_t, x_0): (β_t √ᾱ_{t−1} x_0 + (1 − ᾱ_{t−1}) √α_t x_t) / (1 − ᾱ_t); x_0 itself at t = 0.

        Args:
            noisy, origin: x_t and x_0, (B, n).
            step: t.
        """
        kept = float(self.kept[step])
        kept_before = float(self.kept[step - 1]) if step else 1.0
        beta = 1 - kept / kept_before
        of_origin = beta * math.sqrt(kept_before) / (1 - kept)
        return of_origin * origin + (1 - kept_before) * math.sqrt(1 - beta) / (1 - kept) * noisy


class RowDenoiser(nn.Module):
    """x̂_0 = D (W [E(x_t) ; E(c) ; τ(t)]): rows of a graph from noisy ones, their condition c, rows of another graph, and the step.

    As the authors of IGDMRec have it (https://arxiv.org/abs/2512.19983): E is shared, linear and brought to length 1, τ(t) is an MLP
    over sines, and what follows them is linear.
    """

    def __init__(self, num_items: int, hidden_dimension: int, time_dimension: int, dropout: float) -> None:
        super().__init__()
        self.encoder = nn.Linear(num_items, hidden_dimension)
        self.time = nn.Sequential(nn.Linear(time_dimension, 2 * time_dimension), nn.GELU(), nn.Linear(2 * time_dimension, time_dimension))
        self.join = nn.Linear(2 * hidden_dimension + time_dimension, hidden_dimension)
        self.decode = nn.Linear(hidden_dimension, num_items)
        self.time_dimension, self.dropout = time_dimension, dropout
        for layer in (self.encoder, self.join, self.decode):
            nn.init.xavier_normal_(layer.weight)
            nn.init.zeros_(layer.bias)

    def encode(self, rows: Tensor) -> Tensor:
        """E of (B, n) rows: (B, h)."""
        return F.normalize(self.encoder(rows), dim=1)

    def forward(self, noisy: Tensor, condition: Tensor, steps: Tensor) -> Tensor:
        """(B, n) of (B, n) noisy rows, their (B, h) encoded condition, 0 where there is none, and (B,) steps."""
        encoded = F.dropout(self.encode(noisy), self.dropout, self.training)
        times = self.time(time_embedding(steps, self.time_dimension))
        restored: Tensor = self.decode(self.join(torch.cat([encoded, F.dropout(condition, self.dropout, self.training), times], dim=1)))
        return restored


def time_embedding(steps: Tensor, dimension: int) -> Tensor:
    """cos(t ω_k) and sin(t ω_k) with ω_k = 10000^(−k / (d / 2)): (B, d) of (B,) steps; 0 in the last place of an odd d."""
    half = dimension // 2
    frequencies = torch.exp(-math.log(10_000) * torch.arange(half, device=steps.device) / max(1, half))
    angles = steps.unsqueeze(1) * frequencies
    return F.pad(torch.cat([angles.cos(), angles.sin()], dim=1), (0, dimension % 2))
