"""dvc's own commands on the pipeline: experiments, differences, plots, the graph of stages."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipeline.clone import Clone, Finished

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

METRICS = "metrics/demo/multi_kg4rec.json"
VALIDATION = "metrics/demo/validation/multi_kg4rec.json"


@pytest.fixture(scope="module")
def experiment(built: Clone, tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, Finished]:
    """A clone after an experiment with one layer less, and what dvc said."""
    clone = built.copy(tmp_path_factory.mktemp("experiment") / "clone")
    return clone, clone.succeed("dvc", "exp", "run", "--set-param", "models.multi_kg4rec.num_layers=2")


def _json(clone: Clone, *command: str) -> Any:
    return json.loads(clone.succeed("dvc", *command, "--json").output)


def test_an_experiment_trains_and_evaluates_one_model(experiment: tuple[Clone, Finished]) -> None:
    of_model = [f"{stage}@demo-multi_kg4rec" for stage in ("train", "evaluate", "case_study")]
    assert experiment[1].stages == ["validate", "gather@demo", *of_model, "report@demo", "describe@demo"]


def test_params_diff_shows_what_was_changed(experiment: tuple[Clone, Finished]) -> None:
    assert _json(experiment[0], "params", "diff") == {"params.yaml": {"models.multi_kg4rec.num_layers": {"old": 3, "new": 2, "diff": -1}}}


def test_metrics_diff_shows_what_it_did(experiment: tuple[Clone, Finished]) -> None:
    clone, _ = experiment
    before = json.loads(clone.succeed("git", "show", f"HEAD:{METRICS}").output)
    after = json.loads(clone.read(METRICS))
    assert before != after
    changed = _json(clone, "metrics", "diff")
    assert set(changed) == {METRICS, VALIDATION}
    assert changed[METRICS]["ndcg@20"]["old"] == before["ndcg@20"]
    assert changed[METRICS]["ndcg@20"]["new"] == after["ndcg@20"]


def test_metrics_show_has_every_model(experiment: tuple[Clone, Finished]) -> None:
    clone, _ = experiment
    shown = _json(clone, "metrics", "show")[""]["data"]
    assert {name: file["data"] for name, file in shown.items()} == {
        name: json.loads(clone.read(name)) for name in (METRICS, VALIDATION, "metrics/demo/ease.json", "metrics/demo/validation/ease.json")
    }


def test_the_experiment_is_listed(experiment: tuple[Clone, Finished]) -> None:
    clone, said = experiment
    (name,) = clone.succeed("dvc", "exp", "list", "--name-only").output.split()
    assert f"Ran experiment(s): {name}" in said.output
    compared = _json(clone, "exp", "diff")
    assert compared["params"]["params.yaml"]["models.multi_kg4rec.num_layers"]["new"] == 2
    assert METRICS in compared["metrics"]


def test_plots_show_draws_the_training_curves(experiment: tuple[Clone, Finished]) -> None:
    clone, _ = experiment
    clone.succeed("dvc", "plots", "show")
    page = clone.read("dvc_plots/index.html")
    for curve, column in (("loss.csv", "loss"), ("validation.csv", "ndcg@20")):
        header, *rows = (line.split(",") for line in clone.read(f"training/demo/multi_kg4rec/{curve}").splitlines())
        assert len(rows) == 2
        for row in rows:
            assert row[header.index(column)] in page
    assert clone.succeed("git", "status", "--porcelain").output.count("dvc_plots") == 0


def test_the_graph_of_stages_leads_from_data_to_report(built: Clone) -> None:
    graph = built.succeed("dvc", "dag", "--dot").output
    for edge in (("download@demo", "prepare@demo"), ("split@demo", "train@demo-ease"), ("evaluate@demo-ease", "report@demo")):
        assert '"{}" -> "{}"'.format(*edge) in graph


def test_a_deleted_model_is_restored_without_training(clone: Clone) -> None:
    models = clone.contents("models")
    shutil.rmtree(clone.path / "models" / "demo")
    repro = clone.succeed("dvc", "repro", "evaluate@demo-ease", "evaluate@demo-multi_kg4rec")
    assert repro.stages == []
    assert sorted(repro.restored) == ["train@demo-ease", "train@demo-multi_kg4rec"]
    assert clone.contents("models") == models


def test_one_target_builds_that_alone(clone: Clone) -> None:
    clone.set("evaluate.block_size", 16)
    assert clone.succeed("dvc", "repro", "evaluate@demo-ease").stages == ["evaluate@demo-ease"]


def test_queued_experiments_go_over_models_and_seeds(clone: Clone) -> None:
    targets = ("train@demo-multi_kg4rec", "train@demo-ease")
    clone.succeed("dvc", "exp", "run", "--queue", "--allow-missing", "--name", "seed", "--set-param", "train.seed=0,1", *targets)
    # dvc's workers live on for seconds, and keep open what the command wrote to.
    clone.succeed("bash", "-c", "dvc exp run --run-all --jobs 2 > ../run-all.log 2>&1")
    logs = [clone.succeed("dvc", "queue", "logs", name).output for name in ("seed-1", "seed-2")]
    assert [Finished(0, log).stages for log in logs] == [[], ["gather@demo", "train@demo-multi_kg4rec"]]

    compared = _json(clone, "metrics", "diff", "seed-1", "seed-2")
    assert set(compared) == {VALIDATION}
    files = (VALIDATION, "metrics/demo/validation/ease.json")
    shown = clone.succeed("dvc", "metrics", "diff", "--all", "--targets", *files, "--", "seed-1", "seed-2").output.splitlines()
    assert shown[0].split() == ["Path", "Metric", "seed-1", "seed-2", "Change"]
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in shown[1:]}
    assert set(rows) == {(file, metric) for file in files for metric in ("epoch", "recall@20", "mrr@20", "ndcg@20")}
    first, second, change = (float(cell) for cell in rows[VALIDATION, "ndcg@20"])
    assert first != second
    assert second - first == pytest.approx(change, abs=1e-4)
    # Nothing about EASE is drawn.
    assert float(rows[files[1], "ndcg@20"][2]) == 0


def test_all_data_sets_are_linked_before_the_first_dump_is_scanned(fresh: Clone, tmp_path: Path) -> None:
    """So that one scan can look for the items of all of them."""
    clone = fresh.copy(tmp_path / "clone")
    params = yaml.safe_load(clone.read("params.yaml"))
    params["run"]["datasets"] = ["demo", "twin"]
    params["datasets"]["twin"], params["tuned"]["twin"] = params["datasets"]["demo"], {}
    (clone.path / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    stages = clone.succeed("dvc", "repro", "--dry", "--force").stages
    assert max(map(stages.index, ("link@demo", "link@twin"))) < min(map(stages.index, ("build_kg@demo", "build_kg@twin")))
