"""Noise on vectors whose strength follows their length."""

import torch
from torch import Tensor


def modulus_perturbed(vectors: Tensor, intensity: float) -> Tensor:
    """e + ε ‖e‖ δ with δ = sign(e) ⊙ u / ‖u‖, u drawn uniformly from (0, 1)^d anew for each of (nodes, d) vectors e.

    δ has length 1 and leaves no sign changed, as in SimGCL (Yu et al., SIGIR 2022, https://arxiv.org/abs/2112.08679), whose noise
    has the same length for all; here each vector's own length, its modulus, says how far it is moved.
    """
    drawn = torch.rand_like(vectors)
    direction = vectors.sign() * drawn / drawn.norm(dim=-1, keepdim=True)
    perturbed: Tensor = vectors + intensity * vectors.norm(dim=-1, keepdim=True).detach() * direction
    return perturbed
