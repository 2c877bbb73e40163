"""The download cache: what was fetched once is not fetched again, by this process or any other.

An entry lies under the sha256 of the address that was really asked:

    ROOT/ab/abcd…            the bytes, read-only
    ROOT/ab/abcd….json       a `Record`: what the bytes must be
    ROOT/ab/abcd….part       a download under way or broken off; whoever writes it holds its lock
    ROOT/ab/abcd….part.json  a `Resumable`: what is needed to go on with it

Every step is a rename, the record before the bytes, so that a process killed at any moment leaves
either a whole entry or none, and a part that the next one takes up.
"""

import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path

from mkg4rec.download.checksums import CHUNK, Checksum, checksums
from mkg4rec.download.failure import without_password
from mkg4rec.errors import PipelineError
from mkg4rec.files import cache_folder, explaining_full_disk, replacing
from mkg4rec.progress import meter

CACHE_VARIABLE = "MKG4REC_DOWNLOAD_CACHE"
FICLONE = 0x40049409  # linux/fs.h: two files with the same blocks until one changes
READ_ONLY = 0o444  # an entry may be hard-linked into a workspace: an edit there must not reach it

logger = logging.getLogger(__name__)


def default_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """MKG4REC_DOWNLOAD_CACHE, else mkg4rec/downloads in the user's cache folder (XDG base directories)."""
    return cache_folder("downloads", CACHE_VARIABLE, environment)


@dataclass(frozen=True)
class Record:
    """What the bytes of an entry must be. `companion` is the publisher's checksum, where it was compared."""

    address: str
    size: int
    sha256: str
    companion: str | None

    def __post_init__(self) -> None:
        if self.companion is not None:
            Checksum.parse(self.companion)


@dataclass(frozen=True)
class Resumable:
    """Of which file a part is the beginning: its ETag or date (None: unknown, start again) and its size."""

    validator: str | None = None
    total: int | None = None


class Part:
    """The beginning of a file, open and locked for this thread alone."""

    def __init__(self, path: Path, file: FileIO) -> None:
        self.path = path
        self._file = file
        self._state = path.with_name(f"{path.name}.json")
        self._exists = True
        self.size = path.stat().st_size
        self.of = self._read_state()
        self.finished = 0 < self.size == self.of.total
        if self.size and self.of.validator is None and not self.finished:
            self.restart()

    def _read_state(self) -> Resumable:
        try:
            return Resumable(**json.loads(self._state.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Resumable()

    def restart(self, of: Resumable | None = None) -> None:
        """Forget the bytes; those that follow belong to `of`."""
        self._file.truncate(0)
        self.size = 0
        self.finished = False
        self.of = of or Resumable()
        _write_json(self._state, self.of)

    def append(self, chunk: bytes) -> None:
        """Write `chunk` after what is there.

        Raises:
            PipelineError: the disk is full; the part is gone then, so that the disk is not.
        """
        rest = memoryview(chunk)
        try:
            with explaining_full_disk(self.path):
                while rest:
                    rest = rest[self._file.write(rest) :]
        except PipelineError:
            self.discard()
            raise
        self.size += len(chunk)

    def become(self, content: Path) -> None:
        """Rename the part to `content`: it is whole."""
        self._exists = False
        self.path.replace(content)
        content.chmod(READ_ONLY)
        self._state.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the part; nothing can follow."""
        if self._exists:
            self._exists = False
            self._state.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Entry:
    """One address in the cache."""

    address: str
    content: Path

    def record(self) -> Record | None:
        """What the bytes must be, or None where there is no entry."""
        try:
            return Record(**json.loads(_beside(self.content, ".json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def find(self, wanted: Checksum | None) -> Path | None:
        """The bytes, if they are whole, unchanged since they came, and what is wanted; else None."""
        record = self.record()
        try:
            if record is None or self.content.stat().st_size != record.size:
                return None
            found = checksums(self.content, {"sha256", wanted.algorithm if wanted else "sha256"})
        except FileNotFoundError:
            return None
        unchanged = found["sha256"].digest == record.sha256
        return self.content if unchanged and (wanted is None or found[wanted.algorithm] == wanted) else None

    def forget(self) -> None:
        """Remove the bytes and their record."""
        self.content.unlink(missing_ok=True)
        _beside(self.content, ".json").unlink(missing_ok=True)

    @contextmanager
    def part(self) -> Iterator[Part]:
        """The beginning of the bytes, for this process and thread alone; waits for others.

        Raises:
            PipelineError: the cache cannot be written.
        """
        path = _beside(self.content, ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _open_locked(path, self.address)
        except OSError as error:
            raise PipelineError(
                f"{path.parent}: the download cache cannot be written ({error.strerror}); set {CACHE_VARIABLE} to a folder that can."
            ) from error
        with file:
            part = Part(path, file)
            try:
                yield part
            finally:
                # The lock ends with the file; an empty part would only be litter.
                if part.size == 0:
                    part.discard()

    def keep(self, part: Part, sha256: Checksum, companion: Checksum | None) -> Path:
        """Make the whole `part` the entry, and give its bytes."""
        record = Record(without_password(self.address), part.size, sha256.digest, str(companion) if companion else None)
        _write_json(_beside(self.content, ".json"), record)
        part.become(self.content)
        return self.content


@dataclass(frozen=True)
class Cache:
    """A folder of downloads that processes and people may share."""

    root: Path

    def entry(self, address: str) -> Entry:
        """The place of what `address` names; it need not be there."""
        key = hashlib.sha256(address.encode()).hexdigest()
        return Entry(address, self.root / key[:2] / key)

    def place(self, file: Path, target: Path) -> None:
        """Put `file` at `target`, where nothing is yet.

        A file of this cache shares its bytes with `target`, where the disk can do that, and `target` may
        then be read-only; any other file is copied.
        """
        if file.is_relative_to(self.root) and _share(file, target):
            return
        with file.open("rb") as source, target.open("xb") as copy, meter(f"copying {file.name}", file.stat().st_size) as copied:
            while chunk := source.read(CHUNK):
                copy.write(chunk)
                copied.update(len(chunk))


def _share(file: Path, target: Path) -> bool:
    """Clone `file` (reflink) or link it (hard link), whatever the disk can do; tell whether it could."""
    try:
        with file.open("rb") as source, target.open("xb") as clone:
            fcntl.ioctl(clone.fileno(), FICLONE, source.fileno())
    except OSError:
        target.unlink(missing_ok=True)
    else:
        return True
    try:
        target.hardlink_to(file)
    except OSError:
        return False
    return True


def _open_locked(path: Path, address: str) -> FileIO:
    """Open `path` for appending and hold its lock, also against other threads.

    Whoever held it before may have renamed or removed the file: then it is opened anew.
    """
    while True:
        file = path.open("ab", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.warning("%s is being downloaded already; waiting for that to end", without_password(address))
            fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        file.close()


def _beside(content: Path, suffix: str) -> Path:
    return content.with_name(content.name + suffix)


def _write_json(path: Path, value: Record | Resumable) -> None:
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(value), indent=1), encoding="utf-8")
