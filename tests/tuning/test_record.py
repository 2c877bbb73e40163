"""The table of a search."""

from pathlib import Path

import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.tuning import record
from mkg4rec.tuning.record import Training
from mkg4rec.tuning.study import Trial

TRAININGS = [
    Training(0, 0, {"rate": 0.00001, "loss": "bpr", "widths": [64, 32]}, 0.25, 7, 12.5, "tune-demo-model-00"),
    Training(0, 1, {"rate": 0.00001, "loss": "bpr", "widths": [64, 32]}, 0.75, 9, 14.0, "tune-demo-model-01"),
    Training(1, 0, {"rate": 3, "loss": "softmax", "widths": []}, 0.5, 1, None, "tune-demo-model-10"),
    Training(1, 1, {"rate": 3, "loss": "softmax", "widths": []}, None, None, None, "tune-demo-model-11"),
]


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "model.csv"
    record.write(path, TRAININGS, "0a1b")
    assert record.read(path, "0a1b") == TRAININGS
    header, first, *_ = path.read_text(encoding="utf-8").splitlines()
    assert header == "trial,seed,rate,loss,widths,ndcg@20,epoch,seconds,experiment,inputs"
    assert first == '0,0,1e-05,bpr,"[64, 32]",0.25,7,12.5,tune-demo-model-00,0a1b'


def test_that_of_another_search_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "model.csv"
    assert record.read(path, "0a1b") == []
    record.write(path, TRAININGS, "0a1b")
    assert record.read(path, "ffff") == []


@pytest.mark.parametrize("content", ["", "\n", "trial,seed,rate\n\n", "<<<<<<< HEAD\n0,0\n", "a,b,c,d,e,f,g,h\nx,0,1,2,3,4,5,0a1b\n"])
def test_what_is_no_table_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "model.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PipelineError, match=r"model\.csv: not the table of a search"):
        record.read(path, "0a1b")


def test_a_trial_counts_by_its_mean_and_fails_with_any_of_its_trainings() -> None:
    assert record.trials(TRAININGS) == [Trial(TRAININGS[0].values, 0.5), Trial(TRAININGS[2].values, None)]
