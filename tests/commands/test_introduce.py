"""What may stand in the file that describes a new item, and what is said of it where the rest of the catalogue says nothing."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest
import torch

from mkg4rec.commands.introduce import Description, _read, _tell, introduce
from mkg4rec.errors import PipelineError
from mkg4rec.newcomers import NewcomerScores
from tests.conftest import ROOT


def test_a_key_that_is_left_empty_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new.yaml"
    path.write_text("title: 東京 🎬\ndescription:\nyear:\nposter:\npage:\nfacts:\n", encoding="utf-8")
    assert _read(path) == Description(title="東京 🎬")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title:\n", "title: this key is missing"),
        ('title: "  "\n', "title: "),
        (f"title: A\nyear: {10**400}\n", "new.yaml:2: year: "),
        ('title: A\nposter: ""\n', "new.yaml:2: poster: "),
        ("- A\n", "the file: Input should be a valid dictionary"),
    ],
)
def test_what_no_item_can_be_is_told_by_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "new.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PipelineError, match=complaint):
        _read(path)


def test_a_folder_is_no_description(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="cannot be read"):
        _read(tmp_path)


def test_a_file_where_results_should_go_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "new.yaml"
    path.write_text("title: A\n", encoding="utf-8")
    with pytest.raises(PipelineError, match="not a folder"):
        introduce("demo", "ease", path, path)
    with pytest.raises(PipelineError, match="no model 'smell'"):
        introduce("demo", "smell", path, None)


@dataclass
class Given:
    """How much each of some items says of the newcomer."""

    warm: torch.Tensor
    column: torch.Tensor


@pytest.mark.parametrize(("column", "said"), [([0.0, 0.3, 0.0], "speaks through: B\n"), ([0.0, 0.0, 0.0], "speaks through: no item;")])
def test_only_what_is_like_it_speaks_for_it(column: list[float], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    scorer = cast(NewcomerScores, Given(torch.arange(3), torch.tensor(column)))
    _tell(scorer, torch.zeros(2), torch.tensor([2, 1]), pa.array([7, 8]), pa.chunked_array([["A", "B", "C"]]))
    told = capsys.readouterr().out
    assert said in told
    assert told.index("8: place 1") < told.index("7: place 2")
