"""docs/own-data.md, command by command, in a temporary clone."""

import re

import numpy as np
import pytest
import yaml

from mkg4rec.dataset_params import FileSources
from mkg4rec.own_params import RecBoleSources
from mkg4rec.tables import CATALOGUE
from stages.layout import Layout
from tests.conftest import ROOT
from tests.pipeline.clone import Clone, Finished

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

PAGE = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
LAYOUT = Layout("reading-club")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def clone(fresh: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = Clone.of_working_tree(tmp_path_factory.mktemp("own-data") / "clone", fresh.environment)
    clone.commit("Begin")
    return clone


@pytest.fixture(scope="module")
def followed(clone: Clone) -> dict[str, Finished]:
    """What each command of the page said."""
    commands = [line for block in _blocks("sh") for line in block.splitlines()]
    return {command: clone.succeed("bash", "-c", command) for command in commands}


def test_the_first_repro_builds_all_of_it(followed: dict[str, Finished], clone: Clone) -> None:
    stages = followed["dvc repro"].stages
    assert {"validate", "bring@reading-club", "train@reading-club-ease", "report@reading-club"} <= set(stages)
    assert (clone.path / LAYOUT.metrics("multi_kg4rec")).exists()
    assert {stage.partition("@")[2].partition("-")[0] for stage in stages if "@" in stage} == {"reading"}
    assert (clone.path / LAYOUT.report / "index.html").exists()


def test_a_changed_file_reruns_what_follows_and_nothing_else(followed: dict[str, Finished]) -> None:
    again = followed["dvc repro evaluate@reading-club-ease"].stages
    # encoder_inputs looks into own/, and finds nothing that would make the encoder another one.
    assert again == [f"{stage}@reading-club" for stage in ("bring", "download", "prepare", "link", "encoder_inputs", "split")] + [
        f"{stage}@reading-club-ease" for stage in ("train", "evaluate")
    ]


def test_what_is_handed_on_has_all_items(followed: dict[str, Finished], clone: Clone) -> None:
    assert followed
    items = len(CATALOGUE.read(clone.path / LAYOUT.catalogue))
    folder = clone.path / "exported" / "mmrec" / "reading-club"
    assert [len(np.load(folder / f"{name}_feat.npy")) for name in ("image", "text")] == [items, items] == [30, 30]
    folder = clone.path / "exported" / "recbole" / "reading-club"
    lines = {part: (folder / f"reading-club{part}.inter").read_text().count("\n") - 1 for part in ("", ".train", ".valid", ".test")}
    assert lines[""] == lines[".train"] + lines[".valid"] + lines[".test"] == 316


def test_the_descriptions_on_the_page_are_right() -> None:
    files, linked, atomic = ({"sources": None} | yaml.safe_load(block) for block in _blocks("yaml")[:3])
    FileSources.model_validate(files["sources"])
    FileSources.model_validate(linked["sources"])
    RecBoleSources.model_validate(atomic["sources"])
    example = yaml.safe_load((ROOT / "examples" / "own-data" / "dataset.yaml").read_text(encoding="utf-8"))
    assert example["reading-club"]["sources"] == files["sources"]
