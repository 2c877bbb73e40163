"""Checksums, pinned and the publisher's own."""

import hashlib
from pathlib import Path

import pytest

from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import Reason
from tests.download.downloads import BODY, LIMIT, MD5, SHA256, damage, failing, fetch, files_in
from tests.download.server import Answer, Server


class TestChecksums:
    def test_wrong_file_is_not_kept(self, server: Server, downloader: Downloader, cache_folder: Path) -> None:
        address = server.answer("/a", Answer(b"something else"))
        error = failing(downloader, address, SHA256)
        assert error.reason == Reason.CHECKSUM
        assert SHA256 in str(error)
        assert files_in(cache_folder) == []

    @pytest.mark.parametrize("text", [f"{MD5}  a.zip\n", f"MD5 (a.zip) = {MD5}\n", f"{'0' * 32} *b.zip\r\n{MD5.upper()} *./a.zip\r\n", MD5])
    def test_companion(self, server: Server, downloader: Downloader, text: str) -> None:
        server.answer("/a.zip.md5", Answer(text.encode()))
        assert fetch(downloader, server.answer("/a.zip", Answer(BODY)), "companion") == BODY

    @pytest.mark.parametrize("text", ["", f"{MD5}  b.zip\n", f"{MD5}  a.zip\n{'0' * 32}  a.zip\n", "not a checksum"])
    def test_useless_companion(self, server: Server, downloader: Downloader, text: str) -> None:
        server.answer("/a.zip.md5", Answer(text.encode()))
        assert failing(downloader, server.answer("/a.zip", Answer(BODY)), "companion").reason == Reason.CHECKSUM

    def test_missing_companion(self, server: Server, downloader: Downloader) -> None:
        error = failing(downloader, server.answer("/a.zip", Answer(BODY)), "companion")
        assert error.reason == Reason.MISSING
        assert "/a.zip.md5" in str(error)

    def test_companion_is_not_asked_for_again(self, server: Server, downloader: Downloader, cache_folder: Path) -> None:
        server.answer("/a.zip.md5", Answer(MD5.encode()))
        address = server.answer("/a.zip", Answer(BODY))
        fetch(downloader, address, "companion")
        assert fetch(downloader, address, "companion") == BODY
        assert len(server.requests) == 2
        assert len(files_in(cache_folder)) == 2

    def test_new_edition_comes_with_its_new_companion(self, server: Server, downloader: Downloader) -> None:
        later = BODY[::-1]
        server.answer("/a.zip.md5", Answer(MD5.encode()), Answer(hashlib.md5(later).hexdigest().encode()))
        address = server.answer("/a.zip", Answer(BODY), Answer(later))
        damage(downloader.fetch(address, max_bytes=LIMIT, checksum="companion"))
        assert fetch(downloader, address, "companion") == later
