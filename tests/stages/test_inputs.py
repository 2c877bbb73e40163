"""Where a training keeps its checkpoint: another training never goes on from it."""

import json
from pathlib import Path

import pytest

from mkg4rec.errors import PipelineError
from stages.inputs import checkpoint_path
from stages.layout import Layout
from tests.worlds import checkerboard


def test_a_training_with_other_values_has_a_checkpoint_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    layout, (data, _) = Layout("demo"), checkerboard()
    values = {"learning_rate": 0.1, "max_epochs": 5}
    layout.gathered("bpr_mf").parent.mkdir(parents=True)
    layout.gathered("bpr_mf").write_text(json.dumps({"hyperparameters": values, "train": {"seed": 0}}), encoding="utf-8")
    path = checkpoint_path(layout, "bpr_mf", values, 0, data)
    # On a share of the train part a model may take values of its own, of which what is gathered for `train` says nothing.
    assert checkpoint_path(layout, "bpr_mf", values | {"learning_rate": 0.2}, 0, data) != path
    assert checkpoint_path(layout, "bpr_mf", values, 1, data) != path
    # With more epochs it goes on.
    assert checkpoint_path(layout, "bpr_mf", values | {"max_epochs": 9}, 0, data) == path


def test_a_training_of_what_is_not_gathered_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=r"data/demo/gathered/bpr_mf\.json: there is no such file; `dvc repro` makes it"):
        checkpoint_path(Layout("demo"), "bpr_mf", {}, 0, checkerboard()[0])
