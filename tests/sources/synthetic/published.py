"""The demo catalogue, and where its published files lie."""

from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from mkg4rec import params
from mkg4rec.dataset_params import Sources, Synthetic
from mkg4rec.sources.synthetic.world import Film, World
from tests.conftest import ROOT

DEMO = params.load(ROOT / "params.yaml").dataset("demo")
assert isinstance(DEMO.sources, Sources)
SOURCES = DEMO.sources
SMALL = Synthetic(seed=3, users=40, items=48, entities=150, interactions=480)


def at(folder: Path, address: str) -> Path:
    parts = urlsplit(address)
    return folder / parts.netloc / parts.path[1:]


def linked(world: World) -> list[Film]:
    return [film for film in world.films if film.linked]


def positives(world: World) -> NDArray[np.bool_]:
    """(viewers, linked films) whether the rating is 3 or more."""
    column = {film.movie_id: index for index, film in enumerate(linked(world))}
    matrix = np.zeros((len(world.viewers), len(column)), dtype=bool)
    for rating in world.ratings:
        if rating.rating >= 3 and rating.movie_id in column:
            matrix[rating.user_id - 1, column[rating.movie_id]] = True
    return matrix
