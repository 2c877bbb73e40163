"""Scores that are inner products of vectors, which are kept as tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import ITEM_VECTORS, USER_VECTORS, Table


@dataclass(frozen=True)
class VectorScorer:
    """ŷ = e_u · e_i for given vectors: users (users, D), items (items, D)."""

    users: Tensor
    items: Tensor

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        return self.users[users] @ self.items.T

    def save(self, folder: Path, data: TrainingData) -> None:
        """Write both tables of vectors into the existing `folder`, beside the published identifiers of `data`."""
        _write_vectors(USER_VECTORS, "user_id", data.user_ids, self.users, folder / "user_vectors.parquet")
        _write_vectors(ITEM_VECTORS, "item_id", data.item_ids, self.items, folder / "item_vectors.parquet")

    @classmethod
    def load(cls, folder: Path, data: TrainingData) -> Self:
        """What `save` wrote, on the device of `data`; vectors of other users or items are an error."""
        device = data.train.items.device
        return cls(
            _read_vectors(USER_VECTORS, "user_id", data.user_ids, folder / "user_vectors.parquet").to(device),
            _read_vectors(ITEM_VECTORS, "item_id", data.item_ids, folder / "item_vectors.parquet").to(device),
        )


def _write_vectors(table: Table, identifier: str, identifiers: pa.Array, vectors: Tensor, path: Path) -> None:
    values = pa.array(vectors.cpu().numpy().ravel(), pa.float32())
    rows = pa.table({identifier: identifiers, "vector": pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])})
    table.write(rows, path)


def _read_vectors(table: Table, identifier: str, identifiers: pa.Array, path: Path) -> Tensor:
    rows = table.read(path).combine_chunks()
    if not rows[identifier].combine_chunks().equals(identifiers):
        raise PipelineError(f"{path}: its {identifier} column is not that of the data; train the model again with `dvc repro`.")
    vectors = rows["vector"].combine_chunks()
    flat = np.array(vectors.flatten())
    return torch.from_numpy(flat).reshape(len(identifiers), -1)
