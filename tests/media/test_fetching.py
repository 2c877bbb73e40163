import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from mkg4rec import params
from mkg4rec.download.addresses import Mirror
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import Reason
from mkg4rec.media.fetching import FAILURES, GIVE_UP_AFTER, GIVEN_UP, Poster, fetch_posters
from mkg4rec.media.journal import Journal
from mkg4rec.media.status import Failure, Status
from tests.download.server import Answer, Server, serving
from tests.media.pictures import WEB_PAGE, picture, png_header

HTTP = params.Http(attempts=2, backoff=0.01, max_wait=0.02, connect_timeout=2, read_timeout=0.4)
LIMITS = params.Media(workers=8, per_host=3, max_bytes=100_000, max_pixels=1_000_000)
IMAGE = picture()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


class Fetching:
    """A downloader and a journal that outlive single runs."""

    def __init__(self, folder: Path, mirror: Mirror, settings: params.Http = HTTP) -> None:
        self.downloader = Downloader(settings, mirror, folder / "cache")
        self.journal_file = folder / "journal.jsonl"

    def __call__(self, *addresses: str, limits: params.Media = LIMITS) -> dict[str, Poster | Failure]:
        with Journal(self.journal_file, {}) as journal:
            results = list(fetch_posters(addresses, self.downloader, limits, journal))
        assert len(results) == len(set(addresses))
        return dict(results)

    def status(self, address: str) -> Status:
        result = self(address)[address]
        return result.status if isinstance(result, Failure) else Status.OK


@pytest.fixture
def fetching(tmp_path: Path) -> Fetching:
    return Fetching(tmp_path, Mirror())


def test_every_failure_of_a_download_has_a_status() -> None:
    # A picture says by itself whether it is damaged; only packed files are held against that when they come.
    assert FAILURES.keys() | {Reason.TOO_LARGE, Reason.DAMAGED} == set(Reason)
    assert all(failure.status is not Status.OK and failure.reason for failure in FAILURES.values())


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_poster_is_kept_as_published(server: Server, fetching: Fetching, image_format: str) -> None:
    image = picture(image_format)
    address = server.answer("/poster.jpg", Answer(image))
    poster = fetching(address)[address]
    assert isinstance(poster, Poster)
    assert poster.path.read_bytes() == image
    assert (poster.sha256, poster.width, poster.height) == (hashlib.sha256(image).hexdigest(), 24, 36)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(status=404), Status.MISSING),
        (Answer(status=410), Status.MISSING),
        (Answer(status=403), Status.BROKEN),
        (Answer(status=500), Status.BROKEN),
        (Answer(status=429), Status.BROKEN),
        (Answer(b""), Status.BROKEN),
        (Answer(WEB_PAGE, headers={"Content-Type": "text/html"}), Status.BROKEN),
        (Answer(WEB_PAGE, headers={"Content-Type": "image/jpeg"}), Status.BROKEN),
        (Answer(IMAGE[:300]), Status.BROKEN),
        (Answer(IMAGE, cut_after=300), Status.BROKEN),
        (Answer(IMAGE, stall_after=300), Status.BROKEN),
        (Answer(IMAGE, announced=2 * len(IMAGE)), Status.BROKEN),
        (Answer(IMAGE, announced=300), Status.BROKEN),
        (Answer(IMAGE, announced=10**12), Status.TOO_LARGE),
        (Answer(bytes(200_000), unannounced=True), Status.TOO_LARGE),
        (Answer(png_header(50_000, 50_000)), Status.TOO_LARGE),
    ],
    ids=lambda value: value.value if isinstance(value, Status) else None,
)
def test_bad_answers_are_failures_and_stop_nothing(server: Server, fetching: Fetching, answer: Answer, status: Status) -> None:
    bad, good = server.answer("/bad.jpg", answer), server.answer("/good.jpg", Answer(IMAGE))
    results = fetching(bad, good)
    assert isinstance(results[good], Poster)
    assert isinstance(failure := results[bad], Failure)
    assert (failure.status, bool(failure.reason)) == (status, True)


@pytest.mark.parametrize("address", ["N/A", "ftp://host/poster.jpg", "http://", "http://[bad/poster.jpg", "https://host/two words.jpg"])
def test_what_is_no_address_is_missing(fetching: Fetching, address: str) -> None:
    assert fetching.status(address) is Status.MISSING


def test_nobody_at_the_address_is_broken(fetching: Fetching) -> None:
    with serving() as closed:
        address = closed.address("/poster.jpg")
    assert fetching.status(address) is Status.BROKEN


def test_local_files(tmp_path: Path) -> None:
    (tmp_path / "mirror" / "host").mkdir(parents=True)
    (tmp_path / "mirror" / "host" / "poster.jpg").write_bytes(IMAGE)
    (tmp_path / "mirror" / "host" / "page.jpg").write_bytes(WEB_PAGE)
    fetching = Fetching(tmp_path, Mirror(tmp_path / "mirror"))
    assert fetching.status("https://host/poster.jpg") is Status.OK
    assert fetching.status("https://host/page.jpg") is Status.BROKEN
    assert fetching.status("https://host/other.jpg") is Status.MISSING
    assert fetching.status((tmp_path / "mirror" / "host" / "poster.jpg").as_uri()) is Status.OK
    assert (tmp_path / "mirror" / "host" / "page.jpg").is_file(), "a mirror's own file is not ours to remove"


