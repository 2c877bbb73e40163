"""The demo catalogue, made and published once."""

from pathlib import Path

import pytest

from mkg4rec.sources.synthetic import make_world, publish
from mkg4rec.sources.synthetic.world import World
from tests.sources.synthetic.published import DEMO, SOURCES


@pytest.fixture(scope="package")
def world() -> World:
    assert DEMO.synthetic is not None
    return make_world(DEMO.synthetic)


@pytest.fixture(scope="package")
def published(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    publish(world, SOURCES, folder)
    return folder
