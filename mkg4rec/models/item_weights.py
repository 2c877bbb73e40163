"""What models have in common that score by weights between items: ŷ_u = x_u B, with x_u the user's binary train row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.graph.sparse import Pattern
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import WEIGHTS, ClosedForm
from mkg4rec.models.data import TrainingData


class ItemWeightsModel(ClosedForm):
    """A subclass computes B in `fit`.

    Attributes:
        weights: B, (items, items) float32; empty before `fit`.
    """

    def __init__(self, hyperparameters: Any, data: TrainingData) -> None:
        self.train = data.train
        self.weights = torch.empty(0)

    def scorer(self) -> "ItemWeights":
        return ItemWeights(self.train, self.weights)

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({"item_weights": self.weights.cpu().contiguous()}, folder / WEIGHTS)

    @classmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> "ItemWeights":
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


def gram_matrix(interactions: Interactions, row_weights: Tensor | None = None) -> Tensor:
    """XᵀWX in double precision, (items, items); the arguments are those of `gram_rows`."""
    size = interactions.num_items
    gram = torch.empty(size, size, dtype=torch.float64, device=interactions.items.device)
    for items, rows in gram_rows(interactions, row_weights):
        gram[items] = rows.double()
    return gram


def gram_rows(interactions: Interactions, row_weights: Tensor | None = None, block_size: int = 256) -> Iterator[tuple[Tensor, Tensor]]:
    """XᵀWX block after block, so that nobody has to hold it whole.

    Args:
        interactions: the binary X, users × items.
        row_weights: (users,) the diagonal of W; 1 where it is None. Counts, which have no weights, are exact in float32.
        block_size: rows at a time. A sparse product with few columns stays in the cache.

    Yields:
        (b,) item indices and their (b, items) rows.
    """
    device = interactions.items.device
    weights = torch.ones(interactions.num_users, device=device) if row_weights is None else row_weights
    pattern = Pattern.build(interactions.users, interactions.items, (interactions.num_users, interactions.num_items))
    weighted = pattern.weighted(weights[interactions.users]).T
    takers = interactions.transposed
    for items in torch.arange(interactions.num_items, device=device).split(block_size):
        column, users = takers.rows(items)
        columns = torch.zeros(interactions.num_users, len(items), device=device)
        columns[users, column] = 1
        yield items, weighted(columns).T


def zero_diagonal_regression(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Rebuild every column of a matrix Z from its other columns: min over B of ‖Z − Z B‖² with diag(B) = 0.

    With P = (ZᵀZ)⁻¹: B_ij = −P_ij / P_jj off the diagonal (EASE, https://arxiv.org/abs/1905.03375, equation 8), which
    makes I − B = P diag(1 / P_jj). So the minimum of column j is (I − B)_jᵀ ZᵀZ (I − B)_j = 1 / P_jj.

    Args:
        gram: ZᵀZ, positive definite, in double precision. A penalty λ‖B‖² is the rows √λ I of Z: λ I added to ZᵀZ, and
            λ more in each minimum.

    Returns:
        B in float32, (items, items), and the (items,) minima.
    """
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
    weights = (-inverse / inverse.diagonal()).float()
    return weights.fill_diagonal_(0), 1 / inverse.diagonal()
