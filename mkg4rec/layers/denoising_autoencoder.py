"""Stacked denoising auto-encoder (Vincent et al., JMLR 11, 2010, https://www.jmlr.org/papers/v11/vincent10a.html)."""

from itertools import pairwise

import torch
from torch import Tensor, nn


class DenoisingAutoencoder(nn.Module):
    """Codes of vectors from which the vectors can be told, also where a part of them is missing.

    X_l = tanh(X_{l−1} W_l + b_l), of which the middle one is the code; the last, the reconstruction, is without tanh.

    Ours: tanh in place of the logistic function and a linear end, because the vectors of an encoder have values of both
    signs; bags of words and pixels, which the literature reconstructs, have not.
    """

    def __init__(self, widths: list[int], noise: float, codes_at_first: float = 1.0) -> None:
        """
        Args:
            widths: of the vectors, of the hidden layers, and at last of the code; the decoder goes the same way back.
            noise: share of the entries that corruption sets to 0.
            codes_at_first: how long codes are at first, of what Xavier's initialisation makes of them.
        """
        super().__init__()
        gains = [1.0] * (len(widths) - 2) + [codes_at_first]
        self.encoder = nn.ModuleList(_linear(*ends, gain) for ends, gain in zip(pairwise(widths), gains, strict=True))
        self.decoder = nn.ModuleList(_linear(width, next_width) for width, next_width in pairwise(widths[::-1]))
        self.noise = noise

    def encode(self, vectors: Tensor) -> Tensor:
        """The codes of (B, D) vectors, (B, d)."""
        for layer in self.encoder:
            vectors = torch.tanh(layer(vectors))
        return vectors

    def decode(self, codes: Tensor) -> Tensor:
        """The reconstructions from (B, d) codes, (B, D)."""
        *hidden, last = self.decoder
        for layer in hidden:
            codes = torch.tanh(layer(codes))
        reconstructions: Tensor = last(codes)
        return reconstructions

    def reconstruction_loss(self, vectors: Tensor) -> Tensor:
        """Mean of ½ ‖X_L − x‖² over (B, D) vectors x, each reconstructed from its corrupted self."""
        corrupted = vectors * (torch.rand_like(vectors) >= self.noise)
        return (self.decode(self.encode(corrupted)) - vectors).square().sum(-1).mean() / 2


def _linear(width: int, next_width: int, gain: float = 1.0) -> nn.Linear:
    layer = nn.Linear(width, next_width)
    nn.init.xavier_uniform_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer
