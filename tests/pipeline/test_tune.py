"""A search for hyper-parameters by real dvc experiments: killed in the middle, and started again."""

import csv
import io
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mkg4rec import params
from tests.pipeline.clone import Clone, Finished

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

TRIALS = 3
COMMAND = ("python", "-m", "mkg4rec", "tune", "demo", "ease", "--trials", str(TRIALS), "--jobs", "2")
RECORD = "docs/tuning/demo/ease.csv"


@dataclass(frozen=True)
class Search:
    """A clone after a search that was killed when its first training had ended, and started again."""

    clone: Clone
    before: Clone
    said: Finished
    experiments_when_killed: dict[str, str]

    @property
    def record(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.clone.read(RECORD))))


def _experiments(clone: Clone) -> dict[str, str]:
    """Commits of the finished experiments by name."""
    listed = clone.succeed("git", "for-each-ref", "--format=%(refname:lstrip=4) %(objectname)", "refs/exps/*/*/tune-*").output
    return dict(line.split() for line in listed.splitlines())


@pytest.fixture(scope="module")
def search(built: Clone, tmp_path_factory: pytest.TempPathFactory) -> Search:
    clone = built.copy(tmp_path_factory.mktemp("tune") / "clone")
    finished = clone.path / ".git" / "refs" / "exps"
    clone.kill_when(lambda: any(finished.glob("*/*/tune-*")), *COMMAND)
    experiments = _experiments(clone)
    return Search(clone, built, clone.succeed(*COMMAND), experiments)


def test_every_trial_was_run_once(search: Search) -> None:
    assert 1 <= len(search.experiments_when_killed) < TRIALS
    finished = _experiments(search.clone)
    assert set(finished) == {row["experiment"] for row in search.record}
    assert search.experiments_when_killed.items() <= finished.items()
    queue = search.clone.succeed("dvc", "queue", "status").output
    assert [queue.count(state) for state in ("Success", "Failed", "Running", "Queued")] == [TRIALS, 0, 0, 0]


def test_nothing_but_the_training_was_run(search: Search) -> None:
    logs = [search.clone.succeed("dvc", "queue", "logs", row["experiment"]).output for row in search.record]
    assert {stage for log in logs for stage in Finished(0, log).stages} == {"gather@demo", "train@demo-ease"}


def test_the_record_has_what_every_training_came_to(search: Search) -> None:
    assert [(row["trial"], row["seed"]) for row in search.record] == [(str(trial), "0") for trial in range(TRIALS)]
    assert search.record[0]["regularization"] == "100"
    assert len({row["regularization"] for row in search.record}) == TRIALS
    for row in search.record:
        commit = _experiments(search.clone)[row["experiment"]]
        assert yaml.safe_load(_file(search.clone, commit, "params.yaml"))["tuned"]["demo"]["ease"] == _values(row)
        metrics = json.loads(_file(search.clone, commit, "metrics/demo/validation/ease.json"))
        assert (float(row["ndcg@20"]), int(row["epoch"])) == (metrics["ndcg@20"], metrics["epoch"])


def test_the_best_values_are_in_params_yaml_and_all_else_stays(search: Search) -> None:
    best = max(search.record, key=lambda row: float(row["ndcg@20"]))
    tuned, before_it = (params.load(clone.path / "params.yaml").tuned["demo"] for clone in (search.clone, search.before))
    assert tuned == before_it | {"ease": _values(best)}
    before, after = (clone.read("params.yaml").splitlines() for clone in (search.before, search.clone))
    assert not [line for line in before if line not in after]
    (added,) = [line for line in after if line not in before]
    remark = f"trial {best['trial']} of {TRIALS}, validation NDCG@20 {float(best['ndcg@20']):.4f}: {RECORD}"
    assert added.endswith(f"  # {remark}")
    assert search.said.output.splitlines()[-1].endswith(remark)


def test_the_rest_of_the_workspace_stays(search: Search) -> None:
    changed = search.clone.succeed("git", "status", "--porcelain", "--untracked-files=all").output.splitlines()
    assert set(changed) <= {" M params.yaml", " M dvc.lock", f"?? {RECORD}"}
    assert search.clone.contents("models", "results", "training") == search.before.contents("models", "results", "training")


def test_a_model_that_was_never_trained_is_searched(built: Clone, tmp_path: Path) -> None:
    clone = built.copy(tmp_path / "clone")
    clone.set("run.models", ["ease", "item_knn"])
    clone.succeed("python", "-m", "mkg4rec", "tune", "demo", "item_knn", "--trials", "1")
    (row,) = csv.DictReader(io.StringIO(clone.read("docs/tuning/demo/item_knn.csv")))
    assert float(row["ndcg@20"]) > 0.3


def _values(row: dict[str, str]) -> dict[str, Any]:
    return {"regularization": float(row["regularization"])}


def _file(clone: Clone, commit: str, path: str) -> str:
    return subprocess.run(["git", "show", f"{commit}:{path}"], cwd=clone.path, capture_output=True, check=True, text=True).stdout
