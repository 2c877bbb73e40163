"""∞-AE: an auto-encoder of infinite width, which is a ridge regression over users (Sachdeva et al., NeurIPS 2022,
https://arxiv.org/abs/2206.02626)."""

import math
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.factorisation import cholesky
from mkg4rec.group import Count, Group
from mkg4rec.interactions import WeightedInteractions
from mkg4rec.memory import require_memory
from mkg4rec.models.base import WEIGHTS, ClosedForm
from mkg4rec.models.data import TrainingData
from mkg4rec.tuning.space import Choice, Range


class InfiniteAutoencoderHyperparameters(Group):
    """Attributes:
    regularization: λ.
    depth: hidden layers; the paper finds one to be enough.
    dislikes: whether what a user rated too low to count as taken stands in the user's row as well, as −1.
    """

    regularization: Annotated[float, Field(gt=0), Range(1.0, 1000.0, log=True)]
    depth: Annotated[Count, Choice((1, 2, 3))]
    dislikes: bool


class InfiniteAutoencoder(ClosedForm):
    """Ŝ = K (K + λ I)⁻¹ X, with K(u, v) the neural tangent kernel of the users' rows x_u, x_v at length 1 (equation 2).

    For a network with ReLU, and c the cosine of two rows, the kernel of l hidden layers is (Jacot et al. 2018; Lee et al. 2019,
    https://arxiv.org/abs/1902.06720)

        Σ_0 = Θ_0 = c,  Σ_l = (√(1 − Σ²) + Σ (π − arccos Σ)) / π,  Θ_l = Σ_l + Θ_{l−1} (π − arccos Σ) / π,  Σ = Σ_{l−1}.
    """

    Hyperparameters = InfiniteAutoencoderHyperparameters

    def __init__(self, hyperparameters: InfiniteAutoencoderHyperparameters, data: TrainingData) -> None:
        self.hyperparameters = hyperparameters
        self.train = WeightedInteractions.binary(data.train)
        self.rows = self.train
        if hyperparameters.dislikes:
            disliked = WeightedInteractions.binary(data.read_ratings().dislikes)
            self.rows = self.train.beside(WeightedInteractions(disliked.entries, -disliked.weights))
        self.scores = torch.empty(0)

    def fit(self) -> float:
        """Compute Ŝ; gives the minimum of (‖X − K α‖² + λ αᵀ K α) / (users · items), which is λ tr(Xᵀ α) over that.

        Raises:
            PipelineError: there is no memory for six matrices of users × users and five of users × items.
        """
        users, items = self.train.entries.num_users, self.rows.entries.num_items
        require_memory(
            4 * users * (6 * users + 5 * items),
            self.train.weights.device,
            f"infinite_autoencoder: what is dense over {users:,} × {users:,} users and {items:,} columns",
            "Take ease, whose memory grows with the items and not with the users, or kernel_ease with models.kernel_ease.blocks.",
        )
        every = torch.arange(self.train.entries.num_users, device=self.train.weights.device)
        unit = F.normalize(self.rows.dense_rows(every))
        kernel = tangent_kernel(unit @ unit.T, self.hyperparameters.depth)
        del unit
        taken = self.train.dense_rows(every)
        kernel.diagonal().add_(self.hyperparameters.regularization)
        coefficients = torch.cholesky_solve(taken, cholesky(kernel))
        # K α = (K + λ I) α − λ α.
        self.scores = taken - self.hyperparameters.regularization * coefficients
        return self.hyperparameters.regularization * float((taken * coefficients).sum() / taken.numel())

    def scorer(self) -> "UserScores":
        return UserScores(self.scores)

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({"scores": self.scores.cpu().contiguous()}, folder / WEIGHTS)

    @classmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> "UserScores":
        scores = load_file(folder / WEIGHTS)["scores"]
        if scores.shape != (data.num_users, data.num_items):
            made_for = " users and ".join(map(str, scores.shape))
            raise PipelineError(f"{folder / WEIGHTS}: made for {made_for} items, the data has others; run `dvc repro`.")
        return UserScores(scores.to(data.train.items.device))


class UserScores:
    """Scores that were computed for every user beforehand, (users, items)."""

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        return self.scores[users]


def tangent_kernel(cosines: Tensor, depth: int) -> Tensor:
    """Θ_depth by the formula above, of any shape."""
    covariance = tangent = cosines.clamp(-1, 1)
    for _ in range(depth):
        share = 1 - torch.arccos(covariance) / math.pi
        covariance, tangent = (
            ((1 - covariance.square()).clamp(min=0).sqrt() / math.pi + covariance * share).clamp(-1, 1),
            tangent * share,
        )
        tangent = tangent + covariance
    return tangent
