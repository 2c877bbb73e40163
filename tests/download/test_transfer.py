"""Single requests: broken off, taken up again, encoded, and never glued together from two files."""

import gzip
import hashlib
import random
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from mkg4rec.download.addresses import Mirror
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import Reason
from tests.download.downloads import (
    BODY,
    ETAG,
    SHA256,
    failing,
    fetch,
    files_in,
    settings,
    start_fetching,
    wait_until,
)
from tests.download.server import Answer, Server


class TestEncodings:
    @pytest.mark.parametrize("chunked", [False, True])
    def test_unasked_gzip_is_undone(self, server: Server, downloader: Downloader, chunked: bool) -> None:
        address = server.answer("/a.csv", Answer(gzip.compress(BODY), headers={"Content-Encoding": "gzip"}, chunked=chunked))
        assert fetch(downloader, address, SHA256) == BODY

    def test_published_gzip_stays_as_it_is(self, server: Server, downloader: Downloader) -> None:
        packed = gzip.compress(BODY)
        address = server.answer("/a.json.gz", Answer(packed, headers={"Content-Encoding": "x-gzip"}))
        assert fetch(downloader, address) == packed

    def test_bomb(self, server: Server, downloader: Downloader) -> None:
        bomb = Answer(gzip.compress(bytes(50_000_000)), headers={"Content-Encoding": "gzip"})
        assert failing(downloader, server.answer("/a.csv", bomb)).reason == Reason.TOO_LARGE

    def test_cut_gzip_is_not_glued(self, server: Server, downloader: Downloader) -> None:
        packed = Answer(gzip.compress(BODY), headers={"Content-Encoding": "gzip"} | ETAG, ranges=True)
        address = server.answer("/a.csv", replace(packed, cut_after=100_000), packed)
        assert fetch(downloader, address, SHA256) == BODY


