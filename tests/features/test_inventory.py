"""Figures of a cache folder, damaged files included."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.inventory import summarize_cache
from mkg4rec.features.provenance import Provenance
from mkg4rec.tables import Modality

PROVENANCE = Provenance(Modality.TEXT, "model/tag", "ab" * 32, "{}", "float32", 4)


@pytest.fixture
def cache(tmp_path: Path) -> VectorCache:
    cache = VectorCache(tmp_path, PROVENANCE)
    for number in (3, 2):
        cache.write({hashlib.sha256(f"{number} {row}".encode()).hexdigest(): np.eye(1, 4, dtype=np.float32)[0] for row in range(number)})
    return cache


def test_vectors_and_shards_are_counted(cache: VectorCache, tmp_path: Path) -> None:
    (summary,) = summarize_cache(tmp_path)
    assert (summary.folder, summary.provenance, summary.vectors, summary.shards) == (cache.folder, PROVENANCE, 5, 2)
    assert summary.bytes == sum(path.stat().st_size for path in cache.folder.glob("*.safetensors"))
    assert summarize_cache(tmp_path / "nothing") == []


def test_a_shard_that_another_process_removes_meanwhile_does_not_count(cache: VectorCache, tmp_path: Path) -> None:
    (cache.folder / "listed-and-gone.safetensors").symlink_to("nothing")
    (summary,) = summarize_cache(tmp_path)
    assert (summary.vectors, summary.shards) == (5, 2)


@pytest.mark.parametrize("damage", [b"", b"\xff" * 8, b"\xff" * 100, b"\x02" + bytes(7) + b"{}", b"\x02" + bytes(7) + b"[]"])
def test_a_damaged_shard_counts_for_nothing(cache: VectorCache, tmp_path: Path, damage: bytes) -> None:
    for path in cache.folder.glob("*.safetensors"):
        path.write_bytes(damage)
    assert summarize_cache(tmp_path)[0].vectors == 0


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b"[]", b"7", b"\xff", b"[" * 100_000])
def test_a_folder_whose_description_is_damaged_is_passed_over(
    cache: VectorCache, tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    other = VectorCache(tmp_path, replace(PROVENANCE, modality=Modality.WEB))
    other.write({"0" * 64: np.eye(1, 4, dtype=np.float32)[0]})
    (cache.folder / "provenance.json").write_bytes(damage)
    (tmp_path / "notes.txt").write_text("not a folder")
    assert [summary.folder for summary in summarize_cache(tmp_path)] == [other.folder]
    (said,) = caplog.messages
    assert said.startswith(f"{cache.folder / 'provenance.json'}: damaged; its folder is passed over")


def test_a_folder_without_a_description_is_told_of(cache: VectorCache, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (cache.folder / "provenance.json").unlink()
    (tmp_path / "empty").mkdir()
    assert summarize_cache(tmp_path) == []
    (said,) = caplog.messages
    assert said.startswith(f"{cache.folder}: nothing tells how its vectors were made")


def test_what_cannot_be_read_is_passed_over(cache: VectorCache, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    directory, loop = cache.folder / f"{'0' * 64}.safetensors", cache.folder / f"{'1' * 64}.safetensors"
    directory.mkdir()
    loop.symlink_to(loop.name)
    folder = tmp_path / "folder"
    folder.symlink_to(folder.name)
    (summary,) = summarize_cache(tmp_path)
    assert (summary.vectors, summary.shards) == (5, 2)
    assert sorted(message.split(" (")[0] for message in caplog.messages) == sorted(
        f"{path}: cannot be read" for path in (directory, loop, folder)
    )


def test_a_cache_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PipelineError, match="file: the feature cache cannot be read"):
        summarize_cache(tmp_path / "file")
