"""Files by address: from a mirror, the cache or the network, always whole and checked."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from mkg4rec import __version__, params
from mkg4rec.download.addresses import Mirror, companion_of, published_name
from mkg4rec.download.cache import Cache, Entry, Part, default_folder
from mkg4rec.download.checksums import Checksum, checksums, md5_in_companion
from mkg4rec.download.failure import DownloadError, Reason
from mkg4rec.download.transfer import TransientError, receive
from mkg4rec.progress import meter

__all__ = ["DownloadError", "Downloader", "Mirror", "Reason"]

USER_AGENT = f"mkg4rec/{__version__} (research on recommender systems; fetches published data sets once and keeps them)"
COMPANION = "companion"
COMPANION_BYTES = 1 << 20
PROGRESS = 1 << 20  # bytes; a try that brought more before it broke off does not count as failed


class Downloader:
    """Fetches files by address; one object serves many threads, and one cache many processes.

    `mirror` answers in the network's place where there is one. What comes over HTTP stays in `cache`.
    """

    def __init__(self, settings: params.Http, mirror: Mirror, cache: Path) -> None:
        self.settings = settings
        self.mirror = mirror
        self.cache = Cache(cache.absolute())
        self._thread = _Thread()

    @classmethod
    def from_environment(cls, settings: params.Http, own_mirror: Path | None = None) -> "Downloader":
        """With the mirror and the cache that MKG4REC_MIRROR and MKG4REC_DOWNLOAD_CACHE name.

        Raises:
            PipelineError: MKG4REC_MIRROR is no folder and no address.
        """
        return cls(settings, Mirror.from_environment(own_mirror), default_folder())

    def fetch(self, address: str, *, max_bytes: int, checksum: str | None, show_progress: bool = False) -> Path:
        """A whole, checked local file with what `address` names: in the cache, or in the mirror itself.

        Whoever wants to keep it takes a copy (`cache.place`). `checksum` is None, `sha256:…`, `md5:…`, or
        `companion` for the publisher's own `<address>.md5`. What the cache has with that checksum is
        given without asking anyone.

        Raises:
            DownloadError: the file could not be had, and its `reason`.
            PipelineError: the disk is full, or the cache cannot be written.
        """
        location = self.mirror.locate(address)
        if isinstance(location, Path):
            _check_local(address, location, max_bytes)
            if wanted := self._wanted(address, checksum):
                _compare(address, location, wanted)
            return location
        entry = self.cache.entry(location)
        found = _cached(entry, checksum)
        if found is None:
            wanted = self._wanted(address, checksum)
            with entry.part() as part:
                # Another process may have brought it while this one waited.
                found = entry.find(wanted)
                if found is None:
                    with _meter(published_name(address) if show_progress else None) as moved:
                        sha256 = self._download_checked(location, part, wanted, max_bytes, moved)
                    return entry.keep(part, sha256, companion=wanted if checksum == COMPANION else None)
        if found.stat().st_size > max_bytes:
            raise DownloadError(Reason.TOO_LARGE, address, f"the file has {found.stat().st_size:,} bytes, its limit is {max_bytes:,}")
        return found

    def forget(self, address: str) -> None:
        """Drop what the cache has of `address`, because it turned out to be useless; a mirror's own file stays."""
        location = self.mirror.locate(address)
        if not isinstance(location, Path):
            self.cache.entry(location).forget()

    def _wanted(self, address: str, checksum: str | None) -> Checksum | None:
        """The checksum in figures; the publisher's is fetched anew."""
        if checksum != COMPANION:
            return Checksum.parse(checksum) if checksum else None
        companion = companion_of(address)
        location = self.mirror.locate(companion)
        if isinstance(location, Path):
            _check_local(companion, location, COMPANION_BYTES)
            content = location.read_bytes()
        else:
            with self.cache.entry(location).part() as part:
                part.restart()
                self._download(location, part, COMPANION_BYTES, _unseen)
                content = part.path.read_bytes()
                part.discard()
        try:
            return md5_in_companion(content.decode(errors="replace"), published_name(address))
        except ValueError as error:
            raise DownloadError(Reason.CHECKSUM, companion, str(error)) from error

    def _download_checked(
        self, location: str, part: Part, wanted: Checksum | None, max_bytes: int, moved: Callable[[Part], None]
    ) -> Checksum:
        """Bring `part` to its end and give its SHA-256. A wrong checksum earns one more try from the first byte."""
        self._download(location, part, max_bytes, moved)
        try:
            return _compare(location, part.path, wanted)
        except DownloadError:
            part.restart()
        self._download(location, part, max_bytes, moved)
        try:
            return _compare(location, part.path, wanted)
        except DownloadError:
            part.discard()
            raise

    def _download(self, location: str, part: Part, max_bytes: int, moved: Callable[[Part], None]) -> None:
        """Ask until `part` is whole; between tries wait twice as long each time, and as long as the server says.

        A part of a broken download stays for the next run; one that nothing can come of does not.
        """
        failures, furthest = 0, part.size
        while not part.finished:
            try:
                receive(self._thread.session, location, part, self.settings, max_bytes, moved)
                return
            except DownloadError:
                part.discard()
                raise
            except TransientError as error:
                failure = error
            failures = 0 if part.size - furthest >= PROGRESS else failures + 1
            furthest = max(furthest, part.size)
            if failures == self.settings.attempts:
                raise DownloadError(failure.reason, location, f"{failure}; given up after {failures} attempts") from failure
            grown = self.settings.backoff * 2 ** min(failures - 1, 16)
            # Without the random share, workers that failed together would come back together.
            time.sleep(min(self.settings.max_wait, failure.wait + grown * random.uniform(0.5, 1)))


class _Thread(threading.local):
    """What every thread has for itself: requests sessions are not made for sharing."""

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.headers["User-Agent"] = USER_AGENT


def _cached(entry: Entry, checksum: str | None) -> Path | None:
    """What the cache has with that checksum; the publisher's is the one of when the file came."""
    if checksum == COMPANION:
        record = entry.record()
        if record is None or record.companion is None:
            return None
        checksum = record.companion
    return entry.find(Checksum.parse(checksum) if checksum else None)


def _check_local(address: str, file: Path, max_bytes: int) -> None:
    try:
        if not file.is_file():
            raise DownloadError(Reason.MISSING, address, f"there is no file {file}")
        with file.open("rb"):
            size = file.stat().st_size
    except OSError as error:
        raise DownloadError(Reason.REFUSED, address, f"{file} cannot be read ({error.strerror})") from error
    if size > max_bytes:
        raise DownloadError(Reason.TOO_LARGE, address, f"{file} has {size:,} bytes, its limit is {max_bytes:,}")


def _compare(address: str, file: Path, wanted: Checksum | None) -> Checksum:
    """The SHA-256 of a file, whose checksum must be `wanted`."""
    found = checksums(file, {"sha256", wanted.algorithm if wanted else "sha256"})
    if wanted and found[wanted.algorithm] != wanted:
        size = file.stat().st_size
        raise DownloadError(Reason.CHECKSUM, address, f"{size:,} bytes came with {found[wanted.algorithm]}, expected {wanted}")
    return found["sha256"]


@contextmanager
def _meter(name: str | None) -> Iterator[Callable[[Part], None]]:
    """A function that shows how far a part is: a bar in bytes, or nothing without a name."""
    if name is None:
        yield _unseen
        return
    with meter(name, None) as received:

        def show(part: Part) -> None:
            received.total = part.of.total
            received.update(part.size - received.n)

        yield show


def _unseen(part: Part) -> None:
    """Show nothing."""
