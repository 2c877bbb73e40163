import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import Vector, VectorCache, default_folder
from mkg4rec.features.provenance import Provenance
from mkg4rec.tables import Modality

ROOT = Path(__file__).resolve().parents[2]
PROVENANCE = Provenance(Modality.VISUAL, "model/tag", "0" * 64, "{}", "float32", 8)

WRITER = """
import hashlib, sys
from pathlib import Path
import numpy as np
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.provenance import Provenance
from mkg4rec.tables import Modality

cache = VectorCache(Path(sys.argv[1]), Provenance(Modality.VISUAL, "model/tag", "0" * 64, "{}", "float32", 8))
print("ready", flush=True)
for shard in range(int(sys.argv[2]), int(sys.argv[3])):
    keys = [hashlib.sha256(f"{shard} {row}".encode()).hexdigest() for row in range(50)]
    cache.write({key: np.full(8192, int(key[:4], 16), np.float32) for key in keys})
"""


def written_by_others(root: Path, first: int, last: int) -> "subprocess.Popen[str]":
    """A process that writes the shards first … last − 1, of 1.6 MB each; a vector is a function of its key."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), str(first), str(last)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def keys_of(first: int, last: int) -> set[str]:
    return {hashlib.sha256(f"{shard} {row}".encode()).hexdigest() for shard in range(first, last) for row in range(50)}


def some(number: int, seed: int = 0) -> dict[str, Vector]:
    rng = np.random.default_rng(seed)
    return {hashlib.sha256(f"some {seed} {row}".encode()).hexdigest(): rng.normal(size=8).astype(np.float32) for row in range(number)}


def same(found: dict[str, Vector], expected: dict[str, Vector]) -> bool:
    return found.keys() == expected.keys() and all(np.array_equal(found[key], expected[key]) for key in expected)


def test_what_was_written_is_read_and_nothing_else(tmp_path: Path) -> None:
    vectors = some(20)
    VectorCache(tmp_path, PROVENANCE).write(vectors)
    cache = VectorCache(tmp_path, PROVENANCE)
    assert same(cache.read(vectors.keys() | {"f" * 64}), vectors)
    assert same(cache.read(set()), {})


def test_an_empty_cache_has_nothing_and_makes_no_folder(tmp_path: Path) -> None:
    assert VectorCache(tmp_path / "new", PROVENANCE).read({"f" * 64}) == {}
    assert not (tmp_path / "new").exists()


def test_shards_add_up(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5, seed=1))
    cache.write(some(7, seed=2))
    assert same(cache.read(some(5, seed=1).keys() | some(7, seed=2).keys()), some(5, seed=1) | some(7, seed=2))


@pytest.mark.parametrize(
    "provenance",
    [
        replace(PROVENANCE, weights_sha256="1" * 64),
        replace(PROVENANCE, preprocessing='{"version": 2}'),
        replace(PROVENANCE, precision="bfloat16"),
        replace(PROVENANCE, modality=Modality.TEXT),
        replace(PROVENANCE, encoder="model"),
    ],
    ids=["weights", "preprocessing", "precision", "modality", "encoder"],
)
def test_another_provenance_sees_nothing_and_leaves_everything(tmp_path: Path, provenance: Provenance) -> None:
    vectors = some(5)
    VectorCache(tmp_path, PROVENANCE).write(vectors)
    other = VectorCache(tmp_path, provenance)
    assert other.read(vectors.keys()) == {}
    other.write(some(5, seed=3))
    assert same(VectorCache(tmp_path, PROVENANCE).read(vectors.keys()), vectors)


@pytest.mark.parametrize("damage", ["truncated", "emptied", "one bit"])
def test_a_damaged_shard_is_found_removed_and_made_again(tmp_path: Path, damage: str) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5, seed=1))
    healthy = set(cache.folder.glob("*.safetensors"))
    cache.write(some(7, seed=2))
    (shard,) = set(cache.folder.glob("*.safetensors")) - healthy
    content = shard.read_bytes()
    flipped = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
    shard.write_bytes({"truncated": content[:-40], "emptied": b"", "one bit": flipped}[damage])
    wanted = some(5, seed=1).keys() | some(7, seed=2).keys()
    assert same(cache.read(wanted), some(5, seed=1))
    assert cache.damaged == [shard]
    cache.write(some(7, seed=2))
    repaired = VectorCache(tmp_path, PROVENANCE)
    assert same(repaired.read(wanted), some(5, seed=1) | some(7, seed=2))
    assert repaired.damaged == []


def test_processes_write_and_read_one_folder_at_once(tmp_path: Path) -> None:
    """Two writers share some of their contents; a reader meets no half shard meanwhile."""
    writers = [written_by_others(tmp_path, 0, 20), written_by_others(tmp_path, 10, 30)]
    reader = VectorCache(tmp_path, PROVENANCE)
    while any(writer.poll() is None for writer in writers):
        for key, vector in reader.read(keys_of(0, 30)).items():
            assert np.array_equal(vector, np.full(8192, int(key[:4], 16)))
    assert [writer.wait() for writer in writers] == [0, 0]
    assert reader.read(keys_of(0, 30)).keys() == keys_of(0, 30)
    assert reader.damaged == []


def test_a_writer_killed_in_the_middle_leaves_whole_shards(tmp_path: Path) -> None:
    writer = written_by_others(tmp_path, 0, 1_000_000)
    assert writer.stdout
    writer.stdout.readline()
    cache = VectorCache(tmp_path, PROVENANCE)
    while len(list(cache.folder.glob("*.safetensors"))) < 5:
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    found = cache.read(keys_of(0, 2000))
    assert len(found) >= 5 * 50
    assert len(found) % 50 == 0
    assert cache.damaged == []
    cache.write(some(5))
    assert same(cache.read(some(5).keys()), some(5))


def test_a_folder_that_cannot_be_written_is_an_error_that_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PipelineError, match="MKG4REC_FEATURE_CACHE"):
        VectorCache(tmp_path / "file", PROVENANCE).write(some(1))


def test_the_folder_is_the_teams_then_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/me")
    monkeypatch.setenv("MKG4REC_FEATURE_CACHE", "/share/team")
    assert default_folder() == Path("/share/team")
    monkeypatch.delenv("MKG4REC_FEATURE_CACHE")
    assert default_folder() == Path("/var/cache/me/mkg4rec/features")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "mkg4rec" / "features"