class TestResume:
    @pytest.mark.parametrize("validator", [ETAG, {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}])
    def test_goes_on_after_a_cut(self, server: Server, downloader: Downloader, validator: dict[str, str]) -> None:
        cut = Answer(BODY, headers=validator, cut_after=200_000, ranges=True)
        address = server.answer("/a", cut, Answer(BODY, headers=validator, ranges=True))
        assert fetch(downloader, address, SHA256) == BODY
        assert [request.sent for request in server.requests] == [200_000, 100_000]
        assert server.requests[1].headers["if-range"] == next(iter(validator.values()))

    @pytest.mark.parametrize("careless", [False, True])
    def test_changed_file_is_not_glued(self, server: Server, downloader: Downloader, careless: bool) -> None:
        later = Answer(BODY[::-1], headers={"ETag": '"second"'}, ranges=True, careless=careless)
        address = server.answer("/a", Answer(BODY, headers=ETAG, cut_after=200_000, ranges=True), later)
        assert fetch(downloader, address) == BODY[::-1]

    def test_a_piece_without_the_etag_is_not_glued(self, server: Server, downloader: Downloader) -> None:
        later = BODY[::-1]
        span = {"Content-Range": "bytes 200000-299999/300000"}
        address = server.answer(
            "/a",
            Answer(BODY, headers=ETAG, cut_after=200_000, ranges=True),
            Answer(later[200_000:], status=206, headers=span),
            Answer(later),
        )
        assert fetch(downloader, address) == later

    def test_a_piece_may_leave_out_the_date(self, server: Server, downloader: Downloader) -> None:
        date = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        span = {"Content-Range": "bytes 200000-299999/300000"}
        cut = Answer(BODY, headers=date, cut_after=200_000, ranges=True)
        address = server.answer("/a", cut, Answer(BODY[200_000:], status=206, headers=span))
        assert fetch(downloader, address, SHA256) == BODY
        assert len(server.requests) == 2

    def test_changed_file_behind_the_same_etag(self, server: Server, downloader: Downloader) -> None:
        later = BODY[::-1]
        cut = Answer(BODY, headers=ETAG, cut_after=200_000, ranges=True)
        address = server.answer("/a", cut, Answer(later, headers=ETAG, ranges=True))
        assert fetch(downloader, address, f"sha256:{hashlib.sha256(later).hexdigest()}") == later

    @pytest.mark.parametrize("span", ["bytes 1000-299999/300000", "bytes 200000-299999/300001", "bytes */300000", "bytes 200000-", ""])
    def test_another_piece_than_asked_for_is_not_glued(self, server: Server, downloader: Downloader, span: str) -> None:
        cut = Answer(BODY, headers=ETAG, cut_after=200_000, ranges=True)
        other = Answer(BODY[1000:], status=206, headers=ETAG | {"Content-Range": span})
        assert fetch(downloader, server.answer("/a", cut, other, Answer(BODY))) == BODY

    def test_smaller_piece_than_asked_for(self, server: Server, downloader: Downloader) -> None:
        cut = Answer(BODY, headers=ETAG, cut_after=200_000, ranges=True)
        piece = Answer(BODY[200_000:250_000], status=206, headers=ETAG | {"Content-Range": "bytes 200000-249999/300000"})
        assert fetch(downloader, server.answer("/a", cut, piece, Answer(BODY, headers=ETAG, ranges=True))) == BODY
        assert [request.sent for request in server.requests] == [200_000, 50_000, 50_000]

    def test_piece_that_nobody_asked_for(self, server: Server, downloader: Downloader) -> None:
        piece = Answer(BODY[:1000], status=206, headers=ETAG | {"Content-Range": "bytes 0-999/300000"})
        assert fetch(downloader, server.answer("/a", piece, Answer(BODY))) == BODY

    @pytest.mark.parametrize("headers", [{}, {"ETag": 'W/"weak"'}])
    def test_without_a_validator_starts_again(self, server: Server, downloader: Downloader, headers: dict[str, str]) -> None:
        cut = Answer(BODY, headers=headers, cut_after=200_000, ranges=True)
        address = server.answer("/a", cut, Answer(BODY, headers=headers, ranges=True))
        assert fetch(downloader, address, SHA256) == BODY
        assert "range" not in server.requests[1].headers

    def test_server_without_range(self, server: Server, downloader: Downloader) -> None:
        address = server.answer("/a", Answer(BODY, headers=ETAG, cut_after=200_000), Answer(BODY, headers=ETAG))
        assert fetch(downloader, address, SHA256) == BODY
        assert "range" in server.requests[1].headers

    def test_416_starts_again(self, server: Server, downloader: Downloader) -> None:
        cut = Answer(BODY, headers=ETAG, cut_after=200_000, ranges=True)
        shrunk = Answer(BODY[:1000], headers=ETAG, ranges=True)
        assert fetch(downloader, server.answer("/a", cut, shrunk)) == BODY[:1000]

    def test_steady_progress_is_no_failure(self, server: Server, downloader: Downloader) -> None:
        body = random.Random(1).randbytes(12 << 20)
        cuts = [Answer(body, headers=ETAG, ranges=True, cut_after=(2 << 20)) for _ in range(6)]
        address = server.answer("/a", *cuts)
        assert fetch(downloader, address, max_bytes=1 << 30) == body
        assert len(server.requests) == 6

    def test_next_run_goes_on(self, server: Server, downloader: Downloader, cache_folder: Path) -> None:
        cut = Answer(BODY, headers=ETAG, cut_after=100_000, ranges=True)
        address = server.answer("/a", cut, Answer(status=500))
        assert failing(downloader, address).reason == Reason.SERVER_ERROR
        server.answer("/a", Answer(BODY, headers=ETAG, ranges=True))
        assert fetch(Downloader(settings(), Mirror(), cache_folder), address, SHA256) == BODY
        assert server.requests[-1].sent == 200_000

    def test_after_kill_9(self, server: Server, downloader: Downloader, cache_folder: Path) -> None:
        address = server.answer(
            "/a", Answer(BODY, headers=ETAG, ranges=True, piece=10_000, pause=0.05), Answer(BODY, headers=ETAG, ranges=True)
        )
        child = start_fetching(address, cache_folder)
        wait_until(lambda: sum(path.stat().st_size for path in files_in(cache_folder) if path.suffix == ".part") > 50_000)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert fetch(downloader, address, SHA256) == BODY
        assert server.requests[-1].sent <= len(BODY) - 50_000
        assert len(files_in(cache_folder)) == 2
