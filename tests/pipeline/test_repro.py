"""The first `dvc repro` builds everything; the second does nothing."""

import hashlib
import json
import re
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mkg4rec import tables
from stages.layout import Layout
from tests.pipeline.clone import Clone, Finished
from tests.pipeline.conftest import INTERACTIONS, ITEMS, USERS

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

LAYOUT = Layout("demo")
MODELS = ("multi_kg4rec", "ease")
BY_DATASET = (
    "synthesize",
    "bring",
    "download",
    "fetch_dump",
    "prepare",
    "link",
    "fetch_media",
    "encoder_inputs",
    "encoder",
    "build_kg",
    "embed",
    "item_graphs",
    "split",
    "split_cold",
    "gather",
    "report",
    "describe",
)
TABLES = {
    LAYOUT.interactions: tables.INTERACTIONS,
    LAYOUT.items: tables.ITEMS,
    LAYOUT.catalogue: tables.CATALOGUE,
    LAYOUT.positives: tables.INTERACTIONS,
    LAYOUT.media_status: tables.MEDIA_STATUS,
    LAYOUT.posters: tables.POSTERS,
    LAYOUT.descriptions: tables.DESCRIPTIONS,
    LAYOUT.pages: tables.PAGES,
    LAYOUT.entities: tables.ENTITIES,
    LAYOUT.relations: tables.RELATIONS,
    LAYOUT.triplets: tables.TRIPLETS,
    LAYOUT.features("visual"): tables.FEATURES,
    LAYOUT.features("text"): tables.FEATURES,
    LAYOUT.features("web"): tables.FEATURES,
    LAYOUT.item_graph("visual"): tables.ITEM_GRAPH,
    LAYOUT.item_graph("text"): tables.ITEM_GRAPH,
    LAYOUT.item_graph("web"): tables.ITEM_GRAPH,
    **{LAYOUT.split(part): tables.INTERACTIONS for part in ("train", "valid", "test")},
    **{LAYOUT.per_user(model): tables.PER_USER for model in MODELS},
    **{LAYOUT.top_lists(model): tables.TOP_LISTS for model in MODELS},
    LAYOUT.attention("multi_kg4rec"): tables.ATTENTION,
}


def test_the_first_repro_runs_every_stage_once(first_repro: Finished) -> None:
    expected = {"validate", *(f"{stage}@demo" for stage in BY_DATASET)}
    expected |= {f"{stage}@demo-{model}" for stage in ("train", "evaluate", "case_study") for model in MODELS}
    assert len(first_repro.stages) == len(expected)
    assert set(first_repro.stages) == expected
    assert first_repro.stages[0] == "validate"


@pytest.mark.parametrize("path", TABLES, ids=str)
def test_tables_keep_their_contracts(built: Clone, path: Path) -> None:
    assert len(TABLES[path].read(built.path / path))


def test_the_catalogue_has_the_size_that_was_asked_for(built: Clone) -> None:
    positives = pq.read_table(built.path / LAYOUT.positives)
    assert len(positives) == INTERACTIONS
    assert len(positives["user_id"].unique()) == USERS
    assert len(pq.read_table(built.path / LAYOUT.catalogue)) == ITEMS


def test_the_split_parts_the_published_ratings(built: Clone) -> None:
    (archive,) = (built.path / LAYOUT.raw("ratings")).iterdir()
    with zipfile.ZipFile(archive) as members:
        (name,) = (name for name in members.namelist() if name.endswith("ratings.dat"))
        lines = members.read(name).decode("latin-1").splitlines()
    published = {tuple(int(value) for value in line.split("::")) for line in lines}
    parts = [_rows(pq.read_table(built.path / LAYOUT.split(part))) for part in ("train", "valid", "test")]
    pairs = [(user, item) for part in parts for user, item, _, _ in part]
    assert len(set(pairs)) == len(pairs) == INTERACTIONS
    for part in parts:
        assert set(part) <= published
        assert min(rating for _, _, rating, _ in part) >= 3


def _rows(interactions: pa.Table) -> list[tuple[int, ...]]:
    return [tuple(int(value) for value in row.values()) for row in interactions.to_pylist()]


@pytest.mark.parametrize("model", MODELS)
def test_metrics_are_shares(built: Clone, model: str) -> None:
    metrics = json.loads(built.read(str(LAYOUT.metrics(model))))
    assert metrics["users"] == USERS
    for k in (10, 20, 50):
        for measure in ("recall", "mrr", "ndcg"):
            assert 0 < metrics[f"{measure}@{k}"] <= 1


def test_the_report_shows_models_and_pictures(built: Clone) -> None:
    page = built.read(str(LAYOUT.report / "index.html"))
    pictures = re.findall(r'<img[^>]+src="([^"]{11})', page)
    assert len(pictures) > 2
    assert set(pictures) == {"data:image/"}
    assert all(model in page for model in MODELS)
    assert {"metrics.csv", "metrics.md", "metrics.png", "training.png"} <= {path.name for path in (built.path / LAYOUT.report).iterdir()}


def test_the_case_study_shows_two_users(built: Clone) -> None:
    attention = tables.ATTENTION.read(built.path / LAYOUT.attention("multi_kg4rec"))
    users = attention["user_id"].unique().to_pylist()
    assert len(users) == 2
    assert len(attention) == 2 * 10 * 2
    assert all((built.path / LAYOUT.case_figure("multi_kg4rec", user)).exists() for user in users)
    assert len(tables.ATTENTION.read(built.path / LAYOUT.attention("ease"))) == 0
    assert built.read(str(LAYOUT.report / "index.html")).count("How multi_kg4rec divides its attention for user ") == 2


def test_git_sees_the_lock_the_metrics_and_what_the_tables_hold(built: Clone) -> None:
    committed = built.succeed("git", "show", "--name-only", "--format=", "HEAD").output.split()
    metrics = [str(path(model)) for path in (LAYOUT.metrics, LAYOUT.validation) for model in MODELS]
    schemas = [name for name in committed if name.startswith("schemas/")]
    assert sorted(committed) == ["dvc.lock", *sorted(metrics), *sorted(schemas)]
    assert {str(LAYOUT.schema(path)) for path in TABLES} <= set(schemas)


@pytest.mark.parametrize("path", TABLES, ids=str)
def test_a_schema_says_what_a_table_holds(built: Clone, path: Path) -> None:
    rows, schema = pq.read_table(built.path / path), json.loads(built.read(str(LAYOUT.schema(path))))
    assert schema["rows"] == len(rows)
    assert [(column["name"], column["missing"]) for column in schema["columns"]] == [
        (name, rows[name].null_count) for name in rows.column_names
    ]


def test_the_dump_stays_out_of_the_pipeline(built: Clone) -> None:
    (dump,) = (built.path / LAYOUT.mirror).glob("*/*.gz")
    assert json.loads(built.read(str(LAYOUT.dump)))["sha256"] == hashlib.sha256(dump.read_bytes()).hexdigest()
    assert not list((built.path / LAYOUT.data / "raw").rglob("*.gz"))


def test_nothing_is_left_half_written(built: Clone) -> None:
    written = built.contents("data", "models", "training", "results", "case_studies", "metrics", "reports")
    assert written
    assert [name for name in written if "/." in name.replace("/.gitignore", "")] == []


def test_the_second_repro_runs_nothing(built: Clone) -> None:
    second = built.succeed("dvc", "repro")
    assert "Data and pipelines are up to date." in second.output
    assert second.stages == second.restored == []
    assert json.loads(built.succeed("dvc", "status", "--json").output) == {}
    assert built.succeed("git", "status", "--porcelain").output == ""
