"""Vectors kept by content, so that nothing is embedded twice by anyone on a team.

A cache folder holds one folder per provenance (encoder, weights, preprocessing, precision, modality),
and in it shards: safetensors files of some hundred rows, a content's sha256 beside its vector. A shard is
never changed. Its name is the sha256 of its bytes, which makes three things simple:

- a shard is written beside and renamed, so any number of processes and machines work on one folder without locks;
- bytes that do not hash to their name are damaged: the shard is removed, and its contents are embedded again;
- what two processes write of the same vectors is the same file.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import numpy as safetensors

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.files import cache_folder, replacing

FOLDER_VARIABLE = "MKG4REC_FEATURE_CACHE"

Vector: TypeAlias = NDArray[np.float32]


class _DamagedShardError(Exception):
    """The bytes of a shard are not those that were written."""


def default_folder() -> Path:
    """`$MKG4REC_FEATURE_CACHE`, else `mkg4rec/features` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`)."""
    return cache_folder("features", FOLDER_VARIABLE)


class VectorCache:
    """The cached vectors of one provenance.

    Attributes:
        folder: where its shards lie.
        damaged: shards that were found damaged and removed.
    """

    def __init__(self, root: Path, provenance: Provenance) -> None:
        """
        Args:
            root: the cache folder, shared by all provenances; made when something is written.
            provenance: how the vectors are made.
        """
        self.provenance = provenance
        readable = re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{provenance.encoder}-{provenance.modality}-{provenance.precision}")
        self.folder = root / f"{readable}-{provenance.digest[:16]}"
        self.damaged: list[Path] = []

    def read(self, wanted: AbstractSet[str]) -> dict[str, Vector]:
        """The vectors (D,) of those `wanted` contents, by sha256, that are in the cache.

        Raises:
            PipelineError: the folder cannot be read.
        """
        found, damaged = self.look(wanted)
        with self._explaining("written"):
            for path in damaged:
                path.unlink(missing_ok=True)
        self.damaged += damaged
        return found

    def look(self, wanted: AbstractSet[str]) -> tuple[dict[str, Vector], list[Path]]:
        """As `read`, but nothing is removed: what is found of `wanted`, and the damaged shards.

        Raises:
            PipelineError: the folder cannot be read.
        """
        found: dict[str, Vector] = {}
        damaged: list[Path] = []
        with self._explaining("read"):
            for path in sorted(self.folder.glob("*.safetensors")):
                try:
                    contents, vectors = self._read_shard(path)
                except FileNotFoundError:  # Another process found it damaged.
                    continue
                except _DamagedShardError:
                    damaged.append(path)
                    continue
                rows = ((content.tobytes().hex(), row) for row, content in enumerate(contents))
                found.update({content: vectors[row] for content, row in rows if content in wanted})
        return found, damaged

    def write(self, vectors: Mapping[str, Vector]) -> None:
        """Add the `vectors` (D,) of some contents, by sha256, as one shard.

        Raises:
            PipelineError: the folder cannot be written, or the disk is full.
        """
        if not vectors:
            return
        contents = sorted(vectors)
        shard = safetensors.save(
            {
                "contents": np.frombuffer(bytes.fromhex("".join(contents)), np.uint8).reshape(-1, 32),
                "vectors": np.stack([vectors[content] for content in contents]),
            }
        )
        with self._explaining("written"):
            self._describe()
            with replacing(self.folder / f"{hashlib.sha256(shard).hexdigest()}.safetensors") as temporary:
                temporary.write_bytes(shard)

    @staticmethod
    def _read_shard(path: Path) -> tuple[NDArray[np.uint8], Vector]:
        """(rows, 32) contents and (rows, D) vectors."""
        shard = path.read_bytes()
        if hashlib.sha256(shard).hexdigest() != path.stem:
            raise _DamagedShardError
        tensors = safetensors.load(shard)
        return tensors["contents"], tensors["vectors"]

    def _describe(self) -> None:
        """Leave word of what the folder holds, for people who look into the cache."""
        description = self.folder / "provenance.json"
        if not description.exists():
            with replacing(description) as temporary:
                temporary.write_text(json.dumps(self.provenance.to_metadata(), indent=2) + "\n", encoding="utf-8")

    @contextmanager
    def _explaining(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PipelineError(
                f"{self.folder}: the feature cache cannot be {done} ({error.strerror}); let {FOLDER_VARIABLE} name a folder that can."
            ) from error
