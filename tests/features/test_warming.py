"""What of a store is put into the cache, and what is refused."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import Vector, VectorCache
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.warming import UnusableRowsError, warm
from mkg4rec.tables import FEATURES, Modality
from stages.layout import Layout
from tests.commands.command_line import command

ROOT = Path(__file__).resolve().parents[2]

PROVENANCE = Provenance(Modality.TEXT, "model/tag", "ab" * 32, "{}", "float32", 4)

Row = tuple[int | None, str | None, list[float | None] | None]

HASHES = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4)]
SOUND: list[Row] = [(1, HASHES[0], [1, 0, 0, 0]), (2, None, None), (3, HASHES[1], [0, 0.6, 0.8, 0]), (None, HASHES[2], [0, 0, 0, 1])]


def store(path: Path, rows: list[Row]) -> Path:
    items, hashes, vectors = zip(*rows, strict=True)
    columns = {
        "entity": pa.array([f"m.{number}" for number in range(len(rows))]),
        "item_id": pa.array(items, pa.int64()),
        "sha256": pa.array(hashes, pa.string()),
        "vector": pa.array(vectors, pa.list_(pa.float32(), 4)),
    }
    FEATURES.write(pa.table(columns), path, PROVENANCE.to_metadata())
    return path


def cached(root: Path) -> dict[str, Vector]:
    return VectorCache(root, PROVENANCE).read(set(HASHES))


def test_what_is_missing_is_put_into_the_cache(tmp_path: Path) -> None:
    path = store(tmp_path / "text.parquet", SOUND)
    assert warm(path, tmp_path / "cache") == 3
    found = cached(tmp_path / "cache")
    assert {key: vector.tolist() for key, vector in found.items()} == {
        sha256: np.array(vector, np.float32).tolist() for _, sha256, vector in SOUND if sha256
    }
    assert warm(path, tmp_path / "cache") == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((9, HASHES[3], [float("nan"), 0, 0, 1]), "item 9: its vector is not finite"),
        ((9, HASHES[3], [float("inf"), 0, 0, 1]), "item 9: its vector is not finite"),
        ((9, HASHES[3], [None, 0, 0, 1]), "item 9: its vector is not finite"),
        ((9, HASHES[3], [0, 0, 0, 0]), "item 9: its vector is not of unit length"),
        ((9, HASHES[3], [0, 0, 0, 1.001]), "item 9: its vector is not of unit length"),
        ((9, HASHES[3], [3e38, 3e38, 0, 1]), "item 9: its vector is not of unit length"),
        ((9, HASHES[3], None), "item 9: it has the sha256 of a content, and no vector"),
        ((None, None, [0, 0, 0, 1]), "entity m.4: it has a vector, and no sha256 of a content"),
        ((9, "poster", [0, 0, 0, 1]), "item 9: it has a vector, and no sha256 of a content"),
    ],
)
def test_a_row_that_would_poison_the_cache_is_refused_and_the_others_are_not(tmp_path: Path, row: Row, said: str) -> None:
    path = store(tmp_path / "text.parquet", [*SOUND, row])
    with pytest.raises(UnusableRowsError, match=rf"^{path}: {said} \(1 such rows") as caught:
        warm(path, tmp_path / "cache")
    assert (caught.value.put, [str(row) for row in caught.value.rows]) == (3, [said])
    assert cached(tmp_path / "cache").keys() == set(HASHES[:3])


def test_a_sound_row_of_the_same_content_counts(tmp_path: Path) -> None:
    path = store(tmp_path / "text.parquet", [*SOUND, (9, HASHES[0], [float("nan"), 0, 0, 1])])
    with pytest.raises(UnusableRowsError):
        warm(path, tmp_path / "cache")
    assert cached(tmp_path / "cache")[HASHES[0]].tolist() == [1, 0, 0, 0]


def test_a_cache_that_cannot_be_written_is_an_error_though_a_shard_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(path: Path) -> Callable[..., None]:
        raise PermissionError(13, "Permission denied")

    path = store(tmp_path / "text.parquet", SOUND)
    cache = VectorCache(tmp_path / "cache", PROVENANCE)
    (cache.folder / "damaged.safetensors").mkdir(parents=True)
    monkeypatch.setattr("mkg4rec.features.cache.replacing", refuse)
    with pytest.raises(PipelineError, match="cannot be written"):
        warm(path, tmp_path / "cache")


def test_the_command_names_what_it_refuses_goes_on_and_ends_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MKG4REC_FEATURE_CACHE", str(tmp_path / "cache"))
    many: list[Row] = [(number, HASHES[3], None) for number in range(10, 40)]
    paths = [store(Layout("demo").features(name), SOUND + bad) for name, bad in (("visual", many), ("text", []), ("web", []))]
    said = command(monkeypatch, capsys, "features", "warm")("demo", code=1).splitlines()
    assert said[:2] == [
        f"{paths[0]}: 3 vectors put into {tmp_path / 'cache'}, 30 rows refused",
        "  item 10: it has the sha256 of a content, and no vector",
    ]
    assert said[20:] == [
        "  item 29: it has the sha256 of a content, and no vector",
        "  and 10 more",
        f"{paths[1]}: 0 vectors put into {tmp_path / 'cache'}",
        f"{paths[2]}: 0 vectors put into {tmp_path / 'cache'}",
        "error: demo: 30 rows of the features were not put into the cache; "
        "`dvc repro --force --single-item embed@demo` makes the features anew.",
    ]
    store(paths[0], SOUND)
    assert "refused" not in command(monkeypatch, capsys, "features", "warm")("demo")
