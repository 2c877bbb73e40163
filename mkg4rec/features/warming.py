"""The vectors of a file of features into the cache: for who has pulled them, and would embed all again at the next change."""

import re
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import Vector, VectorCache, of_unit_length
from mkg4rec.features.store import read_features
from mkg4rec.features.verification import Mismatch, MismatchingRow

_ROWS_PER_SHARD = 512

_SHA256 = re.compile("[0-9a-f]{64}")


class UnusableRowsError(PipelineError):
    """A file of features has rows that no cache should have; the others were put into it.

    Attributes:
        put: how many vectors were put into the cache.
        rows: which were not, and why.
    """

    def __init__(self, path: Path, put: int, rows: list[MismatchingRow]) -> None:
        super().__init__(f"{path}: {rows[0]} ({len(rows):,} such rows were not put into the cache); make the features anew.")
        self.put = put
        self.rows = rows


def warm(path: Path, root: Path) -> int:
    """Put into the cache folder `root` what it does not have of the file `path`; gives the number of vectors.

    Raises:
        UnusableRowsError: a row has a content and no vector, a vector and no content, or one that is not finite or not of unit length.
        PipelineError: no such file, or not one of features; or the cache cannot be read or written.
    """
    table, provenance = read_features(path)
    by_content, unusable = _usable(table, _rows(table, provenance.dimension))
    cache = VectorCache(root, provenance)
    known = cache.read(by_content.keys())
    missing = sorted(by_content.keys() - known.keys())
    for first in range(0, len(missing), _ROWS_PER_SHARD):
        cache.keep({content: by_content[content] for content in missing[first : first + _ROWS_PER_SHARD]})
    if unusable:
        raise UnusableRowsError(path, len(missing), unusable)
    return len(missing)


def _rows(table: pa.Table, dimension: int) -> NDArray[np.float32]:
    """(rows, D) the vector of each row of a FEATURES table, NaN where there is none, or where an entry is null."""
    column = table["vector"].combine_chunks()
    rows = np.full((len(table), dimension), np.nan, np.float32)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    rows[present] = column.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, dimension)
    return rows


def _usable(table: pa.Table, rows: NDArray[np.float32]) -> tuple[dict[str, Vector], list[MismatchingRow]]:
    """The vectors (D,) by sha256, and the rows of a FEATURES table that should have one and have none; `rows` are those of `_rows`."""
    names = zip(*(table[name].to_pylist() for name in ("entity", "item_id", "sha256")), strict=True)
    present = table["vector"].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
    unit = of_unit_length(rows)
    by_content, unusable = {}, []
    for number, (entity, item, sha256) in enumerate(names):
        if not present[number] and sha256 is None:
            continue
        if not present[number]:
            mismatch = Mismatch.VECTOR_MISSING
        elif sha256 is None or not _SHA256.fullmatch(sha256):
            mismatch = Mismatch.SHA256_MISSING
        elif not unit[number]:
            mismatch = Mismatch.VECTOR_DAMAGED if np.isfinite(rows[number]).all() else Mismatch.VECTOR_NOT_FINITE
        else:
            by_content[sha256] = rows[number]
            continue
        unusable.append(MismatchingRow((entity,) if item is None else item, mismatch))
    return by_content, unusable
