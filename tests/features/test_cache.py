import errno
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import numpy as safetensors

from mkg4rec.errors import PipelineError
from mkg4rec.features.cache import Vector, VectorCache, default_folder
from mkg4rec.features.provenance import Provenance
from mkg4rec.tables import Modality

ROOT = Path(__file__).resolve().parents[2]
PROVENANCE = Provenance(Modality.VISUAL, "model/tag", "0" * 64, "{}", "float32", 8)
OF_OTHERS = replace(PROVENANCE, dimension=8192)
"""What the processes of `written_by_others` write."""

WRITER = """
import hashlib, sys
from pathlib import Path
import numpy as np
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.provenance import Provenance
from mkg4rec.tables import Modality

cache = VectorCache(Path(sys.argv[1]), Provenance(Modality.VISUAL, "model/tag", "0" * 64, "{}", "float32", 8192))
print("ready", flush=True)
for shard in range(int(sys.argv[2]), int(sys.argv[3])):
    keys = [hashlib.sha256(f"{shard} {row}".encode()).hexdigest() for row in range(50)]
    cache.write({key: np.eye(1, 8192, int(key[:3], 16), dtype=np.float32)[0] for key in keys})
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
    rows = np.random.default_rng(seed).normal(size=(number, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return {hashlib.sha256(f"some {seed} {number}".encode()).hexdigest(): row for number, row in enumerate(rows.astype(np.float32))}


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
    reader = VectorCache(tmp_path, OF_OTHERS)
    while any(writer.poll() is None for writer in writers):
        for key, vector in reader.read(keys_of(0, 30)).items():
            assert np.array_equal(vector, np.eye(1, 8192, int(key[:3], 16))[0])
    assert [writer.wait() for writer in writers] == [0, 0]
    assert reader.read(keys_of(0, 30)).keys() == keys_of(0, 30)
    assert reader.damaged == []


def test_a_writer_killed_in_the_middle_leaves_whole_shards(tmp_path: Path) -> None:
    writer = written_by_others(tmp_path, 0, 1_000_000)
    assert writer.stdout
    writer.stdout.readline()
    cache = VectorCache(tmp_path, OF_OTHERS)
    while len(list(cache.folder.glob("*.safetensors"))) < 5:
        assert writer.poll() is None
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    found = cache.read(keys_of(0, 2000))
    assert len(found) >= 5 * 50
    assert len(found) % 50 == 0
    assert cache.damaged == []
    VectorCache(tmp_path, PROVENANCE).write(some(5))
    assert same(VectorCache(tmp_path, PROVENANCE).read(some(5).keys()), some(5))


def put(cache: VectorCache, content: bytes) -> Path:
    """A file that bears the hash of its bytes, whatever they are."""
    path = cache.folder / f"{hashlib.sha256(content).hexdigest()}.safetensors"
    path.write_bytes(content)
    return path


def shard_of(contents: NDArray[np.generic], vectors: NDArray[np.generic]) -> bytes:
    shard: bytes = safetensors.save({"contents": contents, "vectors": vectors})
    return shard


HASHES = np.arange(64, dtype=np.uint8).reshape(2, 32)
UNIT = np.eye(2, 8, dtype=np.float32)


@pytest.mark.parametrize(
    "content",
    [
        b"no safetensors",
        safetensors.save({"vectors": UNIT}),
        safetensors.save({"contents": HASHES}),
        shard_of(HASHES, np.eye(2, 4, dtype=np.float32)),
        shard_of(HASHES, UNIT.astype(np.float64)),
        shard_of(HASHES[:1], UNIT),
        shard_of(HASHES[:, :16].copy(), UNIT),
        shard_of(HASHES.astype(np.int32), UNIT),
        shard_of(np.array(3, np.uint8), UNIT),
        shard_of(HASHES, np.where(UNIT == 1, np.float32(np.nan), UNIT)),
        shard_of(HASHES, np.where(UNIT == 1, np.float32(3e38), UNIT)),
        shard_of(HASHES, UNIT * np.array([[1], [0]], np.float32)),
    ],
    ids=[
        "junk", "no contents", "no vectors", "dimension", "float64", "fewer contents", "short hashes", "hashes of another type", "a number",
        "not finite", "too long", "zero",
    ],
)  # fmt: skip
def test_a_shard_that_bears_its_hash_and_is_none_is_removed(tmp_path: Path, content: bytes) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5))
    bad = put(cache, content)
    wanted = some(5).keys() | {row.tobytes().hex() for row in HASHES}
    assert cache.look(wanted)[1] == [bad]
    assert bad.exists()
    assert same(cache.read(wanted), some(5))
    assert cache.damaged == [bad]
    assert not bad.exists()


def make_directory(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize("make", [make_directory, make_loop])
def test_what_cannot_be_read_is_passed_over_with_a_warning(
    tmp_path: Path, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5, seed=1))
    (shard,) = cache.folder.glob("*.safetensors")
    shard.unlink()
    make(shard)
    cache.write(some(7, seed=2))
    wanted = some(5, seed=1).keys() | some(7, seed=2).keys()
    assert same(cache.read(wanted), some(7, seed=2))
    assert same(cache.read(wanted), some(7, seed=2))
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [f"{shard}: cannot be read"]
    assert cache.damaged == []
    cache.write(some(5, seed=1))
    assert same(cache.read(wanted), some(5, seed=1) | some(7, seed=2))


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes away, from root too, the permission to change a folder."""

    def refuse(*arguments: object, **keywords: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied")

    def forbid() -> None:
        monkeypatch.setattr(Path, "unlink", refuse)
        monkeypatch.setattr(tempfile, "mkdtemp", refuse)

    return forbid


def test_a_folder_to_read_only_is_used_in_spite_of_a_damaged_shard(
    tmp_path: Path, forbidden: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5))
    bad = put(cache, b"no safetensors")
    forbidden()
    assert same(cache.read(some(5).keys()), some(5))
    assert cache.damaged == []
    cache.write(some(3, seed=2))
    said = [record.getMessage() for record in caplog.records]
    assert [message.split(" (")[0] for message in said] == [
        f"{bad}: damaged, and cannot be removed",
        f"{cache.folder}: 3 vectors cannot be kept, the next run makes them again",
    ]
    with pytest.raises(PipelineError, match=r"cannot be written \(Permission denied\); let MKG4REC_FEATURE_CACHE"):
        cache.keep(some(3, seed=2))


