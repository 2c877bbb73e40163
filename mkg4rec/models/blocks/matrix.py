"""A matrix that is zero but for dense blocks, and what it scores with a part of low rank beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from mkg4rec.interactions import WeightedInteractions


@dataclass(frozen=True)
class Block:
    """Some entries of a matrix: `values` (M, N) at `rows` (M,) × `columns` (N,)."""

    rows: Tensor
    columns: Tensor
    values: Tensor


@dataclass(frozen=True)
class BlockMatrix:
    """Zero but for its blocks, no two of which have a column in common."""

    blocks: Sequence[Block]

    def add_product(self, dense: Tensor, result: Tensor) -> None:
        """Add Bᵀ x to `result` (columns, k), for `dense` x (rows, k)."""
        for block in self.blocks:
            result[block.columns] += block.values.T @ dense[block.rows]

    def times(self, factor: float) -> "BlockMatrix":
        """Every value times `factor`."""
        return BlockMatrix([replace(block, values=factor * block.values) for block in self.blocks])

    def tensors(self, name: str) -> dict[str, Tensor]:
        """All of it in a few tensors, by name."""
        none = Block(torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64), torch.empty(0, 0))
        blocks = [none, *self.blocks]
        return {
            f"{name}.shapes": torch.tensor([block.values.shape for block in self.blocks], dtype=torch.int64).view(-1, 2),
            f"{name}.rows": torch.cat([block.rows for block in blocks]).int().cpu(),
            f"{name}.columns": torch.cat([block.columns for block in blocks]).int().cpu(),
            f"{name}.values": torch.cat([block.values.flatten().cpu() for block in blocks]),
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], name: str, device: torch.device) -> Self:
        """What `tensors` gave, on `device`."""
        shapes = tensors[f"{name}.shapes"]
        rows = tensors[f"{name}.rows"].long().to(device).split(shapes[:, 0].tolist())
        columns = tensors[f"{name}.columns"].long().to(device).split(shapes[:, 1].tolist())
        values = tensors[f"{name}.values"].to(device).split(shapes.prod(1).tolist())
        return cls([Block(*parts[:2], parts[2].view(len(parts[0]), len(parts[1]))) for parts in zip(rows, columns, values, strict=True)])


@dataclass(frozen=True)
class LowRankAndBlocks:
    """B = V G + S: a part of low rank, and blocks.

    Attributes:
        basis: V, (D, r) float32.
        coefficients: G, (r, items) float32.
        blocks: S, (D, items).
    """

    basis: Tensor
    coefficients: Tensor
    blocks: BlockMatrix

    def times(self, factor: float) -> "LowRankAndBlocks":
        """Every entry times `factor`."""
        return LowRankAndBlocks(self.basis, factor * self.coefficients, self.blocks.times(factor))

    def add_product(self, dense: Tensor, result: Tensor) -> None:
        """Add Bᵀ x to `result` (items, k), for x = `dense` (D, k)."""
        result += self.coefficients.T @ (self.basis.T @ dense)
        self.blocks.add_product(dense, result)

    def column(self, number: int) -> Tensor:
        """(D,) of B."""
        column = self.basis @ self.coefficients[:, number]
        for block in self.blocks.blocks:
            column[block.rows] += block.values @ (block.columns == number).to(block.values)
        return column

    def tensors(self, name: str) -> dict[str, Tensor]:
        """All of it in a few tensors, by name."""
        low_rank = {f"{name}.basis": self.basis.cpu().contiguous(), f"{name}.coefficients": self.coefficients.cpu().contiguous()}
        return low_rank | self.blocks.tensors(name)

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], name: str, device: torch.device) -> Self:
        """What `tensors` gave, on `device`."""
        basis, coefficients = (tensors[f"{name}.{part}"].to(device) for part in ("basis", "coefficients"))
        return cls(basis, coefficients, BlockMatrix.from_tensors(tensors, name, device))


USERS_AT_A_TIME = 256


@dataclass(frozen=True)
class BlockScorer:
    """Scores z_u B of the warm items, and of these scores times `cold` for the others.

    Attributes:
        rows: z, users × D.
        warm: B, (D, items), zero in the columns of cold items.
        cold: (items, items), from the scores of warm items to those of cold ones; zero in the rows of these and the columns of those.
    """

    rows: WeightedInteractions
    warm: LowRankAndBlocks
    cold: LowRankAndBlocks

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        scores = torch.empty(len(users), self.warm.coefficients.shape[1], device=users.device)
        for begin in range(0, len(users), USERS_AT_A_TIME):
            chosen = slice(begin, begin + USERS_AT_A_TIME)
            # A user's row is a column here: what a block needs of it then lies together.
            taken = self.rows.dense_rows(users[chosen]).T.contiguous()
            result = torch.zeros(scores.shape[1], taken.shape[1], device=users.device)
            self.warm.add_product(taken, result)
            self.cold.add_product(result, result)
            scores[chosen] = result.T
        return scores

    def tensors(self) -> dict[str, Tensor]:
        """All that `from_tensors` needs beside the rows, by name."""
        return self.warm.tensors("warm") | self.cold.tensors("cold")

    @classmethod
    def from_tensors(cls, rows: WeightedInteractions, tensors: dict[str, Tensor]) -> Self:
        device = rows.weights.device
        return cls(rows, *(LowRankAndBlocks.from_tensors(tensors, name, device) for name in ("warm", "cold")))
