"""A bad server, a cache and a downloader for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mkg4rec.download.addresses import Mirror
from mkg4rec.download.downloader import Downloader
from tests.download.downloads import settings
from tests.download.server import Server, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving() as server:
        yield server


@pytest.fixture
def cache_folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def downloader(cache_folder: Path) -> Downloader:
    return Downloader(settings(), Mirror(), cache_folder)