def test_a_sound_folder_that_cannot_be_written_is_an_error(tmp_path: Path, forbidden: Callable[[], None]) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5))
    forbidden()
    assert same(cache.read(some(5).keys()), some(5))
    with pytest.raises(PipelineError, match=r"cannot be written \(Permission denied\); let MKG4REC_FEATURE_CACHE"):
        cache.write(some(3, seed=2))


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.folder.symlink_to(cache.folder.name)
    with pytest.raises(PipelineError, match=r"cannot be read .*; let MKG4REC_FEATURE_CACHE"):
        cache.read(some(1).keys())


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff", None])
def test_a_description_that_is_damaged_or_gone_is_written_again_though_nothing_is_new(tmp_path: Path, damage: bytes | None) -> None:
    VectorCache(tmp_path, PROVENANCE).write(some(5))
    description = VectorCache(tmp_path, PROVENANCE).folder / "provenance.json"
    before = description.read_bytes()
    if damage is None:
        description.unlink()
    else:
        description.write_bytes(damage)
    VectorCache(tmp_path, PROVENANCE).look(some(5).keys())
    assert not description.exists() or description.read_bytes() == damage
    VectorCache(tmp_path, PROVENANCE).read(some(5).keys())
    assert description.read_bytes() == before
    assert len(list(description.parent.iterdir())) == 2


def test_a_description_is_left_alone_while_it_is_right(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5))
    before = (cache.folder / "provenance.json").stat().st_ino
    cache.read(some(5).keys())
    assert (cache.folder / "provenance.json").stat().st_ino == before


def test_a_description_that_cannot_be_written_stops_nobody(
    tmp_path: Path, forbidden: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(some(5))
    (cache.folder / "provenance.json").write_bytes(b"")
    forbidden()
    assert same(cache.read(some(5).keys()), some(5))
    assert "provenance.json: missing or damaged, and cannot be written again (Permission denied)" in caplog.text


def test_vectors_that_are_none_are_not_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second, *_ = some(5)
    spoilt = some(5) | {first: np.full(8, np.nan, np.float32), second: 2 * some(5)[second]}
    cache = VectorCache(tmp_path, PROVENANCE)
    cache.write(spoilt)
    assert same(cache.read(spoilt.keys()), {key: vector for key, vector in some(5).items() if key not in (first, second)})
    assert cache.damaged == []
    assert "2 vectors are not kept" in caplog.text
    cache.write({first: spoilt[first]})
    assert len(list(cache.folder.glob("*.safetensors"))) == 1


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
