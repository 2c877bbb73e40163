"""Which models stand in which table, and what its files hold."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.params import AblationTable
from mkg4rec.report.figures import assign_colours
from mkg4rec.report.published import PUBLISHED, published_results
from mkg4rec.report.statistics import statistics, statistics_grid
from mkg4rec.report.tables import ablations, main_rows, write_comparison, write_statistics
from tests.report.synthetic import result

VALUES = np.random.default_rng(0).random(60)
TABLES = {
    "fusion": AblationTable(against="multi", variants=["multi_one_way"], beside=["kgat"]),
    "modality": AblationTable(against="multi", variants=["multi_blind"], beside=[]),
}
RESULTS = [result(name, VALUES * share) for name, share in (("ease", 1), ("multi", 0.9), ("multi_one_way", 0.8), ("kgat", 0.7))]


def test_a_variant_stands_in_its_table_alone() -> None:
    (fusion,) = ablations(TABLES, RESULTS)

    assert fusion.name == "fusion"
    assert [row.model for row in fusion.summary.results] == ["multi", "multi_one_way", "kgat"]
    assert fusion.summary.reference == "multi"
    assert [row.model for row in main_rows(TABLES, RESULTS)] == ["ease", "multi", "kgat"]
    assert main_rows(TABLES, RESULTS[2:3]) == RESULTS[2:3]


def test_a_comparison_is_markdown_csv_and_a_picture(tmp_path: Path) -> None:
    (fusion,) = ablations(TABLES, RESULTS)

    write_comparison(fusion, "demo", assign_colours([row.model for row in RESULTS]), {}, tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["fusion.csv", "fusion.md", "fusion.png"]
    rows = list(csv.DictReader((tmp_path / "fusion.csv").open()))
    assert [row["model"] for row in rows] == ["multi", "multi_one_way", "kgat"]
    assert float(rows[1]["ndcg@20 difference"]) == pytest.approx(-0.1 * VALUES.mean(), rel=1e-4)
    assert "| multi_one_way |" in (tmp_path / "fusion.md").read_text()


def test_statistics_count_what_is_there(tmp_path: Path) -> None:
    positives = pa.table({"user_id": [1, 1, 2, 3], "item_id": ["a", "b", "a", "a"]})
    relations = pa.table({"relation": ["film.director", "film.genre"], "triplets": [5, 9]})

    found = statistics(positives, pa.table({"entity": ["m.1", "m.2", "m.3"]}), relations)

    assert found.counts == {"users": 3, "items": 2, "interactions": 4, "entities": 3, "relations": 2, "triplets": 14}
    assert list(found.item_interactions) == [3, 1]
    assert found.relations == [("film.genre", 9), ("film.director", 5)]
    write_statistics(found, "demo", tmp_path)
    assert "density,66.67%" in (tmp_path / "statistics.csv").read_text()
    assert statistics_grid("ml-1m", found).header == ("", "here", "published")


def test_published_numbers_are_of_data_sets_and_models() -> None:
    assert published_results("demo") == {}
    kgat = published_results("ml-1m")["kgat"]
    assert (kgat.recall, kgat.mrr, kgat.ndcg) == (0.2489, 0.3941, 0.2303)
    rows = list(csv.DictReader(PUBLISHED.open()))
    assert len({(row["dataset"], row["model"]) for row in rows}) == len(rows)
    # A hit at the first place of every list would give 1: a misplaced point shows.
    assert all(0.01 < float(row[name]) < 0.6 for row in rows for name in ("recall@20", "mrr@20", "ndcg@20"))
