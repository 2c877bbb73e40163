"""The download cache: shared by processes, true to what was fetched."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mkg4rec.download.addresses import Mirror
from mkg4rec.download.cache import Part, default_folder
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import DownloadError
from mkg4rec.errors import PipelineError
from tests.download.downloads import BODY, ETAG, LIMIT, damage, fetch, files_in, settings, small_disk, start_fetching
from tests.download.server import Answer, Server


class TestCache:
    def test_corrupt_entry_is_fetched_again(self, server: Server, downloader: Downloader) -> None:
        address = server.answer("/a", Answer(BODY))
        damage(downloader.fetch(address, max_bytes=LIMIT, checksum=None))
        assert fetch(downloader, address) == BODY
        assert len(server.requests) == 2

    @pytest.mark.parametrize("record", ["", "[]", "{}", '{"address": "a", "size": 300000, "sha256": "", "companion": null}'])
    def test_useless_record_is_no_entry(self, server: Server, downloader: Downloader, record: str) -> None:
        address = server.answer("/a", Answer(BODY))
        content = downloader.fetch(address, max_bytes=LIMIT, checksum=None)
        content.with_name(f"{content.name}.json").write_text(record)
        assert fetch(downloader, address) == BODY
        assert len(server.requests) == 2

    def test_two_processes_fetch_once(self, server: Server, cache_folder: Path) -> None:
        address = server.answer("/a", Answer(BODY, piece=50_000, pause=0.1))
        children = [start_fetching(address, cache_folder) for _ in range(2)]
        assert [child.wait(30) for child in children] == [0, 0]
        assert len(server.requests) == 1
        assert len(files_in(cache_folder)) == 2

    def test_threads_of_one_process_fetch_once(self, server: Server, downloader: Downloader) -> None:
        address = server.answer("/a", Answer(BODY, piece=50_000, pause=0.02))
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(lambda _: fetch(downloader, address), range(4))) == {BODY}
        assert len(server.requests) == 1

    def test_full_disk_is_told_and_leaves_nothing(self, server: Server, cache_folder: Path) -> None:
        address = server.answer("/a", Answer(BODY, headers=ETAG))
        with small_disk(cache_folder):
            with pytest.raises(PipelineError, match="no space left") as caught:
                fetch(Downloader(settings(), Mirror(), cache_folder), address)
            assert not isinstance(caught.value, DownloadError)
            assert files_in(cache_folder) == []

    def test_full_disk_removes_the_part(self, tmp_path: Path) -> None:
        (tmp_path / "a.part").touch()
        with Path("/dev/full").open("ab", buffering=0) as full:
            part = Part(tmp_path / "a.part", full)
            with pytest.raises(PipelineError, match="no space left"):
                part.append(BODY)
        assert files_in(tmp_path) == []

    def test_placed_file_shares_the_bytes_of_the_cache(self, server: Server, downloader: Downloader, tmp_path: Path) -> None:
        file = downloader.fetch(server.answer("/a", Answer(BODY)), max_bytes=LIMIT, checksum=None)
        downloader.cache.place(file, tmp_path / "b")
        assert (tmp_path / "b").read_bytes() == BODY
        (tmp_path / "b").unlink()
        assert file.read_bytes() == BODY

    def test_placed_file_of_a_mirror_is_its_own(self, downloader: Downloader, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(BODY)
        downloader.cache.place(tmp_path / "a", tmp_path / "b")
        (tmp_path / "b").write_bytes(b"changed")
        assert (tmp_path / "a").read_bytes() == BODY

    def test_cache_that_cannot_be_written(self, server: Server, cache_folder: Path) -> None:
        cache_folder.touch()
        with pytest.raises(PipelineError, match="MKG4REC_DOWNLOAD_CACHE"):
            fetch(Downloader(settings(), Mirror(), cache_folder), server.answer("/a", Answer(BODY)))

    def test_folder_follows_the_environment(self, tmp_path: Path) -> None:
        assert default_folder({"MKG4REC_DOWNLOAD_CACHE": str(tmp_path)}) == tmp_path
        assert default_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/mkg4rec/downloads")
        assert default_folder({"XDG_CACHE_HOME": "not/absolute"}) == default_folder({}) == Path.home() / ".cache/mkg4rec/downloads"
