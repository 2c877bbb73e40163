"""Mirrors in their three forms, and addresses that try to leave them."""

import re
from pathlib import Path

import pytest

from mkg4rec.download.addresses import Mirror
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import Reason
from mkg4rec.errors import PipelineError
from tests.download.downloads import BODY, LIMIT, MD5, SHA256, failing, fetch, settings
from tests.download.server import Answer, Server


class TestMirrors:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "mirror" / "host.example" / "data").mkdir(parents=True)
        (tmp_path / "mirror" / "host.example" / "data" / "a b.zip").write_bytes(BODY)
        (tmp_path / "mirror" / "host.example" / "data" / "a b.zip.md5").write_text(f"{MD5}  a b.zip")
        (tmp_path / "secret").write_text("secret")
        return tmp_path / "mirror"

    @pytest.fixture(params=["folder", "file", "http"])
    def value(self, request: pytest.FixtureRequest, folder: Path, server: Server) -> str:
        """MKG4REC_MIRROR in its three forms."""
        server.folder = folder.parent
        return {"folder": str(folder), "file": folder.as_uri(), "http": server.address("/mirror/")}[request.param]

    @pytest.fixture
    def mirrored(self, value: str, cache_folder: Path) -> Downloader:
        return Downloader(settings(), Mirror.from_environment(None, {"MKG4REC_MIRROR": value}), cache_folder)

    def test_answers_for_the_network(self, mirrored: Downloader) -> None:
        assert fetch(mirrored, "https://HOST.example/data/a%20b.zip", "companion") == BODY

    def test_alone(self, mirrored: Downloader) -> None:
        assert failing(mirrored, "https://host.example/data/c.zip").reason == Reason.MISSING
        assert failing(mirrored, "https://host.example/data").reason == Reason.MISSING

    def test_checks(self, mirrored: Downloader) -> None:
        address = "https://host.example/data/a%20b.zip"
        assert failing(mirrored, address, f"md5:{'0' * 32}").reason == Reason.CHECKSUM
        assert failing(mirrored, address, max_bytes=10).reason == Reason.TOO_LARGE

    @pytest.mark.parametrize(
        "path", ["../secret", "%2e%2e/secret", "..%2fsecret", "data/..%5c..%5csecret", "data/../../secret", "%00", "data/%2fetc%2fhostname"]
    )
    def test_nothing_outside(self, mirrored: Downloader, server: Server, path: str) -> None:
        assert failing(mirrored, f"https://host.example/{path}").reason == Reason.BAD_ADDRESS
        assert server.requests == []

    @pytest.mark.parametrize("address", ["https://../secret", "https://./secret", "https://host.example/?/../../../secret"])
    def test_nothing_outside_by_host_or_query(self, mirrored: Downloader, address: str) -> None:
        assert failing(mirrored, address).reason in (Reason.BAD_ADDRESS, Reason.MISSING)

    def test_query_belongs_to_the_name(self, folder: Path, cache_folder: Path) -> None:
        (folder / "host.example" / "a?b=c%2Fd").write_bytes(b"with")
        (folder / "host.example" / "a").write_bytes(b"without")
        downloader = Downloader(settings(), Mirror(folder), cache_folder)
        assert fetch(downloader, "https://host.example/a?b=c/d") == b"with"
        assert fetch(downloader, "https://host.example/a#fragment") == b"without"
        assert failing(downloader, "https://host.example/a?b=e").reason == Reason.MISSING

    def test_port_belongs_to_the_host(self) -> None:
        assert Mirror(Path("/m")).locate("http://h:8080/a") == Path("/m/h:8080/a")
        assert Mirror(Path("/m")).locate("http://h:80/a") == Path("/m/h/a")

    def test_read_only_folder_is_left_alone(self, folder: Path, cache_folder: Path) -> None:
        file = folder / "host.example" / "data" / "a b.zip"
        file.chmod(0o444)
        file.parent.chmod(0o555)
        before = sorted(folder.rglob("*"))
        downloader = Downloader(settings(), Mirror(folder), cache_folder)
        assert downloader.fetch("https://host.example/data/a%20b.zip", max_bytes=LIMIT, checksum=SHA256) == file
        assert sorted(folder.rglob("*")) == before
        assert not cache_folder.exists()
        file.parent.chmod(0o755)

    def test_mirror_and_network_do_not_mix(self, server: Server, folder: Path, cache_folder: Path) -> None:
        address = server.answer("/data/a", Answer(b"upstream"))
        server.answer(f"/mirror/127.0.0.1:{server.port}/data/a", Answer(b"mirrored"))
        assert fetch(Downloader(settings(), Mirror(), cache_folder), address) == b"upstream"
        assert fetch(Downloader(settings(), Mirror(server.address("/mirror")), cache_folder), address) == b"mirrored"
        assert fetch(Downloader(settings(), Mirror(), cache_folder), address) == b"upstream"

    def test_own_folder_comes_first_if_it_has_a_host(self, folder: Path, tmp_path: Path) -> None:
        environment = {"MKG4REC_MIRROR": str(tmp_path)}
        assert Mirror.from_environment(folder, environment).root == folder
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "published.txt").write_text("no host")
        assert Mirror.from_environment(tmp_path / "empty", environment).root == tmp_path
        assert Mirror.from_environment(tmp_path / "absent", {}).root is None

    @pytest.mark.parametrize("value", ["/no/such/folder", "file://elsewhere/m", "http://host/m?x=1", "ftp://host/m"])
    def test_bad_value(self, value: str) -> None:
        with pytest.raises(PipelineError, match=re.escape(value)):
            Mirror.from_environment(None, {"MKG4REC_MIRROR": value})

    def test_file_address(self, folder: Path, downloader: Downloader) -> None:
        address = (folder / "host.example" / "data" / "a b.zip").as_uri()
        assert fetch(downloader, address, "companion") == BODY
        assert failing(downloader, f"{address}.zip").reason == Reason.MISSING
        assert failing(downloader, "file:///dev/zero").reason == Reason.MISSING
        assert failing(downloader, f"file:///{'long' * 100}").reason == Reason.REFUSED
        assert failing(downloader, address.replace("file://", "file://elsewhere")).reason == Reason.BAD_ADDRESS

    def test_real_data(self, mirror: Path, cache_folder: Path) -> None:
        address = "https://files.grouplens.org/datasets/movielens/ml-1m.zip"
        file = Downloader(settings(), Mirror(mirror), cache_folder).fetch(address, max_bytes=100_000_000, checksum="companion")
        assert file.read_bytes()[:2] == b"PK"
