"""`python -m stages.download` and `stages.fetch_dump` as DVC runs them, against a real server."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.download.server import Answer, Server, serving

FILES = {
    "ratings": ("ml.zip", b"ratings" * 1000),
    "links": ("ml2fb.txt", b"1\tm.01\r\n"),
    "posters": ("images.csv", b"item,address\n"),
    "descriptions": ("plots.dat", b"1::plot\n"),
    "pages": ("pages.json", b'{"1": "page"}'),
}
DUMP = "freebase.gz", b"\x1f\x8b triplets"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        for name, content in (*FILES.values(), DUMP):
            server.answer(f"/{name}", Answer(content))
        server.answer("/ml.zip.md5", Answer(f"{hashlib.md5(FILES['ratings'][1]).hexdigest()}  ml.zip\n".encode()))
        yield server


@pytest.fixture
def workspace(tmp_path: Path, server: Server) -> Path:
    """A folder with the repository's params.yaml, its addresses pointing to the server."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for role, (name, _) in {**FILES, "dump": DUMP}.items():
        params["datasets"]["ml-1m"]["sources"][role]["address"] = server.address(f"/{name}")
    params["http"] |= {"attempts": 2, "backoff": 0.01, "max_wait": 0.1}
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    return folder


def download(workspace: Path, stage: str = "download", **environment: str) -> subprocess.CompletedProcess[str]:
    return in_workspace(workspace, f"stages.{stage}", "ml-1m", **environment)


def in_workspace(workspace: Path, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "MKG4REC_MIRROR"}
    own = {"PYTHONPATH": str(ROOT), "MKG4REC_DOWNLOAD_CACHE": str(workspace.parent / "cache"), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=workspace, env=inherited | own | environment, capture_output=True, text=True, check=False)


def raw(workspace: Path) -> dict[str, tuple[str, bytes]]:
    """What lies there, without the note that stands in the place of a file that the data set does not have."""
    files = (workspace / "data" / "ml-1m" / "raw").glob("*/*")
    return {path.parent.name: (path.name, path.read_bytes()) for path in files if path.name != "none.txt"}


def test_every_file_is_placed_and_told(workspace: Path, server: Server) -> None:
    done = download(workspace)
    assert done.returncode == 0, done.stderr
    assert raw(workspace) == FILES
    assert done.stdout.splitlines()[0] == f"ratings: ml.zip, 7,000 bytes, from {server.address('/ml.zip')}"
    assert len(done.stdout.splitlines()) == 5
    assert f"/{DUMP[0]}" not in [request.path for request in server.requests]


def test_a_file_that_the_data_set_does_not_have_is_a_note(workspace: Path) -> None:
    assert download(workspace).returncode == 0
    assert [path.name for path in (workspace / "data" / "ml-1m" / "raw" / "metadata").iterdir()] == ["none.txt"]


def test_second_run_asks_nobody_and_replaces_what_lies_there(workspace: Path, server: Server) -> None:
    download(workspace)
    before = len(server.requests)
    folder = workspace / "data" / "ml-1m" / "raw" / "ratings"
    (folder / "ml.zip").rename(folder / "other.zip")
    done = download(workspace)
    assert done.returncode == 0, done.stderr
    assert raw(workspace) == FILES
    assert len(server.requests) == before


def test_failure_is_one_message_and_leaves_the_old_file(workspace: Path, server: Server) -> None:
    download(workspace)
    server.answer("/ml.zip", Answer(status=404))
    done = download(workspace, MKG4REC_DOWNLOAD_CACHE=str(workspace.parent / "empty"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {server.address('/ml.zip')}: the server answered 404")
    assert "Traceback" not in done.stderr
    assert raw(workspace) == FILES


PACKED = gzip.compress(b"".join(b"{'asin': '%d'}\n" % number for number in range(9999)), mtime=0)
ARCHIVE = io.BytesIO()
with zipfile.ZipFile(ARCHIVE, "w") as archive:
    archive.writestr("pages.json", b'{"1": "page"}' * 99)


@pytest.mark.parametrize(("name", "whole"), [("posters.csv.gz", PACKED), ("posters.zip", ARCHIVE.getvalue())], ids=["gzip", "zip"])
def test_a_packed_file_that_came_cut_is_not_kept(workspace: Path, server: Server, name: str, whole: bytes) -> None:
    # Without a length and a checksum nothing but unpacking tells.
    address = server.answer(f"/{name}", Answer(whole[: len(whole) // 2], unannounced=True), Answer(whole))
    params = yaml.safe_load((workspace / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"]["ml-1m"]["sources"]["posters"] |= {"address": address, "checksum": None}
    (workspace / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    done = download(workspace)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {address}: {len(whole) // 2:,} bytes came, which are no whole .{name.rpartition('.')[2]} file")
    assert "posters" not in raw(workspace)
    done = download(workspace)
    assert done.returncode == 0, done.stderr
    assert raw(workspace)["posters"] == (name, whole)
    assert len(server.asked(f"/{name}")) == 2


def test_a_forgotten_file_is_downloaded_anew(workspace: Path, server: Server) -> None:
    download(workspace)
    server.answer("/ml2fb.txt", Answer(b"2\tm.02\r\n"))
    assert download(workspace).returncode == 0
    assert raw(workspace) == FILES
    told = in_workspace(workspace, "mkg4rec", "forget", "ml-1m", "links")
    assert told.stdout.startswith(f"{server.address('/ml2fb.txt')} is forgotten; `dvc repro --force --single-item download@ml-1m`"), told
    assert download(workspace).returncode == 0
    assert raw(workspace) == FILES | {"links": ("ml2fb.txt", b"2\tm.02\r\n")}


def test_what_is_not_downloaded_cannot_be_forgotten(workspace: Path) -> None:
    told = in_workspace(workspace, "mkg4rec", "forget", "ml-1m", "metadata")
    assert (told.returncode, told.stderr) == (1, "error: ml-1m: there is no metadata to download, its address in params.yaml is null.\n")


def test_of_the_dump_the_pipeline_has_its_digest(workspace: Path, server: Server) -> None:
    for _ in range(2):
        done = download(workspace, "fetch_dump")
        assert done.stdout == f"ml-1m: dump of {len(DUMP[1])} bytes, from {server.address('/freebase.gz')}\n", done.stderr
        pinned = json.loads((workspace / "data" / "ml-1m" / "dump.json").read_text())
        sha256 = hashlib.sha256(DUMP[1]).hexdigest()
        assert pinned == {"address": server.address("/freebase.gz"), "size": len(DUMP[1]), "sha256": sha256}
    assert len(server.requests) == 1


def test_own_mirror_of_a_synthetic_catalogue(workspace: Path, server: Server) -> None:
    folder = workspace / "data" / "ml-1m" / "mirror" / f"127.0.0.1:{server.port}"
    folder.mkdir(parents=True)
    for name, content in FILES.values():
        (folder / name).write_bytes(content)
    (folder / "ml.zip.md5").write_text(hashlib.md5(FILES["ratings"][1]).hexdigest())
    done = download(workspace, MKG4REC_MIRROR=str(workspace))
    assert done.returncode == 0, done.stderr
    assert raw(workspace) == FILES
    assert server.requests == []
    copied = workspace / "data" / "ml-1m" / "raw" / "ratings" / "ml.zip"
    assert not copied.samefile(folder / "ml.zip")
