"""Whether features are those of their inputs, and why a content would be embedded again."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import VectorCache, of_unit_length
from mkg4rec.features.contents import Content, ContentRow, ItemId
from mkg4rec.features.provenance import Provenance

Key: TypeAlias = ItemId | tuple[str]
"""What names a row, as `ContentRow.key`."""

TOLERANCES = {"float32": 1e-3, "bfloat16": 1e-2}
"""How far an entry may lie from that of the same content embedded again, by precision. On a CPU other batch sizes and numbers of threads
move it by 6e-8 (bfloat16: by 2e-3 at most, against float32); a GPU convolves in TF32, whose mantissa has 10 bits. The nearest
posters of two films of the demo differ by 2e-3."""

_SEED = 0
"""Draws what is embedded again: with the same each time, who mends a store sees whether it is right now."""


class Mismatch(StrEnum):
    """What is wrong with a row of features."""

    NOT_STORED = "the features have no row for it"
    NOT_AN_INPUT = "it is not among the inputs any more"
    DUPLICATED = "it has more than one row"
    MISPLACED = "its row is not where the order of the catalogue has it"
    ENTITY_CHANGED = "its entity is another one than the catalogue's"
    CONTENT_NEW = "it has a content now, and no vector"
    CONTENT_GONE = "its content is gone, its vector is still there"
    CONTENT_CHANGED = "its content is another one than was embedded"
    VECTOR_MISSING = "it has the sha256 of a content, and no vector"
    SHA256_MISSING = "it has a vector, and no sha256 of a content"
    VECTOR_NOT_FINITE = "its vector is not finite"
    VECTOR_DAMAGED = "its vector is not of unit length"
    VECTOR_WRONG = "its vector is not what the encoder makes of its content"


STALE = {
    Mismatch.NOT_STORED,
    Mismatch.NOT_AN_INPUT,
    Mismatch.ENTITY_CHANGED,
    Mismatch.CONTENT_NEW,
    Mismatch.CONTENT_GONE,
    Mismatch.CONTENT_CHANGED,
}
"""What a change of the inputs brings; the rest is damage."""


@dataclass(frozen=True)
class MismatchingRow:
    """A row of features, or one that should be, and what is wrong with it; as text, "item 17: …" or "entity m.0abc: …"."""

    key: Key
    mismatch: Mismatch

    def __str__(self) -> str:
        name = f"entity {self.key[0]}" if isinstance(self.key, tuple) else f"item {self.key}"
        return f"{name}: {self.mismatch}"


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
    """The rows of a FEATURES table that are not those of `inputs`, whose contents are hashed anew, or are faulty by themselves.

    Whether a vector is that of its content is left to `wrong_vectors`.
    """
    stored, faulty = _stored(table), _faulty(table)
    misplaced = _misplaced(stored, inputs)
    found = []
    for row in inputs:
        recorded = stored.get(row.key)
        if recorded is None:
            mismatch: Mismatch | None = Mismatch.NOT_STORED
        else:
            mismatch = faulty.get(row.key) or _mismatch(recorded, row)
        if mismatch is None and row.key in misplaced:
            mismatch = Mismatch.MISPLACED
        if mismatch:
            found.append(MismatchingRow(row.key, mismatch))
    expected = {row.key for row in inputs}
    return found + [MismatchingRow(key, Mismatch.NOT_AN_INPUT) for key in stored if key not in expected]


def require_sound(table: pa.Table, where: object) -> None:
    """Make sure that no row of a FEATURES table is repeated, and that each has a unit vector and a sha256, or neither.

    Raises:
        PipelineError: there is such a row; the first is named, and `where` as its place.
    """
    faulty = [MismatchingRow(key, mismatch) for key, mismatch in _faulty(table).items()]
    if faulty:
        others = len(faulty) - 1
        more = f" (and {others:,} more such row{'s' if others > 1 else ''})" if others else ""
        raise PipelineError(f"{where}: {faulty[0]}{more}; make the file again, or leave it out.")


@dataclass(frozen=True)
class WrongVectors:
    """What became of embedding contents again.

    Attributes:
        rows: whose vectors are others than those of their contents.
        embedded: how many contents were embedded again.
        contents: how many different ones there are.
    """

    rows: list[MismatchingRow]
    embedded: int
    contents: int


def wrong_vectors(
    table: pa.Table,
    inputs: Sequence[ContentRow],
    embed: Callable[[Sequence[Content]], NDArray[np.float32]],
    tolerance: float,
    most: int | None = None,
) -> WrongVectors:
    """The rows of a FEATURES table whose vectors are not those of their contents, embedded again.

    Args:
        inputs: the rows to look at, those in which `verify` found nothing wrong.
        embed: gives the vectors (contents, D) of contents, and remembers none.
        tolerance: how far an entry may lie from the stored one.
        most: how many contents to embed, which are drawn, the same each time; all by default.
    """
    by_content = {row.content.sha256: row.content for row in inputs if row.content}
    chosen = _drawn(list(by_content), most)
    fresh = dict(zip(chosen, embed([by_content[sha256] for sha256 in chosen]), strict=True)) if chosen else {}
    rows = [row for row in inputs if row.content and row.content.sha256 in fresh]
    stored = _stored(table)
    present, vectors = _vectors(table)
    place = np.cumsum(present) - 1  # of a row's vector among the vectors
    wrong = []
    for row in rows:
        assert row.content
        distance = np.abs(vectors[place[stored[row.key].number]] - fresh[row.content.sha256]).max()
        if distance > tolerance:
            wrong.append(MismatchingRow(row.key, Mismatch.VECTOR_WRONG))
    return WrongVectors(wrong, len(chosen), len(by_content))


@dataclass(frozen=True)
class Parts:
    """What a content is embedded by, where not as a whole: its chunks, and the cache that has their vectors."""

    chunks: Sequence[Content]
    cache: VectorCache


def explain(
    row: ContentRow,
    features: tuple[pa.Table, Provenance] | None,
    current: Provenance,
    cache: VectorCache,
    where: Path,
    parts: Parts | None = None,
) -> Explanation:
    """What would become of the content of `row`, and why.

    Args:
        row: what it is now.
        features: the FEATURES table as it was last made, and how its vectors were; None where there is none.
        current: how they would be made now.
        cache: of the `current` provenance.
        where: the file of `features`, for the reasons.
        parts: of a content that is embedded chunk by chunk.
    """
    if row.content is None:
        return Explanation(False, ("it has no content in this modality",))
    changes = _changes(row.key, row.content, features, current, where)
    reasons = list(changes)
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
    if not changes:
        reasons.append(f"{where} has it: `mkg4rec features warm` puts it into the cache")
    return Explanation(True, tuple(reasons))


def _changes(key: Key, content: Content, features: tuple[pa.Table, Provenance] | None, current: Provenance, where: Path) -> list[str]:
    """In what `features` are not those of the content, made as `current` says."""
    if features is None:
        return [f"there are no features yet: {where}"]
    table, recorded = features
    changes = [f"the encoder changed: {difference}" for difference in recorded.differences(current)]
    stored = _stored(table).get(key)
    if stored is None:
        changes.append(f"it is new: {where} has no row for it")
    elif stored.sha256 is None:
        changes.append(f"its content is new: in {where} it is missing")
    elif stored.sha256 != content.sha256:
        changes.append(f"its content changed: sha256 {stored.sha256[:12]}… in {where}, {content.sha256[:12]}… now")
    return changes


@dataclass(frozen=True)
class _StoredRow:
    number: int
    entity: str
    sha256: str | None


def _keys(table: pa.Table) -> list[Key]:
    """The key of each row, as a `ContentRow` has it."""
    rows = zip(table["entity"].to_pylist(), table["item_id"].to_pylist(), strict=True)
    return [(entity,) if item is None else item for entity, item in rows]


def _stored(table: pa.Table) -> dict[Key, _StoredRow]:
    """The rows by key in their order, the first of each key."""
    stored: dict[Key, _StoredRow] = {}
    rows = zip(_keys(table), table["entity"].to_pylist(), table["sha256"].to_pylist(), strict=True)
    for number, (key, entity, sha256) in enumerate(rows):
        stored.setdefault(key, _StoredRow(number, entity, sha256))
    return stored


def _vectors(table: pa.Table) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """(rows,) which have a vector, and these vectors (vectors, D), NaN where an entry is null."""
    column = table["vector"].combine_chunks()
    present = column.is_valid().to_numpy(zero_copy_only=False)
    # A file of no vector at all is that of a modality that nobody has, such as web pages.
    return present, column.flatten().to_numpy(zero_copy_only=False).reshape(int(present.sum()), column.type.list_size)


def _faulty(table: pa.Table) -> dict[Key, Mismatch]:
    """The rows of a FEATURES table that are wrong whatever the inputs are."""
    present, vectors = _vectors(table)
    hashed = table["sha256"].is_valid().to_numpy()
    finite, unit = np.ones(len(table), bool), np.ones(len(table), bool)
    finite[present] = np.isfinite(vectors).all(axis=1)
    unit[present] = of_unit_length(vectors)
    faulty: dict[Key, Mismatch] = {}
    seen: set[Key] = set()
    for number, key in enumerate(_keys(table)):
        if key in seen:
            faulty[key] = Mismatch.DUPLICATED
        elif hashed[number] != present[number]:
            faulty[key] = Mismatch.VECTOR_MISSING if hashed[number] else Mismatch.SHA256_MISSING
        elif not unit[number]:
            faulty[key] = Mismatch.VECTOR_DAMAGED if finite[number] else Mismatch.VECTOR_NOT_FINITE
        seen.add(key)
    return faulty


def _misplaced(stored: Collection[Key], inputs: Sequence[ContentRow]) -> set[Key]:
    """The items that do not have the place among the stored rows that they have among the inputs, where they come first."""
    known = {row.key for row in inputs}
    places = (key for key in stored if key in known)
    wanted = (row.key for row in inputs if row.item_id is not None and row.key in stored)
    return {key for key, there in zip(wanted, places, strict=False) if key != there}


def _mismatch(recorded: _StoredRow, row: ContentRow) -> Mismatch | None:
    current = row.content.sha256 if row.content else None
    if recorded.sha256 == current:
        return None if recorded.entity == row.entity else Mismatch.ENTITY_CHANGED
    if recorded.sha256 is None:
        return Mismatch.CONTENT_NEW
    return Mismatch.CONTENT_GONE if current is None else Mismatch.CONTENT_CHANGED


def _drawn(contents: list[str], most: int | None) -> list[str]:
    """As many as `most` of the contents, in their order."""
    if most is None or len(contents) <= most:
        return contents
    return [contents[number] for number in sorted(np.random.default_rng(_SEED).choice(len(contents), most, replace=False))]
