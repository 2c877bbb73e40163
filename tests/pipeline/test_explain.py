"""Explanations at the command line, on the demo catalogue that is built."""

import json

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.slow, pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

EXPLAIN = ("python", "-m", "mkg4rec", "explain", "demo")


def test_explains_what_is_recommended_by_names_numbers_and_a_figure(clone: Clone) -> None:
    best = pq.read_table(clone.path / "results/demo/multi_kg4rec/top_lists.parquet").to_pylist()[0]
    titles = {row["item_id"]: row["title"] for row in pq.read_table(clone.path / "data/demo/link/catalogue.parquet").to_pylist()}
    train = pq.read_table(clone.path / "data/demo/split/train.parquet").to_pylist()

    told = clone.succeed(*EXPLAIN, "multi_kg4rec", str(best["user_id"]), str(best["item_id"]), "--to", "why").output

    document = json.loads((clone.path / "why/explanation.json").read_text(encoding="utf-8"))
    assert document["score"] == pytest.approx(best["score"], abs=1e-3)
    assert f"{titles[best['item_id']]} [{best['item_id']}]" in told
    assert len(document["paths"]) == 10
    for path in document["paths"]:
        assert path["nodes"][0]["id"] == best["user_id"]
        assert path["nodes"][-1] == {"kind": "item", "id": best["item_id"], "name": titles[best["item_id"]]}
        assert len(path["edges"]) == len(path["nodes"]) - 1
    assert sum(document["modalities"].values()) == pytest.approx(1, abs=1e-5)
    taken = {row["item_id"] for row in train if row["user_id"] == best["user_id"]}
    assert document["history_length"] == len(taken)
    assert {item["id"] for item in document["history"]} <= taken
    with Image.open(clone.path / "why/explanation.png") as picture:
        assert picture.format == "PNG"


def test_a_model_on_item_graphs_tells_of_films_that_are_near_each_other(clone: Clone) -> None:
    best = pq.read_table(clone.path / "results/demo/ease/top_lists.parquet").to_pylist()[0]
    clone.set("run.models", ["siger"])
    clone.set("models.siger.max_epochs", 3)
    clone.succeed("dvc", "repro", "train@demo-siger")
    told = clone.succeed(*EXPLAIN, "siger", str(best["user_id"]), str(best["item_id"]), "--to", "why").output
    document = json.loads((clone.path / "why/explanation.json").read_text(encoding="utf-8"))
    relations = {edge["relation"] for path in document["paths"] for edge in path["edges"]}
    assert "interacts" in relations
    assert relations <= {"interacts", "near by visual", "near by text", "taken together"}
    assert len(relations) > 1
    assert "taken together" in told or "near by" in told
    assert sum(document["modalities"].values()) == pytest.approx(1, abs=1e-5)


def test_kgcn_tells_of_facts_and_that_the_history_has_no_part_in_its_scores(clone: Clone) -> None:
    best = pq.read_table(clone.path / "results/demo/ease/top_lists.parquet").to_pylist()[0]
    clone.set("run.models", ["kgcn"])
    clone.set("models.kgcn.max_epochs", 3)
    clone.succeed("dvc", "repro", "train@demo-kgcn")
    told = clone.succeed(*EXPLAIN, "kgcn", str(best["user_id"]), str(best["item_id"]), "--to", "why").output
    document = json.loads((clone.path / "why/explanation.json").read_text(encoding="utf-8"))
    assert document["remarks"][0] in told
    assert "no item of its history has a part in the score" in told
    assert document["paths"] or document["facts_apart"]
    for edge in [*(path["edges"][-1] for path in document["paths"]), *document["facts_apart"]]:
        assert edge["attention_to_item"] > 0
        assert edge["relation"] != "interacts"
    assert {item["score_drop"] for item in document["history"]} == {0.0}


def test_a_blend_is_explained_by_its_member_on_the_graph(clone: Clone) -> None:
    best = pq.read_table(clone.path / "results/demo/ease/top_lists.parquet").to_pylist()[0]
    clone.set("models.multi_kg4rec_plus", "{variant_of: blend, members: [ease, lightgcn]}")
    clone.set("models.lightgcn.max_epochs", 3)
    clone.set("run.models", ["multi_kg4rec_plus"])
    clone.succeed("dvc", "repro", "train@demo-multi_kg4rec_plus")
    told = clone.succeed(*EXPLAIN, "multi_kg4rec_plus", str(best["user_id"]), str(best["item_id"]), "--to", "why").output
    document = json.loads((clone.path / "why/explanation.json").read_text(encoding="utf-8"))
    members = document["blend"]["members"]
    assert document["score"] == pytest.approx(sum(member["part"] for member in members))
    assert document["blend"]["explained_member"] == "lightgcn"
    assert [member["model"] for member in members] == ["ease", "lightgcn"]
    assert "a blend: lightgcn has the weight" in told
    assert document["paths"]


def test_measures_whether_explanations_are_true(clone: Clone) -> None:
    told = clone.succeed(*EXPLAIN, "multi_kg4rec", "--faithfulness", "--pairs", "25", "--to", "why").output
    document = json.loads((clone.path / "why/faithfulness.json").read_text(encoding="utf-8"))
    assert document["pairs"] == 25
    assert document["random"]["low"] > 0
    assert document["matched"]["low"] > 0
    assert f"{document['random']['difference']:.4f}" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ease", "1", "1"), "ease does not score by messages over a graph"),
        (("lightgcn", "1", "1"), "lightgcn is not trained on demo; run `dvc repro train@demo-lightgcn`"),
        (("multi_kg4rec", "nobody", "1"), "demo has no user 'nobody'"),
        (("multi_kg4rec", "1", "nothing"), "demo has no item 'nothing'"),
        (("no_model", "1", "1"), "there is no model 'no_model'"),
    ],
)
def test_what_cannot_be_explained_is_said_in_a_line(clone: Clone, arguments: tuple[str, ...], message: str) -> None:
    failed = clone.run(*EXPLAIN, *arguments)
    assert failed.code != 0
    assert message in failed.output
    assert "Traceback" not in failed.output
