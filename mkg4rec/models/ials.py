"""iALS: matrix factorisation of implicit feedback by alternating least squares (Hu et al., ICDM 2008).

https://doi.org/10.1109/ICDM.2008.22, with the loss and the regularisation of Rendle et al., "Revisiting the Performance of
iALS on Item Recommendation Benchmarks" (RecSys 2022, https://arxiv.org/abs/2110.14037).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mkg4rec.group import Count, Group
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.data import TrainingData
from mkg4rec.models.vectors import VectorScorer
from mkg4rec.tuning.space import Range

INITIAL_DEVIATION = 0.1
"""σ*; vectors begin at N(0, (σ* / √d)²), so that their length does not depend on d (Rendle et al.)."""

BLOCK_NUMBERS = 2_000_000
"""Of single precision in what is computed at a time: a few megabytes, which stay in the cache."""


class IalsHyperparameters(Group):
    """Attributes:
    dimension: d of the vectors of users and items.
    num_iterations: how often all users and all items are solved for.
    unobserved_weight: α₀, of every score's square, which holds scores of items that were not taken near 0.
    regularization: λ.
    frequency_exponent: ν; the more a user or an item is seen, the more its vector is held down. 0 treats all alike.
    """

    dimension: Count
    num_iterations: Count
    unobserved_weight: Annotated[float, Field(gt=0), Range(0.01, 2.0, log=True)]
    regularization: Annotated[float, Field(gt=0), Range(0.001, 0.1, log=True)]
    frequency_exponent: Annotated[float, Field(ge=0)]


class Ials(ClosedForm):
    """ŷ_ui = w_u · h_i. With S the train interactions, I_u the items of u and U_i the users of i, it minimises

        Σ_S (ŷ_ui − 1)² + α₀ Σ_{all u, i} ŷ_ui² + Σ_u λ_u ‖w_u‖² + Σ_i λ_i ‖h_i‖²
        λ_u = λ (|I_u| + α₀ I)^ν,  λ_i = λ (|U_i| + α₀ U)^ν

    which for fixed H is a least squares problem for each user, and for fixed W one for each item. That of a user, solved by
    (α₀ HᵀH + Σ_{i ∈ I_u} h_i h_iᵀ + λ_u 1) w_u = Σ_{i ∈ I_u} h_i, has HᵀH in common with all others (Hu et al., equation 4).
    """

    Hyperparameters = IalsHyperparameters
    draws = True

    def __init__(self, hyperparameters: IalsHyperparameters, data: TrainingData) -> None:
        self.hyperparameters = hyperparameters
        self.train = data.train
        self.users = self.items = torch.empty(0)

    def fit(self) -> float:
        """Alternate; gives the loss / (users · items)."""
        settings = self.hyperparameters
        of_users, of_items = self._side(self.train), self._side(self.train.transposed)
        deviation = INITIAL_DEVIATION / settings.dimension**0.5
        self.items = deviation * torch.randn(self.train.num_items, settings.dimension, device=self.train.items.device)
        for _ in range(settings.num_iterations):
            self.users = of_users.solve(self.items)
            self.items = of_items.solve(self.users)
        data_loss = of_users.data_loss(self.users, self.items)
        return (data_loss + of_users.penalty(self.users) + of_items.penalty(self.items)) / (self.train.num_users * self.train.num_items)

    def _side(self, rows: Interactions) -> "Side":
        settings = self.hyperparameters
        frequencies = rows.counts + settings.unobserved_weight * rows.num_items
        regularization = settings.regularization * frequencies**settings.frequency_exponent
        return Side(padded_blocks(rows, settings.dimension), regularization, settings.unobserved_weight)

    def scorer(self) -> VectorScorer:
        return VectorScorer(self.users, self.items)

    def save(self, folder: Path, data: TrainingData) -> None:
        self.scorer().save(folder, data)

    @classmethod
    def load(cls, hyperparameters: IalsHyperparameters, folder: Path, data: TrainingData) -> VectorScorer:
        return VectorScorer.load(folder, data)


@dataclass(frozen=True)
class Side:
    """The least squares problems of all users; or of all items, which are then the rows.

    Attributes:
        blocks: the rows, and for each the columns that it is to score 1.
        regularization: (rows,) the λ of each.
        unobserved_weight: α₀.
    """

    blocks: list["Block"]
    regularization: Tensor
    unobserved_weight: float

    def solve(self, columns: Tensor) -> Tensor:
        """(rows, d) the best vectors of the rows for (columns, d) fixed ones."""
        everywhere = self.unobserved_weight * columns.T @ columns  # (d, d)
        solved = columns.new_empty(len(self.regularization), columns.shape[1])
        padded = _with_zero(columns)
        for block in self.blocks:
            taken = padded[block.columns]  # (B, n, d)
            systems = torch.baddbmm(everywhere, taken.mT, taken)  # (B, d, d)
            systems.diagonal(dim1=1, dim2=2).add_(self.regularization[block.rows].unsqueeze(1))
            solved[block.rows] = torch.linalg.solve(systems, taken.sum(1))
        return solved

    def data_loss(self, rows: Tensor, columns: Tensor) -> float:
        """Σ_S (ŷ − 1)² + α₀ Σ ŷ² of (rows, d) and (columns, d) vectors; the second sum is that of WᵀW ⊙ HᵀH."""
        loss = self.unobserved_weight * ((rows.T @ rows).double() * (columns.T @ columns).double()).sum()
        padded = _with_zero(columns)
        for block in self.blocks:
            scores = (padded[block.columns] @ rows[block.rows].unsqueeze(2)).squeeze(2)  # (B, n)
            loss += ((scores - 1).square() * block.present).sum()
        return float(loss)

    def penalty(self, vectors: Tensor) -> float:
        """Σ λ_r ‖v_r‖² of the rows' (rows, d) vectors."""
        return float((self.regularization * vectors.square().sum(1)).sum())


@dataclass(frozen=True)
class Block:
    """Rows with about as many entries each.

    Attributes:
        rows: (B,).
        columns: (B, n) of their entries; padding has the number after the last column.
        present: (B, n) bool, False where padding stands.
    """

    rows: Tensor
    columns: Tensor
    present: Tensor


def padded_blocks(matrix: Interactions, dimension: int) -> list[Block]:
    """All rows, ascending by their number of entries, in blocks whose n · d + d² numbers a row make `BLOCK_NUMBERS`."""
    order = matrix.counts.argsort(stable=True)
    numbers = (matrix.counts[order] * dimension + dimension**2).cumsum(0)
    _, sizes = torch.unique_consecutive(numbers // BLOCK_NUMBERS, return_counts=True)
    return [_padded_block(matrix, rows) for rows in order.split(sizes.tolist())]


def _padded_block(matrix: Interactions, rows: Tensor) -> Block:
    counts = matrix.counts[rows]
    present = torch.arange(int(counts.max()), device=rows.device) < counts.unsqueeze(1)
    columns = torch.full(present.shape, matrix.num_items, device=rows.device)
    _, columns[present] = matrix.rows(rows)
    return Block(rows, columns, present)


def _with_zero(vectors: Tensor) -> Tensor:
    """What padding refers to is a zero vector."""
    return torch.cat([vectors, torch.zeros_like(vectors[:1])])
