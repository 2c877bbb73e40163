"""`mkg4rec explain` on a small catalogue, with models that are not trained."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch
import yaml

from mkg4rec import params
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.blend import Blend
from mkg4rec.tables import CATALOGUE, ENTITIES, INTERACTIONS, RELATIONS, TRIPLETS, untitled
from stages.inputs import training_data
from stages.layout import Layout
from tests.commands.command_line import Command, command
from tests.conftest import ROOT

LAYOUT = Layout("demo")
USERS, ITEMS, ATTRIBUTES = 6, 8, 3
TITLES = ["Costs $5", *(f"Film {item}" for item in range(1, ITEMS - 1)), untitled(ITEMS - 1)]


@pytest.fixture
def explain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `mkg4rec explain demo` where the tables of a catalogue are; gives what it printed on both streams."""
    monkeypatch.chdir(tmp_path)
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    values["models"]["multi_kg4rec_plus"]["members"] = ["ease", "lightgcn"]
    values["evaluate"]["device"] = "cpu"
    Path("params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    _write_tables()

    return command(monkeypatch, capsys, "explain", "demo")


def _write_tables() -> None:
    items = list(range(ITEMS))
    nodes = [f"m.0{node}" for node in range(ITEMS + ATTRIBUTES)]
    CATALOGUE.write(
        pa.table(
            [items, nodes[:ITEMS], TITLES, [None] * ITEMS, [[]] * ITEMS],
            pa.schema(
                {"item_id": pa.int64(), "entity": pa.string(), "title": pa.string(), "year": pa.int32(), "genres": pa.list_(pa.string())}
            ),
        ),
        LAYOUT.catalogue,
    )
    item_ids, names = pa.array([*items, *[None] * ATTRIBUTES], pa.int64()), [None] * (ITEMS - 1) + ["Known to the graph", "Ann", "Bo", None]
    ENTITIES.write(pa.table({"entity": nodes, "item_id": item_ids, "name": pa.array(names, pa.string())}), LAYOUT.entities)
    RELATIONS.write(pa.table({"relation": ["directed_by", "written_by"], "triplets": [ITEMS, ITEMS]}), LAYOUT.relations)
    facts = sorted({(item, relation, ITEMS + (item + relation) % ATTRIBUTES) for item in items for relation in range(2)})
    ends = zip(("head", "relation", "tail"), zip(*facts, strict=True), strict=True)
    TRIPLETS.write(pa.table({name: pa.array(column, pa.int32()) for name, column in ends}), LAYOUT.triplets)
    parts = {"train": (0, 1, 2), "valid": (3,), "dislikes": ()}
    for part, offsets in parts.items():
        pairs = [(user, (user + offset) % ITEMS) for user in range(USERS) for offset in offsets]
        columns = [[user for user, _ in pairs], [item for _, item in pairs], [4.0] * len(pairs), [0] * len(pairs)]
        schema = pa.schema({"user_id": pa.int64(), "item_id": pa.int64(), "rating": pa.float32(), "timestamp": pa.int64()})
        INTERACTIONS.write(pa.table(columns, schema=schema), LAYOUT.split(part))


def _save(name: str) -> None:
    """The model as it is before training; of a blend with weights that are given."""
    settings, data = params.load(), training_data(LAYOUT, torch.device("cpu"))
    torch.manual_seed(0)
    model: Any = registry.create(settings.base_model(name), settings.hyperparameters("demo", name), data)
    if isinstance(model, Blend):
        for member in model.models.values():
            if isinstance(member, ClosedForm):
                member.fit()
        model.weights = torch.tensor([1.0, 0.3])
    LAYOUT.model(name).mkdir(parents=True)
    model.save(LAYOUT.model(name), data)


def test_items_are_called_what_their_source_calls_them_else_what_the_graph_does(explain: Command) -> None:
    _save("lightgcn")
    told = explain("lightgcn", "0", "0", "--to", "why")
    assert "lightgcn gives user 0 Costs $5 [0] the score" in told
    assert "Film 1 [1]" in told
    assert "gives user 0 Known to the graph [7] the score" in explain("lightgcn", "0", "7", "--to", "why")


def test_explains_kgcn_by_facts(explain: Command) -> None:
    _save("kgcn")
    told = explain("kgcn", "0", "5", "--to", "why")
    document = json.loads(Path("why/explanation.json").read_text(encoding="utf-8"))
    assert document["remarks"][0] in told
    told_of = [path["edges"][-1] for path in document["paths"]] + document["facts_apart"]
    assert told_of
    assert {edge["relation"] for edge in told_of} <= {"directed_by", "written_by"}
    assert [item["score_drop"] for item in document["history"]] == [0.0] * 3
    assert Path("why/explanation.png").exists()
    assert "kgcn on demo: 20 pairs" in explain("kgcn", "--faithfulness", "--pairs", "20", "--to", "why")


def test_explains_a_blend_by_its_member_on_the_graph(explain: Command) -> None:
    _save("multi_kg4rec_plus")
    told = explain("multi_kg4rec_plus", "0", "5", "--to", "why")
    document = json.loads(Path("why/explanation.json").read_text(encoding="utf-8"))
    assert document["blend"]["explained_member"] == "lightgcn"
    members = {member["model"]: member for member in document["blend"]["members"]}
    assert {name: member["weight"] for name, member in members.items()} == pytest.approx({"ease": 1.0, "lightgcn": 0.3})
    settings, data = params.load(), training_data(LAYOUT, torch.device("cpu"))
    values = settings.hyperparameters("demo", "multi_kg4rec_plus")
    score = registry.load("blend", values, LAYOUT.model("multi_kg4rec_plus"), data).score(torch.tensor([0]))[0, 5]
    assert document["score"] == pytest.approx(float(score), abs=1e-5)
    assert "a blend: lightgcn has the weight 0.3 in it" in told
    measured = explain("multi_kg4rec_plus", "--faithfulness", "--pairs", "5", "--to", "why")
    assert "multi_kg4rec_plus, its member lightgcn, on demo: 5 pairs" in measured
    assert json.loads(Path("why/faithfulness.json").read_text(encoding="utf-8"))["explained_member"] == "lightgcn"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ease", "1", "1"), "ease does not score by messages over a graph, so no paths explain it"),
        (("blend", "1", "1"), "blend does not score by messages over a graph"),
        (("kgcn", "1", "1"), "kgcn is not trained on demo"),
        (("multi_kg4rec_plus", "1", "1"), "multi_kg4rec_plus is not trained on demo"),
    ],
)
def test_what_cannot_be_explained_is_said(explain: Command, arguments: tuple[str, ...], message: str) -> None:
    assert message in explain(*arguments, code=1)
