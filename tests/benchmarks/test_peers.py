"""The comparison with RecBole, all but its speed; RecBole itself is needed only where a test says so."""

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import torch

from benchmarks.peers import __main__ as command_line
from benchmarks.peers import environment, pairs
from benchmarks.peers.ours import Ours
from benchmarks.peers.pairs import PEERS, Sameness
from benchmarks.peers.race import Milestone, run
from benchmarks.peers.sides import Validation
from benchmarks.peers.theirs import RecBole
from mkg4rec.errors import PipelineError
from mkg4rec.export import recbole
from mkg4rec.models import registry
from mkg4rec.models.base import Neural
from mkg4rec.params import load
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, ENTITIES, INTERACTIONS, RELATIONS, TRIPLETS
from stages.built import built_dataset
from stages.layout import Layout
from tests.conftest import ROOT
from tests.worlds import checkerboard

DATASET = "tiny"
INSTALLED = ROOT / command_line.FOLDER / "environment"

ANSWERS = """
import json, sys

settings = json.loads(sys.stdin.readline())
json.dump(settings, open("{seen}", "w"))
print(json.dumps({{"users": {users}, "items": 24, "interactions": 400, "triplets": 0}}), flush=True)
for command in sys.stdin:
    if command == "epoch\\n":
        print(json.dumps({{"seconds": 2.0}}), flush=True)
    else:
        print(json.dumps({{"seconds": 1.0, "ndcg@20": 0.25}}), flush=True)
"""
"""A program that answers as `recbole_process` does, without RecBole; it leaves what it was told in the file `seen`."""


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A data set of four users and three items, made the current one; the last item is in no triplet."""
    monkeypatch.chdir(tmp_path)
    layout = Layout(DATASET)
    identifiers = ["B00A", "B00B", "B00C"]
    taken = {"train": [(1, 0), (1, 1), (2, 0), (3, 2), (4, 1)], "valid": [(2, 1), (3, 0)], "test": [(4, 2)]}
    for part, pairs_of_part in taken.items():
        users, items = zip(*pairs_of_part, strict=True)
        columns = {"user_id": pa.array(users, pa.int64()), "item_id": pa.array([identifiers[item] for item in items])}
        numbers = {"rating": pa.array([4.0] * len(users), pa.float32()), "timestamp": pa.array([0] * len(users), pa.int64())}
        INTERACTIONS.write(pa.table(columns | numbers), layout.split(part))
    mids = ["m.01", "m.02", "m.03"]
    nothing = {"title": ["", "", ""], "year": pa.nulls(3, pa.int32()), "genres": pa.array([[], [], []], pa.list_(pa.string()))}
    CATALOGUE.write(pa.table({"item_id": identifiers, "entity": mids} | nothing), layout.catalogue)
    nothing_told = {"item_id": pa.array([], pa.string()), "text": pa.array([], pa.string()), "sha256": pa.array([], pa.string())}
    DESCRIPTIONS.write(pa.table(nothing_told), layout.descriptions)
    entities = {"entity": [*mids, "m.0x"], "item_id": [*identifiers, None], "name": pa.nulls(4, pa.string())}
    ENTITIES.write(pa.table(entities), layout.entities)
    RELATIONS.write(pa.table({"relation": ["film.film.genre", "film.film.sequel"], "triplets": [1, 1]}), layout.relations)
    triplets = {"head": [0, 0], "relation": [0, 1], "tail": [3, 1]}
    TRIPLETS.write(pa.table({name: pa.array(values, pa.int32()) for name, values in triplets.items()}), layout.triplets)
    return layout


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "answers.py"
    path.write_text(ANSWERS.format(seen=tmp_path / "seen.json", users=40))
    return path


def test_the_other_side_is_told_its_settings_and_answers(program: Path, tmp_path: Path) -> None:
    with RecBole(Path(sys.executable), "BPR", tmp_path / DATASET, {"embedding_size": 4}, program) as theirs:
        assert theirs.sizes["users"] == 40
        assert theirs.epoch() == 2.0
        assert theirs.validate() == Validation(1.0, 0.25)
        assert theirs.step().ndcg == 0.25
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert (seen["model"], seen["dataset"]) == ("BPR", DATASET)
    assert seen["settings"]["embedding_size"] == 4
    assert seen["settings"]["data_path"] == str(tmp_path)
    assert seen["settings"]["benchmark_filename"] == ["train", "valid", "test"]


def test_a_failure_of_the_other_side_is_shown(tmp_path: Path) -> None:
    program = tmp_path / "fails.py"
    program.write_text("raise SystemExit('no such model')")
    with pytest.raises(PipelineError, match="RecBole's BPR fails:\nno such model"):
        RecBole(Path(sys.executable), "BPR", tmp_path / DATASET, {}, program)


def test_another_split_on_the_other_side_is_refused(program: Path, tmp_path: Path) -> None:
    data, _ = checkerboard()
    with RecBole(Path(sys.executable), "BPR", tmp_path, {}, program) as theirs:
        assert len(data.train) == 400
        theirs.check_same(data)
        theirs.sizes["users"] = 39
        with pytest.raises(PipelineError, match=r"'users': 39.* but the data set has .*'users': 40"):
            theirs.check_same(data)


@pytest.fixture
def ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ours:
    """BPR-MF on the checkerboard."""
    monkeypatch.chdir(ROOT)
    torch.manual_seed(0)
    data, _ = checkerboard()
    values = load().models["bpr_mf"] | {"batch_size": 64, "learning_rate": 0.02}
    model = registry.create("bpr_mf", values, data)
    assert isinstance(model, Neural)
    return Ours(model, data, tmp_path / "checkpoint.safetensors")


def test_our_side_trains_on_from_epoch_to_epoch(ours: Ours) -> None:
    first = ours.step()
    for _ in range(6):
        last = ours.step()
    assert last.ndcg > max(first.ndcg, 0.8)
    assert last.seconds > 0
    assert ours.validate().ndcg >= last.ndcg


def test_an_epoch_of_ours_is_an_epoch_of_the_loop(ours: Ours) -> None:
    before = ours.validate()
    assert all(ours.epoch() > 0 for _ in range(7))
    restored = ours.checkpoint.restore(ours.model, [])
    assert restored
    assert restored[1].epoch == 7
    assert ours.validate().ndcg > before.ndcg


class Scripted:
    """A side whose validations are given; each step takes ten seconds."""

    def __init__(self, *ndcg: float) -> None:
        self.ndcg = iter(ndcg)

    def epoch(self) -> float:
        return 3.0

    def validate(self) -> Validation:
        return Validation(1.0, next(self.ndcg))

    def step(self) -> Validation:
        return Validation(10.0, next(self.ndcg))


@pytest.mark.parametrize(
    ("limits", "epochs"),
    [
        ({"seconds": 1000, "patience": 9, "target": 0.3}, 3),
        ({"seconds": 45, "patience": 9}, 4),
        ({"seconds": 1, "patience": 9}, 1),
        ({"seconds": 1000, "patience": 2}, 5),
    ],
    ids=["target", "time", "less time than an epoch", "patience"],
)
def test_a_race_ends(limits: dict[str, Any], epochs: int) -> None:
    assert run(Scripted(0.1, 0.2, 0.3, 0.2, 0.25, 0.4), "scripted", **limits).last.epochs == epochs


def test_the_best_of_a_race_is_the_first_of_the_highest() -> None:
    assert run(Scripted(0.1, 0.3, 0.2, 0.3), "scripted", 40, 9).best == Milestone(2, 20.0, 0.3)


@pytest.mark.parametrize(
    ("ours", "cells"),
    [
        ([0.1, 0.35], ["0.3000", "20.0", "2", "0.3500", "20.0", "2", "1.00"]),
        ([0.1, 0.29, 0.2, 0.2], ["0.3000", "20.0", "2", "0.2900", "20.0", "2", "not reached"]),
    ],
)
def test_a_row_of_a_race(ours: list[float], cells: list[str]) -> None:
    given = command_line.parsed(["race", "--minutes", str(40 / 60), "--patience", "2"])
    theirs: Any = Scripted(0.1, 0.3, 0.2, 0.3)
    assert command_line.compared(given, Scripted(*ours), theirs) == cells


def test_both_sides_are_made_the_same_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sameness = Sameness(32, 256, 0.003)
    ours = sameness.ours(load().models["kgat"] | {"loss": "softmax", "layer_dimensions": [16, 8, 4], "num_layers": 2})
    assert {ours[name] for name in ("batch_size", "kg_batch_size")} == {256}
    assert (ours["dimension"], ours["learning_rate"], ours["loss"]) == (32, 0.003, "bpr")
    theirs = sameness.theirs(PEERS["kgat"], registry.hyperparameters("kgat", ours), num_items=9)
    assert theirs == {
        "embedding_size": 32,
        "kg_embedding_size": 32,
        "train_batch_size": 256,
        "learning_rate": 0.003,
        "eval_batch_size": 10240,
        "layers": [16, 8],
        "mess_dropout": 0.1,
    }


def test_tuned_hyperparameters_stay_but_for_the_dimension() -> None:
    values = {"dimension": 64, "batch_size": 8192, "learning_rate": 0.1, "loss": "softmax"}
    assert Sameness(32, 256, 0.003, tuned=True).ours(values) == values | {"dimension": 32}


@pytest.mark.parametrize("name", PEERS)
def test_every_model_has_what_its_peer_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    sameness, settings = Sameness(64, 256, 0.003), load()
    values = sameness.ours(settings.hyperparameters("demo", name))
    assert (values["dimension"], values["batch_size"], values["learning_rate"]) == (64, 256, 0.003)
    ours = registry.hyperparameters(settings.base_model(name), values)
    assert sameness.theirs(PEERS[name], ours, 9)["embedding_size"] == 64


def test_convolutions_halve_the_map_until_one_pixel_is_left() -> None:
    assert pairs.convolutions(8, 5) == {"cnn_channels": [1, 5, 5, 5], "cnn_kernels": [2, 2, 2], "cnn_strides": [2, 2, 2]}


UV = """#!/bin/sh
cd {folder}
echo "$2" >> calls
if [ -e failure ]; then cat failure >&2; exit 2; fi
"""
"""A stand-in for uv that notes what it is told to do, and fails where it finds a file that says how."""


@pytest.fixture
def uv_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "uv"
    program.write_text(UV.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setattr(environment, "find_uv_bin", lambda: str(program))
    return tmp_path / "calls"


def test_the_environment_is_made_once_for_its_requirements(uv_calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "environment"
    for _ in range(2):
        assert environment.interpreter(folder) == folder / "bin" / "python"
    assert uv_calls.read_text().split() == ["venv", "pip"]
    changed = tmp_path / environment.REQUIREMENTS.name
    changed.write_text("recbole==9\n")
    monkeypatch.setattr(environment, "REQUIREMENTS", changed)
    environment.interpreter(folder)
    assert uv_calls.read_text().split() == ["venv", "pip"] * 2


def test_a_missing_python_is_one_clear_error(uv_calls: Path, tmp_path: Path) -> None:
    (tmp_path / "failure").write_text("No interpreter found for Python 3.10\n")
    with pytest.raises(PipelineError, match=r"Python 3\.10 is missing; .* uv says: No interpreter found for Python 3\.10$"):
        environment.interpreter(tmp_path / "environment")
    assert not (tmp_path / "environment" / environment.REQUIREMENTS.name).exists()


def test_requirements_are_pinned() -> None:
    lines = environment.REQUIREMENTS.read_text().splitlines()
    assert all("==" in line for line in lines)
    assert "recbole==1.2.1" in lines


@pytest.mark.skipif(not INSTALLED.exists(), reason="needs RecBole: `python -m benchmarks.peers` installs it into .mkg4rec/peers")
@pytest.mark.parametrize("model", ["BPR", "CKE"])
def test_recbole_reads_what_is_written_for_it(layout: Layout, tmp_path: Path, model: str) -> None:
    files = tmp_path / "files" / DATASET
    recbole.write(built_dataset(layout), files)
    settings = {"embedding_size": 4, "kg_embedding_size": 4, "train_batch_size": 8, "eval_batch_size": 64}
    with RecBole(environment.interpreter(INSTALLED), model, files, settings) as theirs:
        assert theirs.sizes == {"users": 4, "items": 3, "interactions": 5, "triplets": 2 if model == "CKE" else 0}
        assert theirs.epoch() > 0
