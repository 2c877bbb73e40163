"""The small demo catalogue, built once by the real `dvc repro`, and copies of it to change."""

from pathlib import Path

import pytest

from tests.pipeline.clone import Clone, Finished, clean_environment

USERS, ITEMS, INTERACTIONS = 80, 60, 1100
SMALL = {
    "datasets.demo.synthetic.users": USERS,
    "datasets.demo.synthetic.items": ITEMS,
    "datasets.demo.synthetic.entities": 160,
    "datasets.demo.synthetic.interactions": INTERACTIONS,
    "datasets.demo.encoder.epochs": 2,
    "models.multi_kg4rec.max_epochs": 2,
    "models.multi_kg4rec.batch_size": 256,
    "models.multi_kg4rec.num_blocks": 2,
}


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone of the working tree with a small demo catalogue, committed; nothing is built."""
    folder = tmp_path_factory.mktemp("pipeline")
    clone = Clone.of_working_tree(folder / "clone", clean_environment(folder / "home"))
    for key, value in SMALL.items():
        clone.set(key, value)
    # The lock is of the catalogue at its full size, and dvc would read it at every stage.
    (clone.path / "dvc.lock").unlink()
    clone.commit("Shrink the demo catalogue")
    return clone


@pytest.fixture(scope="session")
def first_repro(fresh: Clone) -> Finished:
    """What the first `dvc repro` said; what it left for git is committed."""
    done = fresh.succeed("dvc", "repro")
    fresh.commit("Build the demo catalogue")
    return done


@pytest.fixture(scope="session")
def built(fresh: Clone, first_repro: Finished) -> Clone:
    """The clone after the first `dvc repro`: to look at, not to change."""
    assert first_repro.code == 0
    return fresh


@pytest.fixture
def clone(built: Clone, tmp_path: Path) -> Clone:
    """A copy of the built clone, to do with what one likes."""
    return built.copy(tmp_path / "clone")
