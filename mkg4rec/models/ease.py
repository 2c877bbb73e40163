"""EASE: embarrassingly shallow auto-encoders (Steck, WWW 2019, https://arxiv.org/abs/1905.03375)."""

from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import WEIGHTS, ClosedForm
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Group


class EaseHyperparameters(Group):
    """`regularization` is λ, the L2 penalty on the item–item weights."""

    regularization: Annotated[float, Field(gt=0)]


class Ease(ClosedForm):
    """min over B of ‖X − X B‖² + λ‖B‖² with diag(B) = 0, in closed form.

    With G = XᵀX + λI and P = G⁻¹: B_ij = −P_ij / P_jj off the diagonal (equation 8). Scores: x_u B.
    """

    Hyperparameters = EaseHyperparameters

    def __init__(self, hyperparameters: EaseHyperparameters, data: TrainingData) -> None:
        self.hyperparameters = hyperparameters
        self.train = data.train
        self.weights = torch.empty(0)

    def fit(self) -> float:
        """Solve for B; gives ‖X − X B‖² / (users · items)."""
        size = self.train.num_items
        gram = gram_matrix(self.train)
        regularized = gram + self.hyperparameters.regularization * torch.eye(size, dtype=gram.dtype, device=gram.device)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(regularized))
        weights = -inverse / inverse.diagonal()
        weights.fill_diagonal_(0)
        self.weights = weights.float()
        # ‖X − X B‖² = tr((I − B)ᵀ XᵀX (I − B)), without the users × items residual.
        residual = torch.eye(size, dtype=gram.dtype, device=gram.device) - weights
        return float(((gram @ residual) * residual).sum()) / (self.train.num_users * size)

    def scorer(self) -> "ItemWeights":
        return ItemWeights(self.train, self.weights)

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({"item_weights": self.weights.cpu().contiguous()}, folder / WEIGHTS)

    @classmethod
    def load(cls, hyperparameters: EaseHyperparameters, folder: Path, data: TrainingData) -> "ItemWeights":
        weights = load_file(folder / WEIGHTS)["item_weights"].to(data.train.items.device)
        if weights.shape != (data.num_items, data.num_items):
            raise PipelineError(f"{folder / WEIGHTS}: made for {len(weights)} items, the data has {data.num_items}; run `dvc repro`.")
        return ItemWeights(data.train, weights)


class ItemWeights:
    """Scores x_u B from item–item weights B and each user's binary train row x_u."""

    def __init__(self, train: Interactions, weights: Tensor) -> None:
        self.train = train
        self.weights = weights

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        row, items = self.train.rows(users)
        taken = torch.zeros(len(users), self.train.num_items, device=self.weights.device)
        taken[row, items] = 1
        return taken @ self.weights


def gram_matrix(train: Interactions, block_size: int = 2048) -> Tensor:
    """XᵀX in double precision, (items, items), summed over blocks of users."""
    gram = torch.zeros(train.num_items, train.num_items, dtype=torch.float64, device=train.items.device)
    for users in torch.arange(train.num_users, device=train.items.device).split(block_size):
        row, items = train.rows(users)
        block = torch.zeros(len(users), train.num_items, device=train.items.device)
        block[row, items] = 1
        # Sums of so few ones are exact in float32, and twice as fast.
        gram += (block.T @ block).double()
    return gram
