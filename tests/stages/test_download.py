"""`python -m stages.download` and `stages.fetch_dump` as DVC runs them, against a real server."""

import hashlib
import json
import os
import subprocess
import sys
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
    inherited = {name: value for name, value in os.environ.items() if name != "MKG4REC_MIRROR"}
    own = {"PYTHONPATH": str(ROOT), "MKG4REC_DOWNLOAD_CACHE": str(workspace.parent / "cache"), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", f"stages.{stage}", "ml-1m"]
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
