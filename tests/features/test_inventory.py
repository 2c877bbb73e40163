"""Figures of a cache folder, damaged files included."""

import hashlib
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
        cache.write({hashlib.sha256(f"{number} {row}".encode()).hexdigest(): np.zeros(4, np.float32) for row in range(number)})
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


def test_a_damaged_description_is_an_error_that_names_it(cache: VectorCache, tmp_path: Path) -> None:
    (cache.folder / "provenance.json").write_text("{")
    with pytest.raises(PipelineError, match=r"provenance\.json: not JSON .*delete it"):
        summarize_cache(tmp_path)
