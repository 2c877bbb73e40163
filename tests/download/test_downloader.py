"""Whole downloads against a real server: what is fetched, what is tried again, what fails and why."""

import hashlib
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from mkg4rec import __version__
from mkg4rec.download.addresses import Mirror
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import Reason
from mkg4rec.download.transfer import retry_after
from tests.conftest import ROOT
from tests.download.downloads import BODY, MD5, SHA256, failing, fetch, files_in, settings
from tests.download.server import Answer, Server


class TestHonestServer:
    def test_brings_the_bytes_and_names_itself(self, server: Server, downloader: Downloader) -> None:
        address = server.answer("/a.zip", Answer(BODY))
        assert fetch(downloader, address, SHA256) == BODY
        asked = server.requests[0].headers
        assert asked["user-agent"].startswith(f"mkg4rec/{__version__} (")
        assert asked["accept-encoding"] == "identity"

    def test_version_is_that_of_the_project(self) -> None:
        assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__

    def test_second_fetch_asks_nobody(self, server: Server, downloader: Downloader, cache_folder: Path) -> None:
        address = server.answer("/a.zip", Answer(BODY))
        fetch(downloader, address)
        assert fetch(Downloader(settings(), Mirror(), cache_folder), address, f"md5:{MD5}") == BODY
        assert len(server.requests) == 1

    def test_another_wanted_checksum_is_fetched_anew(self, server: Server, downloader: Downloader) -> None:
        later = BODY[::-1]
        address = server.answer("/a.zip", Answer(BODY), Answer(later))
        fetch(downloader, address)
        assert fetch(downloader, address, f"sha256:{hashlib.sha256(later).hexdigest()}") == later

    @pytest.mark.parametrize("answer", [Answer(BODY, chunked=True), Answer(BODY, unannounced=True), Answer(b"")])
    def test_length_may_be_unknown_or_nothing(self, server: Server, downloader: Downloader, answer: Answer) -> None:
        address = server.answer("/a.zip", answer)
        assert fetch(downloader, address) == answer.body
        assert fetch(downloader, address) == answer.body
        assert len(server.requests) == 1

    def test_many_threads_share_a_downloader_and_keep_connections(self, server: Server, downloader: Downloader) -> None:
        addresses = [server.answer(f"/{number}", Answer(b"%d" % number)) for number in range(40)]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda address: fetch(downloader, address), addresses)) == [b"%d" % number for number in range(40)]
        assert len({request.connection for request in server.requests}) <= 4

    def test_redirects_are_followed(self, server: Server, downloader: Downloader) -> None:
        server.answer("/there", Answer(BODY))
        assert fetch(downloader, server.answer("/here", Answer(status=302, headers={"Location": "/there"}))) == BODY


