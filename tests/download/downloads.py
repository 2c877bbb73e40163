"""What the tests of downloading share: a file, ways to fetch it, and ways to spoil things."""

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import DownloadError
from mkg4rec.params import Http
from tests.conftest import ROOT

BODY = random.Random(0).randbytes(300_000)
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
MD5 = hashlib.md5(BODY).hexdigest()
ETAG = {"ETag": '"first"'}
LIMIT = 1_000_000


def settings(attempts: int = 3, max_wait: float = 0.05, read_timeout: float = 2.0) -> Http:
    return Http(attempts=attempts, backoff=0.01, max_wait=max_wait, connect_timeout=2.0, read_timeout=read_timeout)


def fetch(downloader: Downloader, address: str, checksum: str | None = None, max_bytes: int = LIMIT) -> bytes:
    return downloader.fetch(address, max_bytes=max_bytes, checksum=checksum).read_bytes()


def failing(downloader: Downloader, address: str, checksum: str | None = None, max_bytes: int = LIMIT) -> DownloadError:
    with pytest.raises(DownloadError) as caught:
        downloader.fetch(address, max_bytes=max_bytes, checksum=checksum)
    return caught.value


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def damage(file: Path) -> None:
    """Change one byte of a file, and nothing of its size."""
    file.chmod(0o644)
    with file.open("r+b") as opened:
        first = opened.read(1)
        opened.seek(0)
        opened.write(bytes([first[0] ^ 1]))


def start_fetching(address: str, cache_folder: Path) -> subprocess.Popen[bytes]:
    """Another process that fetches `address` into `cache`."""
    program = (
        "import sys, pathlib; from mkg4rec.params import Http; from mkg4rec.download.downloader import Downloader, Mirror\n"
        "settings = Http(attempts=3, backoff=0.01, max_wait=0.05, connect_timeout=2.0, read_timeout=5.0)\n"
        "Downloader(settings, Mirror(), pathlib.Path(sys.argv[2])).fetch(sys.argv[1], max_bytes=10**9, checksum=None)"
    )
    return subprocess.Popen([sys.executable, "-c", program, address, str(cache_folder)], env=os.environ | {"PYTHONPATH": str(ROOT)})


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "the other process did not come so far"
        time.sleep(0.01)


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Make `folder` a disk of 128 KiB; the test is skipped where that is not allowed."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", folder], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small disk: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
