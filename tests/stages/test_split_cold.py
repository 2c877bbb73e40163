"""The cold split as a stage: what is left of users of whom little is known."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from mkg4rec.splitting import split_cold as keep_out
from mkg4rec.tables import CATALOGUE, INTERACTIONS
from stages import split_cold
from stages.inputs import training_data_of
from stages.layout import Layout
from tests.conftest import ROOT

USERS, ITEMS = 30, 20


def _table(pairs: list[tuple[int, int]], rating: float) -> pa.Table:
    users, items = zip(*pairs, strict=True)
    ratings = pa.array([rating] * len(pairs), pa.float32())
    return pa.table({"user_id": users, "item_id": items, "rating": ratings, "timestamp": [0] * len(pairs)})


def test_dislikes_of_a_user_who_took_nothing_but_cold_items_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    everybody = [(user, item) for user in range(USERS) for item in range(ITEMS) if (user + item) % 3]
    cold = keep_out(_table(everybody, 4), 0, 0.1, 0.1, 0.1).cold["item_id"][0].as_py()
    warm = next(item for item in range(ITEMS) if item != cold)
    layout = Layout("ml-1m")
    INTERACTIONS.write(_table([*everybody, (USERS, cold)], 4), layout.positives)
    INTERACTIONS.write(_table([(USERS, warm), *((user, 0) for user in range(0, USERS, 3))], 1), layout.dislikes)
    catalogue = {"item_id": [*range(ITEMS)], "entity": [f"m.{item}" for item in range(ITEMS)], "title": ["A"] * ITEMS}
    known = {"year": pa.array([1990] * ITEMS, pa.int32()), "genres": [["Drama"]] * ITEMS}
    CATALOGUE.write(pa.table(catalogue | known), layout.catalogue)

    split_cold.main("ml-1m")
    train, valid, dislikes = (INTERACTIONS.read(layout.split_cold(name)) for name in ("train", "valid", "dislikes"))
    data = training_data_of(layout, train, valid, dislikes, torch.device("cpu"))
    assert USERS not in data.user_ids.to_pylist()
    assert 0 < len(data.read_ratings().dislikes) == len(dislikes)
