"""The stage case_study on a small world, with models that were saved untrained."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml

from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.data import TrainingData
from mkg4rec.models.multi_kg4rec import MultiKG4Rec
from mkg4rec.tables import ATTENTION, CATALOGUE, POSTERS, TOP_LISTS
from stages import case_study
from stages.layout import Layout
from tests.conftest import ROOT
from tests.report.synthetic import poster
from tests.worlds import checkerboard

LAYOUT = Layout("demo")
WITHOUT_LIST = 101


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingData:
    """A folder with catalogue, posters and top lists of the checkerboard, made the current one."""
    monkeypatch.chdir(tmp_path)
    data, _ = checkerboard()
    monkeypatch.setattr(case_study, "training_data", lambda layout, device: data)
    catalogue = {
        "item_id": data.item_ids,
        "entity": [f"m.{number}" for number in range(data.num_items)],
        "title": [f"Title {number}" for number in range(data.num_items)],
        "year": pa.array([1990] * data.num_items, pa.int32()),
        "genres": [["Drama"]] * data.num_items,
    }
    CATALOGUE.write(pa.table(catalogue), LAYOUT.catalogue)
    size = pa.array([1] * 20, pa.int32())
    images = [poster("teal")] * 20
    POSTERS.write(
        pa.table({"item_id": data.item_ids[:20], "image": images, "sha256": [""] * 20, "width": size, "height": size}), LAYOUT.posters
    )
    return data


@pytest.fixture
def save(data: TrainingData) -> Callable[..., MultiKG4Rec | None]:
    """Saves an untrained model and made-up lists of 12 items, with these settings of the case study; gives Multi-KG4Rec."""

    def save_(name: str = "multi_kg4rec", study: dict[str, Any] | None = None, **values: Any) -> MultiKG4Rec | None:
        settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        settings["evaluate"]["device"] = "cpu"
        settings["case_study"] |= study or {}
        settings["models"][name] |= values
        Path("params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        torch.manual_seed(0)
        model = registry.create(name, settings["models"][name], data)
        if isinstance(model, ClosedForm):
            model.fit()
        LAYOUT.model(name).mkdir(parents=True)
        model.save(LAYOUT.model(name), data)
        _write_lists(data, name)
        return model if isinstance(model, MultiKG4Rec) else None

    return save_


def _write_lists(data: TrainingData, name: str) -> None:
    generator = np.random.default_rng(0)
    users = [user for user in data.user_ids.to_pylist() if user != WITHOUT_LIST]
    items = np.concatenate([generator.permutation(data.item_ids.to_numpy())[:12] for _ in users])
    rows = {
        "user_id": np.repeat(users, 12),
        "rank": np.tile(np.arange(1, 13, dtype=np.int32), len(users)),
        "item_id": items,
        "score": np.zeros(len(items), np.float32),
        "hit": generator.random(len(items)) < 0.1,
    }
    TOP_LISTS.write(pa.table(rows), LAYOUT.top_lists(name))


def _written(name: str = "multi_kg4rec") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in LAYOUT.case_study(name).iterdir()}


@pytest.mark.parametrize("modalities", [["text"], ["visual", "text"], ["visual", "text", "pages"]])
def test_writes_what_the_model_says_of_each_pair(
    data: TrainingData, save: Callable[..., MultiKG4Rec], modalities: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = save(modalities=modalities)
    monkeypatch.setattr(case_study, "BLOCK", 7)

    case_study.main("demo", "multi_kg4rec")

    attention = ATTENTION.read(LAYOUT.attention("multi_kg4rec"))
    users = attention["user_id"].unique().to_pylist()
    assert len(users) == 2
    assert len(attention) == 2 * 10 * len(modalities)
    assert set(_written()) == {"attention.parquet", "attention.md", *(f"user-{user}.png" for user in users)}
    listed = [row for user in users for row in TOP_LISTS.read(LAYOUT.top_lists("multi_kg4rec")).to_pylist() if row["user_id"] == user]
    for number, expected in enumerate(row for row in listed if row["rank"] <= 10):
        rows = attention.slice(number * len(modalities), len(modalities))
        assert {name: rows[name][0].as_py() for name in expected} == expected
        assert rows["modality"].to_pylist() == modalities
        pair = [torch.tensor([ids.index(expected[name]).as_py()]) for name, ids in (("user_id", data.user_ids), ("item_id", data.item_ids))]
        shares = model.modality_attention(*pair)[0].tolist()
        assert rows["attention"].to_pylist() == pytest.approx(shares, abs=1e-6)
        assert sum(shares) == pytest.approx(1)


@pytest.mark.usefixtures("data")
def test_picked_users_have_a_hit_and_are_as_many_as_asked_for(save: Callable[..., MultiKG4Rec]) -> None:
    save(study={"picked": 3, "items": 4})

    case_study.main("demo", "multi_kg4rec")

    attention = ATTENTION.read(LAYOUT.attention("multi_kg4rec")).to_pylist()
    assert len({row["user_id"] for row in attention}) == 3
    assert {row["user_id"] for row in attention if row["hit"]} == {row["user_id"] for row in attention}
    assert max(row["rank"] for row in attention) == 4


@pytest.mark.usefixtures("data")
def test_shows_chosen_users_in_their_order_twice_the_same(save: Callable[..., MultiKG4Rec]) -> None:
    save(study={"users": [120, 103]})
    written = []

    for _ in range(2):
        case_study.main("demo", "multi_kg4rec")
        written.append(_written())

    assert written[0] == written[1]
    assert set(written[0]) == {"attention.parquet", "attention.md", "user-120.png", "user-103.png"}
    assert ATTENTION.read(LAYOUT.attention("multi_kg4rec"))["user_id"].unique().to_pylist() == [120, 103]


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("ease", {}, "it does not divide its attention among modalities"),
        ("multi_kg4rec", {"modalities": [], "fusion": "none"}, "it has no modalities"),
    ],
)
def test_a_model_that_cannot_tell_says_so(
    save: Callable[..., object], capsys: pytest.CaptureFixture[str], name: str, values: dict[str, Any], reason: str
) -> None:
    save(name, **values)

    case_study.main("demo", name)

    assert f"{name} has no case study: {reason}." in capsys.readouterr().out
    assert set(_written(name)) == {"attention.parquet", "attention.md"}
    assert reason in _written(name)["attention.md"].decode()
    assert len(ATTENTION.read(LAYOUT.attention(name))) == 0


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("user", "complaint"),
    [(7, "demo has no user 7."), ("103", "demo has no user '103'; write 103."), (WITHOUT_LIST, "user 101 of demo has no test item")],
)
@pytest.mark.parametrize("name", ["multi_kg4rec", "ease"])
def test_a_user_that_cannot_be_shown_is_an_error_with_its_line(
    save: Callable[..., object], name: str, user: int | str, complaint: str
) -> None:
    save(name, study={"users": [103, user]})
    (line,) = [number for number, text in enumerate(Path("params.yaml").read_text().splitlines(), 1) if text in (f"  - {user!r}",)]

    with pytest.raises(PipelineError) as error:
        case_study.main("demo", name)

    assert str(error.value).startswith(f"params.yaml:{line}: case_study.users: {complaint}")
    assert not LAYOUT.case_study(name).exists()


def test_an_identifier_makes_a_file_name_of_its_own() -> None:
    names = {LAYOUT.case_figure("ease", user).name for user in (7, "A/B", "A%2FB", "../A", "a b")}

    assert len(names) == 5
    assert all(LAYOUT.case_figure("ease", user).parent == LAYOUT.case_study("ease") for user in ("A/B", "../A"))


def test_a_long_identifier_makes_a_name_that_a_file_system_takes() -> None:
    users = ["u" * 300, "u" * 299 + "v", "名" * 90]
    names = {LAYOUT.case_figure("ease", user).name for user in users}
    names |= {LAYOUT.explanation("ease", user, item).name for user in users for item in users}

    assert len(names) == 3 + 9
    assert max(len(name.encode()) for name in names) <= 255