class TestFailures:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [(404, Reason.MISSING), (410, Reason.MISSING), (401, Reason.REFUSED), (403, Reason.REFUSED), (418, Reason.REFUSED)],
    )
    def test_not_asked_twice(self, server: Server, downloader: Downloader, cache_folder: Path, status: int, reason: Reason) -> None:
        address = server.answer("/a", Answer(status=status))
        error = failing(downloader, address)
        assert error.reason == reason
        assert address in str(error)
        assert str(status) in str(error)
        assert len(server.requests) == 1
        assert files_in(cache_folder) == []

    def test_500_then_well(self, server: Server, downloader: Downloader) -> None:
        assert fetch(downloader, server.answer("/a", Answer(status=500), Answer(status=503), Answer(BODY))) == BODY

    def test_500_for_ever(self, server: Server, downloader: Downloader) -> None:
        error = failing(downloader, server.answer("/a", Answer(status=500)))
        assert error.reason == Reason.SERVER_ERROR
        assert "3 attempts" in str(error)
        assert len(server.requests) == 3

    def test_429_waits_as_long_as_asked(self, server: Server, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        waits: list[float] = []
        monkeypatch.setattr(time, "sleep", waits.append)
        address = server.answer("/a", Answer(status=429, headers={"Retry-After": "7"}), Answer(BODY))
        fetch(Downloader(settings(max_wait=60), Mirror(), cache_folder), address)
        assert 7 < waits[0] < 7.1

    def test_no_wait_is_longer_than_max_wait(self, server: Server, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        waits: list[float] = []
        monkeypatch.setattr(time, "sleep", waits.append)
        address = server.answer("/a", Answer(status=503, headers={"Retry-After": "86400"}))
        assert failing(Downloader(settings(max_wait=9), Mirror(), cache_folder), address).reason == Reason.SERVER_ERROR
        assert waits == [9, 9]

    def test_waits_double(self, server: Server, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        waits: list[float] = []
        monkeypatch.setattr(time, "sleep", waits.append)
        failing(Downloader(settings(attempts=6, max_wait=60), Mirror(), cache_folder), server.answer("/a", Answer(status=500)))
        bounds = [0.01 * 2**number for number in range(5)]
        assert len(waits) == len(bounds)
        assert all(bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))

    def test_retry_after_as_a_date(self) -> None:
        assert 110 < retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)) <= 120
        assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
        assert retry_after("soon") == retry_after("") == 0

    def test_stalling_server(self, server: Server, cache_folder: Path) -> None:
        address = server.answer("/a", Answer(BODY, stall_after=1000))
        assert failing(Downloader(settings(attempts=2, read_timeout=0.2), Mirror(), cache_folder), address).reason == Reason.TIMEOUT
        assert len(server.requests) == 2

    def test_dripping_server(self, server: Server, cache_folder: Path) -> None:
        address = server.answer("/a", Answer(BODY, piece=1, pause=0.05))
        assert failing(Downloader(settings(attempts=2, read_timeout=0.3), Mirror(), cache_folder), address).reason == Reason.TIMEOUT

    def test_nobody_listens(self, server: Server, downloader: Downloader) -> None:
        error = failing(downloader, "http://127.0.0.1:1/a")
        assert error.reason == Reason.UNREACHABLE
        assert "refused" in str(error)

    def test_unknown_host(self, downloader: Downloader) -> None:
        assert failing(downloader, "http://host.invalid/a").reason == Reason.UNREACHABLE

    @pytest.mark.parametrize("answer", [Answer(BODY, cut_after=1000), Answer(BODY, cut_after=1000, chunked=True)])
    def test_truncated_for_ever(self, server: Server, downloader: Downloader, answer: Answer) -> None:
        error = failing(downloader, server.answer("/a", answer))
        assert error.reason == Reason.TRUNCATED
        assert len(server.requests) == 3

    def test_announces_more_than_it_has(self, server: Server, downloader: Downloader) -> None:
        assert failing(downloader, server.answer("/a", Answer(BODY, announced=len(BODY) + 1))).reason == Reason.TRUNCATED
        address = server.answer("/b", Answer(BODY, announced=len(BODY) + 1), Answer(BODY))
        assert fetch(downloader, address, SHA256) == BODY

    def test_announces_less_than_it_sends(self, server: Server, downloader: Downloader) -> None:
        address = server.answer("/a", Answer(BODY, announced=1000))
        assert failing(downloader, address, SHA256).reason == Reason.CHECKSUM
        # The bytes beyond the announced ones are not taken for the next answer.
        assert fetch(downloader, server.answer("/b", Answer(BODY)), SHA256) == BODY

    def test_redirect_loop(self, server: Server, downloader: Downloader) -> None:
        server.answer("/b", Answer(status=302, headers={"Location": "/a"}))
        error = failing(downloader, server.answer("/a", Answer(status=302, headers={"Location": "/b"})))
        assert error.reason == Reason.REFUSED
        assert len(server.requests) == 11

    @pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/a", "http://[broken/"])
    def test_redirect_off_the_network(self, server: Server, downloader: Downloader, target: str) -> None:
        error = failing(downloader, server.answer("/a", Answer(status=302, headers={"Location": target})))
        assert error.reason in (Reason.REFUSED, Reason.BAD_ADDRESS)
        assert len(server.requests) == 1

    def test_html_page_in_place_of_the_file(self, server: Server, downloader: Downloader, cache_folder: Path) -> None:
        page = Answer(b"<!DOCTYPE html>", headers={"Content-Type": "text/html; charset=utf-8"})
        assert failing(downloader, server.answer("/a.zip", page)).reason == Reason.HTML_PAGE
        assert files_in(cache_folder) == []
        assert fetch(downloader, server.answer("/a.html", page)) == page.body

    @pytest.mark.parametrize("answer", [Answer(BODY), Answer(BODY, chunked=True), Answer(BODY, unannounced=True)])
    def test_too_large(self, server: Server, downloader: Downloader, cache_folder: Path, answer: Answer) -> None:
        address = server.answer("/a", replace(answer, piece=1000, pause=0.001))
        assert failing(downloader, address, max_bytes=5000).reason == Reason.TOO_LARGE
        assert server.requests[0].sent < len(BODY)
        assert files_in(cache_folder) == []

    def test_too_large_in_the_cache(self, server: Server, downloader: Downloader) -> None:
        address = server.answer("/a", Answer(BODY))
        fetch(downloader, address)
        assert failing(downloader, address, max_bytes=5000).reason == Reason.TOO_LARGE

    @pytest.mark.parametrize("address", ["ftp://host/a", "/etc/hostname", "http:///a", "http://host:x/a", "http://ho st/a", "data:,a"])
    def test_bad_address(self, downloader: Downloader, address: str) -> None:
        assert failing(downloader, address).reason == Reason.BAD_ADDRESS

    def test_passwords_stay_out_of_messages(self, server: Server, downloader: Downloader) -> None:
        assert "secret" not in str(failing(downloader, server.address("/a").replace("//", "//user:secret@")))
