"""What models have in common that score by weights between items: ŷ_u = x_u B, with x_u what the user took."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.factorisation import cholesky
from mkg4rec.graph.sparse import Pattern
from mkg4rec.interactions import Interactions, WeightedInteractions
from mkg4rec.memory import require_memory
from mkg4rec.models.base import WEIGHTS, ClosedForm
from mkg4rec.models.data import TrainingData

EXAMPLE_OF_BLOCKS = "{items: 64, neighbours: 512, rank: 128}"


class ItemWeightsModel(ClosedForm):
    """A subclass computes B in `fit`.

    Attributes:
        rows: x, users × D.
        weights: B, (D, items) float32; empty before `fit`.
    """

    def __init__(self, hyperparameters: Any, data: TrainingData) -> None:
        self.train = data.train
        self.rows = self.rows_of(hyperparameters, data)
        self.weights = torch.empty(0)

    @classmethod
    def rows_of(cls, hyperparameters: Any, data: TrainingData) -> WeightedInteractions:
        """The binary train rows, where a subclass does not say more of a user."""
        return WeightedInteractions.binary(data.train)

    def require_memory(self, model: str, needed: int) -> None:
        """Make sure, before B is computed, that there is room for matrices of items × items.

        Args:
            model: its name.
            needed: bytes at the peak.

        Raises:
            PipelineError: there is less memory.
        """
        purpose = f"{model}: what is dense over {self.train.num_items:,} × {self.train.num_items:,} items"
        instead = f"Take kernel_ease with models.kernel_ease.blocks: {EXAMPLE_OF_BLOCKS}, whose memory grows with the items alone."
        require_memory(needed, self.train.items.device, purpose, instead)

    def scorer(self) -> Scorer:
        return ItemWeights(self.rows, self.weights)

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({"item_weights": self.weights.cpu().contiguous()}, folder / WEIGHTS)

    @classmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> Scorer:
        rows = cls.rows_of(hyperparameters, data)
        weights = load_file(folder / WEIGHTS)["item_weights"].to(data.train.items.device)
        if weights.shape != (rows.entries.num_items, data.num_items):
            raise PipelineError(f"{folder / WEIGHTS}: made for {weights.shape[1]} items, the data has {data.num_items}; run `dvc repro`.")
        return ItemWeights(rows, weights)


class ItemWeights:
    """Scores x_u B from (D, items) weights B and each user's row x_u, users × D."""

    def __init__(self, rows: WeightedInteractions, weights: Tensor) -> None:
        self.rows = rows
        self.weights = weights

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        return self.rows.dense_rows(users) @ self.weights


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


def cross_gram(left: WeightedInteractions, right: WeightedInteractions, row_weights: Tensor, block_size: int = 256) -> Tensor:
    """LᵀWR in double precision, (D_L, D_R), of two matrices of the same users and W = diag of (users,) `row_weights`."""
    users, shape = left.entries.users, (left.entries.num_users, left.entries.num_items)
    of_left = Pattern.build(users, left.entries.items, shape).weighted(left.weights * row_weights[users]).T
    gram = torch.empty(shape[1], right.entries.num_items, dtype=torch.float64, device=users.device)
    for items in torch.arange(right.entries.num_items, device=users.device).split(block_size):
        gram[:, items] = of_left(right.transposed.dense_rows(items).T).double()
    return gram


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
    inverse = torch.cholesky_inverse(cholesky(gram))
    weights = (-inverse / inverse.diagonal()).float()
    return weights.fill_diagonal_(0), 1 / inverse.diagonal()


def zero_diagonal_solution(gram: Tensor, target: Tensor) -> Tensor:
    """The B that minimises tr(BᵀAB − 2 CᵀB) with B_jj = 0 in each of its columns j.

    With P = A⁻¹ and Q = PC it is B = Q − P_:,j Q_jj / P_jj: the Lagrange multiplier of column j is what makes B_jj zero.

    Args:
        gram: A, (D, D), positive definite, in double precision.
        target: C, (D, n) with n ≤ D, likewise.
    """
    factor = cholesky(gram)
    inverse = torch.cholesky_inverse(factor)[:, : target.shape[1]]
    unconstrained = torch.cholesky_solve(target, factor)
    solution = unconstrained - inverse * (unconstrained.diagonal() / inverse.diagonal())
    return solution.fill_diagonal_(0)
