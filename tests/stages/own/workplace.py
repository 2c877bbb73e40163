"""A folder in which the stages build a data set that the user brings."""

import copy
import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from mkg4rec.errors import PipelineError
from stages import bring, build_kg, download, fetch_dump, fetch_media, link, prepare, split, validate
from stages.layout import Layout
from tests.conftest import ROOT

NAME = "reading-club"
LAYOUT = Layout(NAME)
EXAMPLE = ROOT / "examples" / "own-data"
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = (bring, download, fetch_dump, prepare, link, fetch_media, build_kg, split)


class Workplace:
    """A folder that looks to the stages like the root of the repository, with the example's files and parameters to change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / LAYOUT.own
        self.params: dict[str, Any] = copy.deepcopy(PARAMS)
        self.dataset: dict[str, Any] = yaml.safe_load((EXAMPLE / "dataset.yaml").read_text(encoding="utf-8"))[NAME]
        self.sources: dict[str, Any] = self.dataset["sources"]
        shutil.copytree(EXAMPLE, self.own)

    def write_params(self) -> None:
        self.params["datasets"] = {NAME: self.dataset}
        self.params |= {"tuned": {NAME: {}}, "tuned_on_less": {}}
        self.params["run"] |= {"datasets": [NAME], "models": ["ease"]}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False), encoding="utf-8")

    def build(self) -> None:
        """Every stage up to the split; the parameters are checked first."""
        self.write_params()
        validate.main()
        for stage in STAGES:
            stage.main(NAME)

    def complaint(self) -> str:
        """What building says to something wrong."""
        with pytest.raises(PipelineError) as error:
            self.build()
        return str(error.value)

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        path = self.own / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def example_rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))


def csv_rows(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def texts(table: pa.Table, *columns: str) -> set[tuple[Any, ...]]:
    return set(zip(*(table[column].to_pylist() for column in columns), strict=True))
