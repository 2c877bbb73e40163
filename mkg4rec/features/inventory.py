"""What is there: the file of features of one modality, and the folders of the cache."""

import json
import logging
import os
import struct
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import read_features

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoreSummary:
    """A file of features in figures.

    Attributes:
        path: of the file.
        provenance: how its vectors were made.
        items: how many it has a row for.
        missing: how many of these have no vector, since their content is missing.
        attributes: how many attribute entities it has a vector for.
        bytes: of the file.
    """

    path: Path
    provenance: Provenance
    items: int
    missing: int
    attributes: int
    bytes: int


@dataclass(frozen=True)
class CacheSummary:
    """The cached vectors of one provenance in figures.

    Attributes:
        folder: where they lie.
        provenance: how they were made.
        vectors: how many there are, those counted twice that two processes made at the same time in other company.
        shards: the files that they are in.
        bytes: of all these files.
    """

    folder: Path
    provenance: Provenance
    vectors: int
    shards: int
    bytes: int


def summarize_store(path: Path) -> StoreSummary:
    """
    Raises:
        PipelineError: no such file, or not one of features.
    """
    table, provenance = read_features(path)
    items = table.filter(pc.is_valid(table["item_id"]))
    return StoreSummary(path, provenance, len(items), items["vector"].null_count, len(table) - len(items), path.stat().st_size)


def summarize_cache(root: Path) -> list[CacheSummary]:
    """What the cache folder `root` has of each provenance, sorted by folder; what cannot be read is passed over with a warning.

    Raises:
        PipelineError: `root` itself cannot be read.
    """
    try:
        folders = sorted(root.iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PipelineError(f"{root}: the feature cache cannot be read ({error.strerror}).") from error
    return [summary for folder in folders if (summary := _summarize_folder(folder))]


def _summarize_folder(folder: Path) -> CacheSummary | None:
    """None where it is not one of vectors, or nobody can tell of which."""
    description = folder / "provenance.json"
    shards: list[Path] = []
    try:
        shards = [path for path in folder.iterdir() if path.suffix == ".safetensors"]
        provenance = Provenance.from_metadata(json.loads(description.read_text(encoding="utf-8")), description)
    except FileNotFoundError:
        if shards:
            logger.warning("%s: nothing tells how its vectors were made; the next embedding that uses it does", folder)
        return None
    except NotADirectoryError:
        return None
    except OSError as error:
        logger.warning("%s: cannot be read (%s); it is passed over", folder, error.strerror)
        return None
    except (ValueError, TypeError, RecursionError, PipelineError):
        logger.warning("%s: damaged; its folder is passed over, and the next embedding that uses it writes the file again", description)
        return None
    # Another process may find a shard damaged, and remove it.
    figures = [found for shard in shards if (found := _rows_and_bytes(shard))]
    vectors, size = (sum(numbers) for numbers in zip(*figures, strict=True)) if figures else (0, 0)
    return CacheSummary(folder, provenance, vectors, len(figures), size)


def _rows_and_bytes(shard: Path) -> tuple[int, int] | None:
    """The vectors of a shard by its header: 8 bytes of length, then JSON. 0 where it is damaged; None where it is gone or unreadable."""
    try:
        with shard.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            try:
                (length,) = struct.unpack("<Q", file.read(8))
                # A damaged length could ask for more than there is memory.
                header = json.loads(file.read(min(length, size)))
                return int(header["vectors"]["shape"][0]), size
            except (struct.error, ValueError, KeyError, TypeError, IndexError):
                return 0, size
    except FileNotFoundError:
        return None
    except OSError as error:
        logger.warning("%s: cannot be read (%s); it is passed over", shard, error.strerror)
        return None
