"""Fetching posters: many at a time, few of one host, each decoded before it counts."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import DownloadError, Reason
from mkg4rec.media.hosts import in_parallel
from mkg4rec.media.images import UnusableImageError, decoded_size
from mkg4rec.media.journal import Journal
from mkg4rec.media.status import Failure, Status
from mkg4rec.params import Media

GIVE_UP_AFTER = 10
"""Addresses of one host in a row that it did not answer, or answered by wanting fewer requests, each after all its attempts, before
its remaining ones are not tried: Open Library would hold up a run for days otherwise."""

# Definite is what the server said and would say again; the rest may pass before the next run.
FAILURES = {
    Reason.BAD_ADDRESS: Failure(Status.MISSING, "the address is not a usable http, https or file address"),
    Reason.MISSING: Failure(Status.MISSING, "not found at its address"),
    Reason.REFUSED: Failure(Status.BROKEN, "the server refused it"),
    Reason.RATE_LIMITED: Failure(Status.BROKEN, "the server wanted fewer requests", definite=False),
    Reason.SERVER_ERROR: Failure(Status.BROKEN, "the server failed", definite=False),
    Reason.UNREACHABLE: Failure(Status.BROKEN, "the host could not be reached", definite=False),
    Reason.TIMEOUT: Failure(Status.BROKEN, "the server stalled", definite=False),
    Reason.TRUNCATED: Failure(Status.BROKEN, "the download broke off", definite=False),
    Reason.HTML_PAGE: Failure(Status.BROKEN, "an HTML page in place of an image"),
    Reason.CHECKSUM: Failure(Status.BROKEN, "the bytes are not those expected", definite=False),
}
GIVEN_UP = Failure(
    Status.BROKEN, f"not tried, since its host did not answer, or wanted fewer requests, {GIVE_UP_AFTER} times in a row", definite=False
)
UNWILLING = (Reason.UNREACHABLE, Reason.TIMEOUT, Reason.RATE_LIMITED)


@dataclass(frozen=True)
class Poster:
    """An image that decodes: where its bytes lie as published, their SHA-256, and its size in pixels."""

    path: Path
    sha256: str
    width: int
    height: int


def fetch_posters(
    addresses: Iterable[str], downloader: Downloader, limits: Media, journal: Journal
) -> Iterator[tuple[str, Poster | Failure]]:
    """Fetch and decode the images at `addresses`, and yield each address with its poster or its failure.

    No failure of a source stops this. What the journal knows is not asked again, and a new failure is in
    the journal before it is yielded. The order is that of completion.

    Args:
        addresses: where images should be; one that stands twice is fetched once.
        downloader: keeps what arrived, so that it is asked for only once.
        limits: how many at a time, how many of one host, and how large.
        journal: what an interrupted run learnt.

    Raises:
        PipelineError: the disk is full.
    """
    unique = dict.fromkeys(addresses)
    known = {address: journal.failures[address] for address in unique if address in journal.failures}
    yield from known.items()
    unknown = [address for address in unique if address not in known]
    fetcher = _Fetcher(downloader, limits)
    for address, result in in_parallel(fetcher.fetch, unknown, limits.workers, limits.per_host, fetcher.host_of):
        if isinstance(result, Failure):
            journal.record(address, result)
        yield address, result
    # The journal keeps these until the end of the run; a later run shall see whether an image was repaired.
    for address in journal.failures:
        with suppress(DownloadError):
            downloader.forget(address)


def decoded(path: Path, limits: Media) -> Poster | Failure:
    """The image in the file `path`, decoded in full, or why it cannot be used."""
    image = path.read_bytes()
    try:
        width, height = decoded_size(image, limits.max_bytes, limits.max_pixels)
    except UnusableImageError as error:
        return error.failure
    return Poster(path, hashlib.sha256(image).hexdigest(), width, height)


class _Fetcher:
    """Fetches one address after another, in many threads, and gives up hosts that do not answer."""

    def __init__(self, downloader: Downloader, limits: Media) -> None:
        self._downloader = downloader
        self._limits = limits
        self._unwilling: Counter[str] = Counter()
        self._lock = threading.Lock()

    def host_of(self, address: str) -> str:
        """The host that is really asked for `address`, which may be that of a mirror; "" for none."""
        try:
            location = self._downloader.mirror.locate(address)
        except DownloadError:
            return ""
        return "" if isinstance(location, Path) else urlsplit(location).netloc

    def fetch(self, address: str) -> Poster | Failure:
        host = self.host_of(address)
        if self._unwilling[host] >= GIVE_UP_AFTER:
            return GIVEN_UP
        try:
            path = self._downloader.fetch(address, max_bytes=self._limits.max_bytes, checksum=None)
        except DownloadError as error:
            self._count(host, error.reason)
            return self._failure(error.reason)
        self._count(host, None)
        return decoded(path, self._limits)

    def _count(self, host: str, reason: Reason | None) -> None:
        with self._lock:
            if reason in UNWILLING:
                self._unwilling[host] += 1
            elif self._unwilling[host] < GIVE_UP_AFTER:
                self._unwilling[host] = 0

    def _failure(self, reason: Reason) -> Failure:
        if reason is Reason.TOO_LARGE:
            return Failure(Status.TOO_LARGE, f"more than {self._limits.max_bytes:,} bytes")
        return FAILURES[reason]
