"""What verify and explain say of features, inputs and cache that were changed on purpose."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.contents import Content, ContentRow
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import FeatureRows, read_features, write_features
from mkg4rec.features.verification import Explanation, WrongVectors, explain, require_sound, verify, wrong_vectors
from mkg4rec.features.warming import warm
from mkg4rec.tables import Modality

PROVENANCE = Provenance(Modality.TEXT, "model/tag", "ab" * 32, '{"version": 1}', "float32", 4)


def row(item: int, text: str | None) -> ContentRow:
    return ContentRow(f"m.{item}", item, None if text is None else Content(f"item {item}", text.encode()))


def attribute(entity: str, text: str) -> ContentRow:
    return ContentRow(entity, None, Content(entity, text.encode()))


INPUTS = [row(1, "one"), row(2, None), row(3, "three"), attribute("m.y", "Ada Lovelace")]


def unit(rows: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = np.random.default_rng(0).normal(size=(rows, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return written(tmp_path / "text.parquet", unit(3))


def written(path: Path, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> Path:
    rows = FeatureRows(
        pa.array([row.entity for row in INPUTS]),
        pa.array([row.item_id for row in INPUTS], pa.int64()),
        pa.array([row.content and row.content.sha256 for row in INPUTS]),
        vectors,
    )
    write_features(path, rows, PROVENANCE)
    return path


def found(store: Path, inputs: list[ContentRow]) -> list[str]:
    return [str(mismatch) for mismatch in verify(read_features(store)[0], inputs)]


def test_features_of_their_inputs_are_right(store: Path) -> None:
    assert found(store, INPUTS) == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([row(1, "other"), *INPUTS[1:]], "item 1: its content is another one than was embedded"),
        ([row(1, None), *INPUTS[1:]], "item 1: its content is gone, its vector is still there"),
        ([INPUTS[0], row(2, "two"), *INPUTS[2:]], "item 2: it has a content now, and no vector"),
        ([*INPUTS, row(4, "four")], "item 4: the features have no row for it"),
        ([replace(INPUTS[0], entity="m.other"), *INPUTS[1:]], "item 1: its entity is another one than the catalogue's"),
        (INPUTS[:3], "entity m.y: it is not among the inputs any more"),
    ],
)
def test_each_difference_is_one_row(store: Path, inputs: list[ContentRow], said: str) -> None:
    assert found(store, inputs) == [said]


def test_a_modality_that_no_item_has_is_right_too(tmp_path: Path) -> None:
    rows = FeatureRows(pa.array(["m.1"]), pa.array([1], pa.int64()), pa.array([None], pa.string()), np.empty((0, 4), np.float32))
    write_features(tmp_path / "web.parquet", rows, PROVENANCE)
    assert verify(read_features(tmp_path / "web.parquet")[0], [row(1, None)]) == []


def with_cell(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    values = table[column].to_pylist()
    values[row] = value
    return table.set_column(table.column_names.index(column), column, pa.array(values, table[column].type))


NO_ROW = "its row is not where the order of the catalogue has it"
FAULTS: list[tuple[Callable[[pa.Table], pa.Table], list[str]]] = [
    (lambda table: pa.concat_tables([table, table.slice(2, 1)]), ["item 3: it has more than one row"]),
    (lambda table: with_cell(table, "vector", 2, None), ["item 3: it has the sha256 of a content, and no vector"]),
    (lambda table: with_cell(table, "sha256", 2, None), ["item 3: it has a vector, and no sha256 of a content"]),
    (lambda table: with_cell(table, "vector", 1, [1.0, 0, 0, 0]), ["item 2: it has a vector, and no sha256 of a content"]),
    (lambda table: with_cell(table, "vector", 2, [1.0, 0, 0, np.nan]), ["item 3: its vector is not finite"]),
    (lambda table: with_cell(table, "vector", 2, [1.0, 0, 0, np.inf]), ["item 3: its vector is not finite"]),
    (lambda table: with_cell(table, "vector", 2, [1.0, 0, 0, None]), ["item 3: its vector is not finite"]),
    (lambda table: with_cell(table, "vector", 2, [0.0, 0, 0, 0]), ["item 3: its vector is not of unit length"]),
    (lambda table: with_cell(table, "vector", 3, [1.0, 0.01, 0, 0]), ["entity m.y: its vector is not of unit length"]),
]
DISORDERS: list[tuple[list[int], list[str]]] = [
    ([2, 1, 0, 3], [f"item 1: {NO_ROW}", f"item 3: {NO_ROW}"]),
    ([3, 0, 1, 2], [f"item {item}: {NO_ROW}" for item in (1, 2, 3)]),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_row_that_is_wrong_by_itself_is_found(store: Path, fault: Callable[[pa.Table], pa.Table], said: list[str]) -> None:
    table = fault(read_features(store)[0])
    assert [str(mismatch) for mismatch in verify(table, INPUTS)] == said
    with pytest.raises(PipelineError, match=f"^here: {said[0]}; make"):
        require_sound(table, "here")


@pytest.mark.parametrize(("order", "said"), DISORDERS)
def test_items_in_another_order_are_found(store: Path, order: list[int], said: list[str]) -> None:
    table = read_features(store)[0].take(order)
    assert [str(mismatch) for mismatch in verify(table, INPUTS)] == said
    require_sound(table, "a store has the order of its own catalogue")


def test_the_order_is_that_of_the_rows_that_are_there(store: Path) -> None:
    assert found(store, [row(0, "new"), *INPUTS]) == ["item 0: the features have no row for it"]
    assert found(store, INPUTS[1:]) == ["item 1: it is not among the inputs any more"]


def again(table: pa.Table, vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]], most: int | None = None) -> WrongVectors:
    """With an encoder that makes of the contents of `INPUTS` the `vectors`."""
    contents = [row.content for row in INPUTS if row.content]
    by_content = {content.sha256: vector for content, vector in zip(contents, vectors, strict=True)}

    def embed(wanted: Sequence[Content]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        return np.stack([by_content[content.sha256] for content in wanted])

    return wrong_vectors(table, INPUTS, embed, 1e-4, most)


def test_vectors_of_other_contents_are_found(store: Path) -> None:
    table, right = read_features(store)[0], unit(3)
    assert again(table, right) == WrongVectors([], 3, 3)
    assert again(table, right + np.float32(5e-5)).rows == []
    assert [str(row) for row in again(table, right[[1, 0, 2]]).rows] == [
        f"item {item}: its vector is not what the encoder makes of its content" for item in (1, 3)
    ]
    assert len(again(table, -right).rows) == 3
    right[2, 0] += 2e-4
    assert [row.key for row in again(table, right).rows] == [("m.y",)]


def test_a_sample_is_the_same_each_time(store: Path) -> None:
    table, right = read_features(store)[0], unit(3)
    first = again(table, -right, most=2)
    assert (first.embedded, first.contents, len(first.rows)) == (2, 3, 2)
    assert again(table, -right, most=2) == first
    assert again(table, right, most=2).rows == []
    assert again(table, -right, most=3).embedded == 3


def test_a_modality_that_nobody_has_asks_no_encoder(store: Path) -> None:
    def embed(_: Sequence[Content]) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
        raise AssertionError

    assert wrong_vectors(read_features(store)[0], [row(2, None)], embed, 1e-4) == WrongVectors([], 0, 0)


def explained(store: Path, cache: VectorCache, row: ContentRow) -> Explanation:
    return explain(row, read_features(store) if store.exists() else None, cache.provenance, cache, store)


def test_every_reason_is_told(store: Path, tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", PROVENANCE)
    contents = [row.content for row in INPUTS if row.content]
    cache.write({content.sha256: vector for content, vector in zip(contents, unit(3), strict=True)})

    kept = explained(store, cache, INPUTS[0])
    assert (kept.embedded, len(kept.reasons)) == (False, 1)
    assert "the cache has the vector" in kept.reasons[0]
    assert explained(store, cache, INPUTS[1]) == Explanation(False, ("it has no content in this modality",))

    changed = explained(store, cache, row(1, "other"))
    assert changed.embedded
    assert changed.reasons[0].startswith("its content changed: sha256 ")
    assert explained(store, cache, row(9, "new")).reasons[0].startswith("it is new")
    assert explained(store, cache, row(2, "now")).reasons[0].startswith("its content is new")

    raised = replace(PROVENANCE, preprocessing='{"version": 2}', weights_sha256="cd" * 32)
    again = explained(store, VectorCache(tmp_path / "cache", raised), INPUTS[0])
    assert again.embedded
    assert [reason.split(" was ")[0] for reason in again.reasons[:2]] == [
        "the encoder changed: weights_sha256",
        "the encoder changed: preprocessing",
    ]

    (shard,) = cache.folder.glob("*.safetensors")
    shard.write_bytes(shard.read_bytes()[:-1])
    corrupt = explained(store, cache, INPUTS[0])
    assert corrupt.embedded
    assert corrupt.reasons[0].startswith(f"the cache is damaged, {shard}")
    assert shard.exists(), "explaining changes nothing"
    shard.unlink()
    absent, elsewhere = explained(store, cache, INPUTS[0]).reasons
    assert absent == f"the cache has no vector of this content: {cache.folder}"
    assert elsewhere.startswith(f"{store} has it")
    assert warm(store, tmp_path / "cache") == 3
    assert warm(store, tmp_path / "cache") == 0
    assert not explained(store, cache, INPUTS[0]).embedded


def test_features_that_are_not_there_are_explained_too(store: Path, tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", PROVENANCE)
    store.unlink()
    absent = explained(store, cache, INPUTS[0])
    assert absent == Explanation(True, (f"there are no features yet: {store}", f"the cache has no vector of this content: {cache.folder}"))
    assert INPUTS[0].content
    cache.write({INPUTS[0].content.sha256: unit(1)[0]})
    cached = explained(store, cache, INPUTS[0])
    assert (cached.embedded, cached.reasons[0]) == (False, f"there are no features yet: {store}")
