"""Whether features are those of their inputs, and why a content would be embedded again."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pyarrow as pa

from mkg4rec.features.cache import VectorCache
from mkg4rec.features.contents import Content, ContentRow
from mkg4rec.features.provenance import Provenance

_NORM_TOLERANCE = 1e-3
"""Vectors are of unit length; of what was computed in bfloat16 this much remains open."""


class Mismatch(StrEnum):
    """What is wrong with a row of features."""

    NOT_STORED = "the features have no row for it"
    NOT_AN_INPUT = "it is not among the inputs any more"
    CONTENT_NEW = "it has a content now, and no vector"
    CONTENT_GONE = "its content is gone, its vector is still there"
    CONTENT_CHANGED = "its content is another one than was embedded"
    VECTOR_DAMAGED = "its vector is not of unit length"


@dataclass(frozen=True)
class MismatchingRow:
    """A row of features, or one that should be, and what is wrong with it.

    Attributes:
        name: "item 17", "entity m.0abc".
    """

    name: str
    mismatch: Mismatch

    def __str__(self) -> str:
        return f"{self.name}: {self.mismatch}"


@dataclass(frozen=True)
class Explanation:
    """What would become of one content if features were made now.

    Attributes:
        embedded: whether it would go through the encoder.
        reasons: why, or why not.
    """

    embedded: bool
    reasons: tuple[str, ...]


def verify(table: pa.Table, inputs: Sequence[ContentRow]) -> list[MismatchingRow]:
    """The rows of a FEATURES table that are not those of `inputs`, whose contents are hashed anew."""
    stored = _stored(table)
    damaged = _damaged(table)
    found = []
    for row in inputs:
        recorded = stored.get(row.key)
        mismatch = Mismatch.NOT_STORED if recorded is None else _mismatch(recorded.sha256, row.content.sha256 if row.content else None)
        if mismatch is None and recorded is not None and damaged[recorded.number]:
            mismatch = Mismatch.VECTOR_DAMAGED
        if mismatch:
            found.append(MismatchingRow(_key_name(row.key), mismatch))
    expected = {row.key for row in inputs}
    gone = (key for key in stored if key not in expected)
    return found + [MismatchingRow(_key_name(key), Mismatch.NOT_AN_INPUT) for key in gone]


@dataclass(frozen=True)
class Parts:
    """What a content is embedded by, where not as a whole: its chunks, and the cache that has their vectors."""

    chunks: Sequence[Content]
    cache: VectorCache


def explain(
    row: ContentRow,
    table: pa.Table,
    recorded: Provenance,
    current: Provenance,
    cache: VectorCache,
    where: Path,
    parts: Parts | None = None,
) -> Explanation:
    """What would become of the content of `row`, and why.

    Args:
        row: what it is now.
        table: the FEATURES table as it was last made.
        recorded: how its vectors were made.
        current: how they would be made now.
        cache: of the `current` provenance.
        where: the file of `table`, for the reasons.
        parts: of a content that is embedded chunk by chunk.
    """
    if row.content is None:
        return Explanation(False, ("it has no content in this modality",))
    stored = _stored(table).get(row.key)
    reasons = [f"the encoder changed: {difference}" for difference in recorded.differences(current)]
    if stored is None:
        reasons.append(f"it is new: {where} has no row for it")
    elif stored.sha256 is None:
        reasons.append(f"its content is new: in {where} it is missing")
    elif stored.sha256 != row.content.sha256:
        reasons.append(f"its content changed: sha256 {stored.sha256[:12]}… in {where}, {row.content.sha256[:12]}… now")
    vectors, damaged = cache.look({row.content.sha256})
    if vectors:
        return Explanation(False, (*reasons, f"the cache has the vector of this content (sha256 {row.content.sha256[:12]}…)"))
    reasons += [f"the cache is damaged, {shard} is not what was written; it may have had this vector" for shard in damaged]
    reasons.append(f"the cache has no vector of this content: {cache.folder}")
    if parts is not None:
        wanted = {chunk.sha256 for chunk in parts.chunks}
        known, _ = parts.cache.look(wanted)
        reasons.append(f"the cache has the vectors of {len(known)} of its {len(wanted)} chunks: {parts.cache.folder}")
        if len(known) == len(wanted):
            return Explanation(False, tuple(reasons))
    if recorded == current and stored is not None and stored.sha256 == row.content.sha256:
        reasons.append(f"{where} has it: `mkg4rec features warm` puts it into the cache")
    return Explanation(True, tuple(reasons))


@dataclass(frozen=True)
class _StoredRow:
    number: int
    sha256: str | None


def _stored(table: pa.Table) -> dict[object, _StoredRow]:
    """The rows by the key that a `ContentRow` has."""
    columns = (table[name].to_pylist() for name in ("entity", "item_id", "sha256"))
    rows = enumerate(zip(*columns, strict=True))
    return {(entity,) if item is None else item: _StoredRow(number, sha256) for number, (entity, item, sha256) in rows}


def _damaged(table: pa.Table) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(rows,) whether there is a vector that is not of unit length."""
    column = table["vector"].combine_chunks()
    present = column.is_valid().to_numpy(zero_copy_only=False)
    # A file of no vector at all is that of a modality that nobody has, such as web pages.
    vectors = column.flatten().to_numpy().reshape(int(present.sum()), column.type.list_size)
    # Written so that NaN is damage, too.
    damaged = np.zeros(len(table), bool)
    damaged[present] = ~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < _NORM_TOLERANCE)
    return damaged


def _mismatch(recorded: str | None, current: str | None) -> Mismatch | None:
    if recorded == current:
        return None
    if recorded is None:
        return Mismatch.CONTENT_NEW
    return Mismatch.CONTENT_GONE if current is None else Mismatch.CONTENT_CHANGED


def _key_name(key: object) -> str:
    return f"entity {key[0]}" if isinstance(key, tuple) else f"item {key}"
