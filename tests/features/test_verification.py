"""What verify and explain say of features, inputs and cache that were changed on purpose."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.features.cache import VectorCache
from mkg4rec.features.contents import Content, ContentRow
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import FeatureRows, read_features, write_features
from mkg4rec.features.verification import Explanation, explain, verify
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
        (INPUTS[:3], "entity m.y: it is not among the inputs any more"),
    ],
)
def test_each_difference_is_one_row(store: Path, inputs: list[ContentRow], said: str) -> None:
    assert found(store, inputs) == [said]


def test_a_modality_that_no_item_has_is_right_too(tmp_path: Path) -> None:
    rows = FeatureRows(pa.array(["m.1"]), pa.array([1], pa.int64()), pa.array([None], pa.string()), np.empty((0, 4), np.float32))
    write_features(tmp_path / "web.parquet", rows, PROVENANCE)
    assert verify(read_features(tmp_path / "web.parquet")[0], [row(1, None)]) == []


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_vector_that_is_none_is_found(tmp_path: Path, value: float) -> None:
    vectors = unit(3)
    vectors[1] *= value
    assert found(written(tmp_path / "text.parquet", vectors), INPUTS) == ["item 3: its vector is not of unit length"]


def explained(store: Path, cache: VectorCache, row: ContentRow) -> Explanation:
    table, recorded = read_features(store)
    return explain(row, table, recorded, cache.provenance, cache, store)


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
