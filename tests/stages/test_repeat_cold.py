"""Items without interactions, once more from another seed."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from mkg4rec.errors import PipelineError
from mkg4rec.tables import CATALOGUE, COLD_PER_USER, DESCRIPTIONS, INTERACTIONS, PAGES
from stages import cold, repeat_cold, split_cold
from stages.layout import Layout
from tests.conftest import ROOT

DATASET = "ml-1m"
LAYOUT = Layout(DATASET)
USERS, ITEMS = 40, 30
YEARS = {"kernels": {"year": {"source": "years", "width": 4}}, "weights": {"year": 1.0}}


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with all that the stages read, made the current one: users who take films of their own decade, mostly."""
    monkeypatch.chdir(tmp_path)
    set_params()
    generator = np.random.default_rng(0)
    decades = np.arange(ITEMS) * 3 // ITEMS
    chances = np.where(np.arange(USERS)[:, None] % 3 == decades, 0.8, 0.2)
    users, items = (generator.random((USERS, ITEMS)) < chances).nonzero()
    taken = {"user_id": users, "item_id": items, "rating": np.full(len(users), 4, np.float32), "timestamp": np.arange(len(users))}
    INTERACTIONS.write(pa.table(taken), LAYOUT.positives)
    INTERACTIONS.write(pa.table(taken).slice(0, 0), LAYOUT.dislikes)
    years = pa.array(1970 + 10 * decades, pa.int32())
    names = {"item_id": np.arange(ITEMS), "entity": [f"m.{item}" for item in range(ITEMS)], "title": ["A"] * ITEMS}
    CATALOGUE.write(pa.table(names | {"year": years, "genres": [["Drama"]] * ITEMS}), LAYOUT.catalogue)
    nothing = {"item_id": pa.array([], pa.int64()), "text": pa.array([], pa.string()), "sha256": pa.array([], pa.string())}
    DESCRIPTIONS.write(pa.table(nothing), LAYOUT.descriptions)
    PAGES.write(pa.table(nothing), LAYOUT.pages)
    for model in ("content_knn", "bpr_mf", "ease"):
        LAYOUT.gathered(model).parent.mkdir(parents=True, exist_ok=True)
        LAYOUT.gathered(model).write_text(json.dumps({"train": {}}), encoding="utf-8")


def set_params(seed: int = 0, share: float = 0.1) -> None:
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["split"] |= {"seed": seed, "cold": share}
    settings["train"] |= {"seed": seed, "device": "cpu"}
    settings["tuned"][DATASET] = {"content_knn": YEARS, "bpr_mf": {"max_epochs": 2}}
    Path("params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")


def written(model: str, repeat: int | None = None) -> tuple[dict[str, float], pa.Table]:
    metrics: dict[str, float] = json.loads(LAYOUT.cold_metrics(model, repeat).read_text(encoding="utf-8"))
    return metrics, COLD_PER_USER.read(LAYOUT.cold_per_user(model, repeat))


@pytest.mark.parametrize("model", ["content_knn", "bpr_mf"])
def test_a_repeat_is_the_run_itself_from_that_seed(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    split_cold.main(DATASET)
    cold.main(DATASET, model)
    before = written(model)
    repeat_cold.main(DATASET, model, "1")
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{DATASET} {model}, seed 1: warm_ndcg@20 0.")
    assert written(model) == before

    set_params(seed=1)
    split_cold.main(DATASET)
    cold.main(DATASET, model)
    assert written(model) == written(model, 1)
    assert written(model)[0] != before[0]


def test_a_repeat_ranks_cold_items_by_what_is_known_of_them() -> None:
    repeat_cold.main(DATASET, "content_knn", "1")
    metrics, _ = written("content_knn", 1)
    assert metrics["among_cold_ndcg@20"] > metrics["cold_ndcg@20"] > 0


def test_a_repeat_says_nothing_of_items_that_the_model_cannot_score() -> None:
    repeat_cold.main(DATASET, "ease", "2")
    metrics, per_user = written("ease", 2)
    assert metrics
    assert all(name.startswith("warm_") for name in metrics)
    assert per_user["among_cold_ndcg@20"].null_count == len(per_user)


def test_a_seed_that_leaves_nothing_is_named() -> None:
    set_params(share=0.01)
    with pytest.raises(PipelineError, match=r"the cold split of seed 3 leaves nothing for cold; change the shares under split:"):
        repeat_cold.main(DATASET, "ease", "3")