def test_a_poster_of_many_items_is_fetched_once(server: Server, fetching: Fetching) -> None:
    address = server.answer("/poster.jpg", Answer(IMAGE))
    with Journal(fetching.journal_file, {}) as journal:
        results = list(fetch_posters([address] * 5, fetching.downloader, LIMITS, journal))
    assert len(results) == len(server.requests) == 1


def test_a_host_is_asked_for_few_at_a_time(server: Server, fetching: Fetching) -> None:
    addresses = [server.answer(f"/{number}.jpg", Answer(IMAGE, delay=0.05)) for number in range(12)]
    assert all(isinstance(result, Poster) for result in fetching(*addresses).values())
    assert server.busiest == LIMITS.per_host


def test_the_limit_is_that_of_the_mirror_which_answers_for_all_hosts(tmp_path: Path, server: Server) -> None:
    answers = [server.answer(f"/host{number}/a.jpg", Answer(IMAGE, delay=0.05)) for number in range(12)]
    fetching = Fetching(tmp_path, Mirror(server.address("")))
    results = fetching(*(f"https://host{number}/a.jpg" for number in range(len(answers))))
    assert all(isinstance(result, Poster) for result in results.values())
    assert server.busiest == LIMITS.per_host


def test_a_second_run_asks_for_nothing_definite_twice(server: Server, fetching: Fetching) -> None:
    definite = [
        server.answer("/good.jpg", Answer(IMAGE)),
        server.answer("/gone.jpg", Answer(status=404)),
        server.answer("/page.jpg", Answer(WEB_PAGE)),
        server.answer("/huge.jpg", Answer(png_header(50_000, 50_000))),
    ]
    passing = server.answer("/failing.jpg", Answer(status=500), Answer(status=500), Answer(IMAGE))
    first = fetching(*definite, passing)
    asked = len(server.requests)
    second = fetching(*definite, passing)
    assert {address: second[address] for address in definite} == {address: first[address] for address in definite}
    assert [request.path for request in server.requests[asked:]] == ["/failing.jpg"]
    assert isinstance(second[passing], Poster)


def test_a_poster_repaired_after_the_run_is_seen(server: Server, fetching: Fetching) -> None:
    address = server.answer("/poster.jpg", Answer(IMAGE[:300]), Answer(IMAGE))
    assert fetching.status(address) is Status.BROKEN
    fetching.journal_file.unlink()
    assert fetching.status(address) is Status.OK


def test_a_smaller_limit_holds_for_what_the_cache_has(server: Server, fetching: Fetching) -> None:
    address = server.answer("/poster.jpg", Answer(IMAGE))
    assert isinstance(fetching(address)[address], Poster)
    result = fetching(address, limits=LIMITS.model_copy(update={"max_bytes": 100}))[address]
    assert isinstance(result, Failure)
    assert result.status is Status.TOO_LARGE


def test_a_host_that_never_answers_is_given_up_and_others_are_not(server: Server, fetching: Fetching) -> None:
    good = [server.answer(f"/{number}.jpg", Answer(IMAGE)) for number in range(5)]
    with serving() as closed:
        silent = [closed.address(f"/{number}.jpg") for number in range(3 * GIVE_UP_AFTER)]
    results = fetching(*silent, *good)
    assert all(isinstance(results[address], Poster) for address in good)
    tried = [address for address in silent if results[address] == FAILURES[Reason.UNREACHABLE]]
    assert GIVE_UP_AFTER <= len(tried) < GIVE_UP_AFTER + LIMITS.per_host
    assert all(results[address] in (GIVEN_UP, FAILURES[Reason.UNREACHABLE]) for address in silent)


def test_a_host_that_keeps_asking_for_fewer_requests_is_given_up(tmp_path: Path, server: Server) -> None:
    fetching = Fetching(tmp_path, Mirror(), HTTP.model_copy(update={"attempts": 1}))
    addresses = [server.answer(f"/{number}.jpg", Answer(status=429)) for number in range(3 * GIVE_UP_AFTER)]
    results = list(fetching(*addresses, limits=LIMITS.model_copy(update={"workers": 1})).values())
    assert results.count(FAILURES[Reason.RATE_LIMITED]) == len(server.requests) == GIVE_UP_AFTER
    assert results.count(GIVEN_UP) == 2 * GIVE_UP_AFTER


def test_a_host_that_answers_now_and_then_is_not_given_up(tmp_path: Path, server: Server) -> None:
    fetching = Fetching(tmp_path, Mirror(), HTTP.model_copy(update={"attempts": 1, "read_timeout": 0.1}))
    limits = LIMITS.model_copy(update={"workers": 1})
    stalled = Answer(IMAGE, stall_after=0)
    addresses = [server.answer(f"/{number}.jpg", Answer(IMAGE) if number % 4 == 3 else stalled) for number in range(16)]
    results = fetching(*addresses, limits=limits)
    assert [isinstance(results[address], Poster) for address in addresses] == [number % 4 == 3 for number in range(16)]
    assert GIVEN_UP not in results.values()
