"""Chosen values in params.yaml: they are written, and nothing else changes."""

import difflib
import re
import shutil
from pathlib import Path

import pytest

from mkg4rec import params
from mkg4rec.tuning.choice import write_tuned
from tests.conftest import ROOT

MADE_UP = "tuned:\n  demo: {}\n  books:\n    ease: {regularization: 600, kept: null}  # by hand\n    other:\n      rate: 0.10  # why\n"


@pytest.mark.parametrize(
    ("dataset", "model", "values", "removed", "added"),
    [
        ("demo", "ease", {"rate": 1e-05}, ["  demo: {}"], ["  demo:", "    ease: {rate: 1e-05}  # best"]),
        (
            "books",
            "ease",
            {"regularization": 5.5},
            ["    ease: {regularization: 600, kept: null}  # by hand"],
            ["    ease: {regularization: 5.5, kept: null}  # best"],
        ),
        ("books", "new", {"widths": [64, 32]}, [], ["    new: {widths: [64, 32]}  # best"]),
        ("films", "ease", {"loss": "bpr"}, [], ["  films:", "    ease: {loss: bpr}  # best"]),
    ],
)
def test_one_entry_changes(
    tmp_path: Path, dataset: str, model: str, values: dict[str, object], removed: list[str], added: list[str]
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(MADE_UP, encoding="utf-8")
    write_tuned(dataset, model, values, "best", path)
    assert _difference(MADE_UP, path.read_text(encoding="utf-8")) == (removed, added)


def test_an_entry_keeps_what_is_said_of_its_values(tmp_path: Path) -> None:
    before = "run:\n  models:\n    - ease\ntuned:\n  demo:\n    ease:\n      rate: 1  # by hand\n    # of another\n    other: {}\n"
    path = tmp_path / "params.yaml"
    path.write_text(before, encoding="utf-8")
    write_tuned("demo", "ease", {"rate": 2, "widths": 3}, "best", path)
    removed, added = _difference(before, path.read_text(encoding="utf-8"))
    assert removed == ["    ease:", "      rate: 1  # by hand"]
    assert added == ["    ease:  # best", "      widths: 3", "      rate: 2  # by hand"]


def test_entries_on_one_line_get_lines_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("tuned: {demo: {ease: {rate: 1}, other: {}}}\n", encoding="utf-8")
    write_tuned("demo", "ease", {"rate": 2}, "best", path)
    assert path.read_text(encoding="utf-8") == "tuned:\n  demo:\n    ease: {rate: 2}  # best\n    other: {}\n"


@pytest.mark.parametrize(("begin", "end"), [("---\n", ""), ("", "...\n"), ("---\n", "...\n")])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends_and_marks_of_the_document_stay(tmp_path: Path, begin: str, end: str, line_end: str) -> None:
    path = tmp_path / "params.yaml"
    before, after = ("tuned:\n  demo:\n    ease: {rate: " + value + "  # best\n" for value in ("1}", "2}"))
    path.write_bytes((begin + before + end).replace("\n", line_end).encode())
    write_tuned("demo", "ease", {"rate": 2}, "best", path)
    assert path.read_bytes().decode() == (begin + after + end).replace("\n", line_end)


def test_the_project_s_own_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    write_tuned("demo", "ease", {"regularization": 1e-05}, "best", path)
    removed, added = _difference((ROOT / "params.yaml").read_text(encoding="utf-8"), path.read_text(encoding="utf-8"))
    assert len(removed) <= 1
    assert added[-1] == "    ease: {regularization: 1e-05}  # best"
    assert len(added) <= 2
    # dvc writes such numbers without a point, too.
    assert params.load(path).hyperparameters("demo", "ease") == {"regularization": 1e-05}


def _difference(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came; how far to the right their comments stand is left to the YAML library."""
    lines = [re.sub(" +#", "  #", line) for line in difflib.ndiff(before.splitlines(), after.splitlines())]
    return [line[2:] for line in lines if line.startswith("- ")], [line[2:] for line in lines if line.startswith("+ ")]
