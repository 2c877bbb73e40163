"""Vectors kept by content, so that nothing is embedded twice by anyone on a team.

A cache folder holds one folder per provenance (encoder, weights, preprocessing, precision, modality),
and in it shards: safetensors files of some hundred rows, a content's sha256 beside its vector. A shard is
never changed. Its name is the sha256 of its bytes, which makes three things simple:

- a shard is written beside and renamed, so any number of processes and machines work on one folder without locks;
- bytes that do not hash to their name are damaged: the shard is removed, and its contents are embedded again;
- what two processes write of the same vectors is the same file.

One bad file does not keep a team from the others: what cannot be read, or is damaged and cannot be removed, is passed over with a warning.
"""

import errno
import hashlib
import json
import logging
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.files import cache_folder, replacing

FOLDER_VARIABLE = "MKG4REC_FEATURE_CACHE"

_NORM_TOLERANCE = 1e-5
"""Vectors are made of unit length in float32, whatever the products before: measured, 2e-7 remain open."""

Vector: TypeAlias = NDArray[np.float32]

logger = logging.getLogger(__name__)


class _DamagedShardError(Exception):
    """The bytes of a shard are not those that were written, or no vectors that this cache can have."""


def default_folder() -> Path:
    """`$MKG4REC_FEATURE_CACHE`, else `mkg4rec/features` in the user's cache folder (`$XDG_CACHE_HOME`, `~/.cache`)."""
    return cache_folder("features", FOLDER_VARIABLE)


def of_unit_length(vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(rows,) which of the `vectors` (rows, D) are finite and of unit length, as all are that an encoder makes."""
    with np.errstate(over="ignore"):
        unit: NDArray[np.bool_] = np.abs(np.linalg.norm(vectors, axis=1) - 1) < _NORM_TOLERANCE
    return unit


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
        self._passed_over: set[Path] = set()

    def read(self, wanted: AbstractSet[str]) -> dict[str, Vector]:
        """The vectors (D,) of those `wanted` contents, by sha256, that are in the cache.

        Damaged shards are removed, and a missing or damaged description of the folder is written again, as far as the folder allows it.

        Raises:
            PipelineError: the folder cannot be read.
        """
        found, damaged = self.look(wanted)
        for path in damaged:
            self._remove(path)
        if self.folder.is_dir():
            self._describe()
        return found

    def look(self, wanted: AbstractSet[str]) -> tuple[dict[str, Vector], list[Path]]:
        """As `read`, but nothing is changed: what is found of `wanted`, and the damaged shards.

        Raises:
            PipelineError: the folder cannot be read.
        """
        found: dict[str, Vector] = {}
        damaged: list[Path] = []
        for path in self._shards():
            try:
                contents, vectors = self._read_shard(path)
            except FileNotFoundError:  # Another process found it damaged.
                continue
            except OSError as error:
                self._pass_over(path, f"cannot be read ({error.strerror})")
            except _DamagedShardError:
                damaged.append(path)
            else:
                rows = ((content.tobytes().hex(), row) for row, content in enumerate(contents))
                found.update({content: vectors[row] for content, row in rows if content in wanted})
        return found, damaged

    def write(self, vectors: Mapping[str, Vector]) -> None:
        """As `keep`; but where shards were passed over, which may have had these vectors, a folder that nobody may write to is
        only warned of: who can merely read a cache is not stopped by what is bad in it.

        Raises:
            PipelineError: the folder cannot be written, or the disk is full.
        """
        try:
            self.keep(vectors)
        except PipelineError as error:
            if not (self._passed_over and _refused(error.__cause__)):
                raise
            logger.warning("%s: %d vectors cannot be kept, the next run makes them again", self.folder, len(vectors))

    def keep(self, vectors: Mapping[str, Vector]) -> None:
        """Add the `vectors` (D,) of some contents, by sha256, as one shard; without those that are not finite or not of unit length,
        for which a reader would take the shard for damaged.

        Raises:
            PipelineError: the folder cannot be written, or the disk is full.
        """
        if not vectors:
            return
        contents = sorted(vectors)
        rows = np.stack([vectors[content] for content in contents])
        sound = of_unit_length(rows)
        if not sound.all():
            logger.warning("%s: %d vectors are not kept, they are not of unit length", self.folder, np.count_nonzero(~sound))
        if not sound.any():
            return
        hashes = np.frombuffer(bytes.fromhex("".join(contents)), np.uint8).reshape(-1, 32)
        shard = safetensors.save({"contents": hashes[sound], "vectors": rows[sound]})
        try:
            with replacing(self.folder / f"{hashlib.sha256(shard).hexdigest()}.safetensors") as temporary:
                temporary.write_bytes(shard)
        except OSError as error:
            raise self._unusable("written", error) from error
        self._describe()

    def _shards(self) -> list[Path]:
        """The files that may be shards, by name; none where there is no folder.

        Raises:
            PipelineError: the folder is there and cannot be read.
        """
        try:
            return sorted(path for path in self.folder.iterdir() if path.suffix == ".safetensors")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable("read", error) from error

    def _read_shard(self, path: Path) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """(rows, 32) contents and (rows, D) vectors.

        Raises:
            OSError: the file cannot be read.
            _DamagedShardError: it is not what was written, or its vectors are none.
        """
        shard = path.read_bytes()
        if hashlib.sha256(shard).hexdigest() != path.stem:
            raise _DamagedShardError
        try:
            tensors = safetensors.load(shard)
            contents, vectors = tensors["contents"], tensors["vectors"]
        except (SafetensorError, KeyError, ValueError) as error:
            raise _DamagedShardError from error
        if contents.dtype != np.uint8 or vectors.dtype != np.float32 or contents.shape[1:] != (32,):
            raise _DamagedShardError
        if vectors.shape != (len(contents), self.provenance.dimension) or not of_unit_length(vectors).all():
            raise _DamagedShardError
        return contents, vectors

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._pass_over(path, f"damaged, and cannot be removed ({error.strerror})")
        else:
            self.damaged.append(path)

    def _pass_over(self, path: Path, why: str) -> None:
        """Warn of a shard, once."""
        if path not in self._passed_over:
            self._passed_over.add(path)
            logger.warning("%s: %s; it is passed over, and what only it had is embedded again", path, why)

    def _describe(self) -> None:
        """Leave word of what the folder holds, for people who look into the cache; no vector depends on it."""
        description = self.folder / "provenance.json"
        text = json.dumps(self.provenance.to_metadata(), indent=2) + "\n"
        if _holds(description, text):
            return
        try:
            with replacing(description) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OSError as error:
            logger.warning("%s: missing or damaged, and cannot be written again (%s)", description, error.strerror)
        except PipelineError as error:
            logger.warning("%s", error)

    def _unusable(self, done: str, error: OSError) -> PipelineError:
        return PipelineError(
            f"{self.folder}: the feature cache cannot be {done} ({error.strerror}); let {FOLDER_VARIABLE} name a folder that can."
        )


def _holds(path: Path, text: str) -> bool:
    """Whether the file has exactly this text."""
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def _refused(error: BaseException | None) -> bool:
    """Whether it is the permissions, or a file system that is mounted to be read."""
    return isinstance(error, PermissionError) or (isinstance(error, OSError) and error.errno == errno.EROFS)
