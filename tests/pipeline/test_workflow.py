"""The example workflow of docs/teams.md: its own commands, as a runner would give them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

WORKFLOW = ROOT / "examples" / "github" / "metrics.yaml"


def steps() -> dict[str, str]:
    """The commands of the workflow by their step's name."""
    workflow: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    return {step["name"]: step["run"] for step in workflow["jobs"]["demo"]["steps"] if "run" in step}


def test_the_difference_of_the_metrics_is_posted(clone: Clone, tmp_path: Path) -> None:
    clone.succeed("git", "update-ref", "refs/remotes/origin/main", "HEAD")
    (clone.path / ".venv" / "bin").mkdir(parents=True)
    (clone.path / ".venv" / "bin" / "activate").touch()
    summary = tmp_path / "summary.md"
    runner = clone.with_environment(BASE="main", GITHUB_STEP_SUMMARY=str(summary))
    commands = steps()
    clone.set("evaluate.rare_interactions", 3)
    clone.commit("Call fewer items rare")

    assert "dvc repro" in commands["Build the demo catalogue"]
    runner.succeed("dvc", "repro", "evaluate@demo-ease")
    runner.succeed("bash", "-e", "-c", commands["Compare the metrics with those of the base branch"])
    comment = clone.read("comment.md")
    assert "| metrics/demo/ease.json" in comment
    assert "| rare_ndcg@20" in comment
    assert "| evaluate.rare_interactions | 10" in comment
    assert summary.read_text(encoding="utf-8") == comment
    assert "comment.md" in commands["Post them on the pull request"]


def test_no_secret_is_in_it() -> None:
    values = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["demo"]["env"].values()
    assert all(value.startswith("${{ secrets.") for value in values)
