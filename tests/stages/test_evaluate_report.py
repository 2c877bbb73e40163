"""The stages evaluate and report, run as a user runs them, on a small world in an empty folder."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.report.case_study import attention_table
from mkg4rec.tables import ATTENTION, CATALOGUE, COLD_PER_USER, ENTITIES, INTERACTIONS, PER_USER, POSTERS, RELATIONS, TOP_LISTS
from stages import evaluate, report
from stages.inputs import training_data
from stages.layout import Layout
from tests.conftest import ROOT
from tests.evaluation.synthetic import literal_accuracy, literal_list, split
from tests.report.synthetic import per_user_table, poster

DATASET = "ml-1m"
NUM_USERS, NUM_ITEMS = 30, 70
USER_IDS = 10 * np.arange(1, NUM_USERS + 1)
ITEM_IDS = [f"{number:010}" for number in range(NUM_ITEMS)]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.bool_]]:
    """A folder with params.yaml, catalogue, split and posters, made the current one; gives the parts of the split."""
    monkeypatch.chdir(tmp_path)
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["run"] |= {"datasets": [DATASET], "models": ["multi_kg4rec", "ease"]}
    params["tuned"][DATASET]["ease"] = {"regularization": 10}
    params["evaluate"]["device"] = "cpu"
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")

    parts = split(np.random.default_rng(0), NUM_USERS, NUM_ITEMS)
    parts[0][:, 0] = True
    parts[1][:, 0] = parts[2][:, 0] = False
    parts[2][4] = False
    layout = Layout(DATASET)
    for name, dense in zip(("train", "valid", "test"), parts, strict=True):
        INTERACTIONS.write(interactions_table(dense), layout.split(name))
    INTERACTIONS.write(interactions_table(parts[0]).slice(0, 0), layout.split("dislikes"))
    catalogue = {
        "item_id": ITEM_IDS,
        "entity": [f"m.{number}" for number in range(NUM_ITEMS)],
        "title": [f"<b>Title {number}</b>" for number in range(NUM_ITEMS)],
        "year": pa.array([1990] * NUM_ITEMS, pa.int32()),
        "genres": [["Drama"]] * NUM_ITEMS,
    }
    CATALOGUE.write(pa.table(catalogue), layout.catalogue)
    INTERACTIONS.write(interactions_table(parts[0] | parts[1] | parts[2]), layout.positives)
    attributes = [None] * NUM_ITEMS
    ENTITIES.write(
        pa.table({"entity": catalogue["entity"], "item_id": ITEM_IDS, "name": pa.array(attributes, pa.string())}), layout.entities
    )
    RELATIONS.write(pa.table({"relation": ["film.director"], "triplets": pa.array([5])}), layout.relations)
    size = pa.array([1] * 20, pa.int32())
    images = [poster("teal")] * 20
    POSTERS.write(pa.table({"item_id": ITEM_IDS[:20], "image": images, "sha256": [""] * 20, "width": size, "height": size}), layout.posters)
    return parts


def interactions_table(dense: NDArray[np.bool_]) -> pa.Table:
    users, items = dense.nonzero()
    return pa.table(
        {
            "user_id": USER_IDS[users],
            "item_id": [ITEM_IDS[item] for item in items],
            "rating": np.full(len(users), 4, dtype=np.float32),
            "timestamp": np.arange(len(users)),
        }
    )


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m …` in the current folder."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", *arguments], env=environment, capture_output=True, text=True, check=False)


def run(*arguments: str) -> str:
    finished = python(*arguments)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def train_ease() -> NDArray[np.float32]:
    """Fit and save EASE; gives its users × items scores."""
    layout = Layout(DATASET)
    data = training_data(layout, torch.device("cpu"))
    model = registry.create("ease", {"regularization": 10}, data)
    assert isinstance(model, ClosedForm)
    model.fit()
    layout.model("ease").mkdir(parents=True)
    model.save(layout.model("ease"), data)
    scores: NDArray[np.float32] = model.scorer().score(torch.arange(NUM_USERS)).numpy()
    return scores


def test_evaluate_writes_what_a_loop_over_users_finds(world: list[NDArray[np.bool_]]) -> None:
    train, valid, test = world
    scores = train_ease()

    run("stages.evaluate", DATASET, "ease")

    layout = Layout(DATASET)
    metrics = json.loads(layout.metrics("ease").read_text())
    per_user = PER_USER.read(layout.per_user("ease"))
    top_lists = TOP_LISTS.read(layout.top_lists("ease"))
    users = np.flatnonzero(test.any(axis=1))
    assert metrics["users"] == len(users) == NUM_USERS - 1
    assert per_user["user_id"].to_pylist() == USER_IDS[users].tolist()
    assert per_user["relevant"].to_pylist() == test.sum(axis=1)[users].tolist()
    rows = top_lists.to_pylist()
    for number, user in enumerate(users):
        items = literal_list(scores[user], train[user] | valid[user], 50)
        relevant = set(np.flatnonzero(test[user]).tolist())
        own = [row for row in rows if row["user_id"] == USER_IDS[user]]
        assert [row["item_id"] for row in own] == [ITEM_IDS[item] for item in items]
        assert [row["rank"] for row in own] == list(range(1, len(items) + 1))
        assert [row["hit"] for row in own] == [item in relevant for item in items]
        for k in (10, 20, 50):
            actual = [per_user[f"{name}@{k}"][number].as_py() for name in ("recall", "mrr", "ndcg")]
            assert actual == pytest.approx(literal_accuracy(items, relevant, k))
    assert metrics["ndcg@20"] == pytest.approx(np.mean(per_user["ndcg@20"].to_numpy()), rel=1e-5)
    assert list(metrics)[:4] == ["users", "recall@10", "mrr@10", "ndcg@10"]


@pytest.mark.usefixtures("world")
def test_evaluate_twice_gives_the_same_bytes() -> None:
    train_ease()
    layout = Layout(DATASET)
    written = []

    for _ in range(2):
        evaluate.main(DATASET, "ease")
        written.append([path("ease").read_bytes() for path in (layout.metrics, layout.per_user, layout.top_lists)])

    assert written[0] == written[1]


def write_results() -> None:
    """Results, training logs and the case study of two made-up models."""
    layout = Layout(DATASET)
    generator = np.random.default_rng(1)
    for model, strength, epochs in (("ease", 0.3, 1), ("multi_kg4rec", 0.25, 4)):
        ndcg = generator.random(NUM_USERS) * strength
        mean = float(ndcg.mean())
        metrics = {"users": NUM_USERS, "recall@20": mean, "mrr@20": mean, "ndcg@20": mean, "coverage@20": 0.5}
        layout.metrics(model).parent.mkdir(parents=True, exist_ok=True)
        layout.metrics(model).write_text(json.dumps(metrics))
        PER_USER.write(per_user_table(ndcg, pa.array(USER_IDS)), layout.per_user(model))
        lists = [generator.permutation(NUM_ITEMS)[:50] for _ in USER_IDS]
        rows = {
            "user_id": np.repeat(USER_IDS, 50),
            "rank": np.tile(np.arange(1, 51, dtype=np.int32), NUM_USERS),
            "item_id": [ITEM_IDS[item] for items in lists for item in items],
            "score": np.zeros(50 * NUM_USERS, dtype=np.float32),
            "hit": generator.random(50 * NUM_USERS) < 0.2,
        }
        TOP_LISTS.write(pa.table(rows), layout.top_lists(model))
        sides = ["visual", "text"] if model == "multi_kg4rec" else []
        shares = np.full((10, len(sides)), 0.5, np.float32)
        ATTENTION.write(attention_table(pa.table(rows)[:10], sides, shares, CATALOGUE.read(layout.catalogue)), layout.attention(model))
        layout.training(model).mkdir(parents=True)
        (layout.training(model) / "loss.csv").write_text(
            "epoch,loss\n" + "".join(f"{epoch},{1 / epoch}\n" for epoch in range(1, epochs + 1))
        )
        validation = "".join(f"{epoch},0.1,0.2,{0.01 * epoch}\n" for epoch in range(1, epochs + 1))
        (layout.training(model) / "validation.csv").write_text(f"epoch,recall@20,mrr@20,ndcg@20\n{validation}")
    layout.case_figure("multi_kg4rec", USER_IDS[0]).write_bytes(b"\x89PNG")


@pytest.mark.usefixtures("world")
def test_report_writes_tables_figures_and_a_page_twice_the_same() -> None:
    write_results()
    folder = Layout(DATASET).report
    written = []

    for write in (lambda: run("stages.report", DATASET), lambda: report.main(DATASET)):
        write()
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})

    tables = {f"{table}.{form}" for table in ("metrics", "statistics") for form in ("csv", "md", "png")}
    assert set(written[0]) == {"index.html", "training.png", *tables}
    assert written[0] == written[1]
    page = written[0]["index.html"].decode()
    assert page.count("<h3>User ") == 6
    assert page.count('src="data:image/png') == 4
    assert f"How multi_kg4rec divides its attention for user {USER_IDS[0]}" in page
    assert "http" not in page
    assert "&lt;b&gt;Title" in page
    assert "multi_kg4rec" in written[0]["metrics.md"].decode()


@pytest.mark.usefixtures("world")
def test_report_has_cold_items_over_all_seeds() -> None:
    write_results()
    settings = yaml.safe_load(Path("params.yaml").read_text())
    settings["run"] |= {"models": ["ease"], "cold": ["ease"], "repeats": [3]}
    Path("params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    layout = Layout(DATASET)
    names = [column.name for column in COLD_PER_USER.columns if column.name != "user_id"]
    for seed, value in ((None, 0.2), (3, 0.4)):
        layout.cold_metrics("ease", seed).parent.mkdir(parents=True, exist_ok=True)
        layout.cold_metrics("ease", seed).write_text(json.dumps({"warm_recall@20": value, "warm_ndcg@20": value}))
        table = {name: pa.array([value if name.startswith("warm") else None] * NUM_USERS, pa.float64()) for name in names}
        COLD_PER_USER.write(pa.table({"user_id": USER_IDS, **table}), layout.cold_per_user("ease", seed))
    layout.metrics("ease", 3).parent.mkdir(parents=True)
    layout.metrics("ease", 3).write_bytes(layout.metrics("ease").read_bytes())
    PER_USER.write(PER_USER.read(layout.per_user("ease")), layout.per_user("ease", 3))

    report.main(DATASET)

    row = (layout.report / "cold.md").read_text().splitlines()[-1]
    assert row == "| ease | 0.3000 ± 0.1414 | 0.3000 ± 0.1414 | cannot | cannot | cannot | cannot | 2 |"


@pytest.mark.usefixtures("world")
def test_report_says_which_model_was_not_evaluated() -> None:
    with pytest.raises(PipelineError, match=rf"metrics/{DATASET}/multi_kg4rec\.json: there is no such file; `dvc repro`"):
        report.main(DATASET)

    assert not Layout(DATASET).report.exists()


@pytest.mark.usefixtures("world")
def test_summary_shows_what_there_is_and_where_to_look() -> None:
    assert "not evaluated yet: multi_kg4rec, ease; `dvc repro` does it" in run("mkg4rec", "summary")

    write_results()
    Layout(DATASET).per_user("ease").unlink()
    text = run("mkg4rec", "summary")
    lines = text.splitlines()
    assert lines[1].split()[:4] == ["model", "Recall@20", "MRR@20", "NDCG@20"]
    assert [line.split()[0] for line in lines[2:4]] == ["ease", "multi_kg4rec"]
    assert "dvc plots show" in text

    Layout(DATASET).report.mkdir(parents=True)
    (Layout(DATASET).report / "index.html").touch()
    assert f"reports/{DATASET}/index.html" in run("mkg4rec", "summary", DATASET)


@pytest.mark.usefixtures("world")
def test_summary_of_an_unknown_data_set_is_an_error() -> None:
    finished = python("mkg4rec", "summary", "netflix")

    assert finished.returncode == 1
    assert finished.stderr.startswith("error: params.yaml: there is no data set 'netflix'")
