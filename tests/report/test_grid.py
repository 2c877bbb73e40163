import csv
from dataclasses import replace
from io import StringIO

import numpy as np

from mkg4rec.report.grid import Cell, Grid, accuracy_grid, as_csv, as_markdown, as_text, detail_grid
from mkg4rec.report.published import Published
from mkg4rec.report.summary import Result, summarize
from tests.report.synthetic import result

VALUES = np.random.default_rng(0).random(100)


def test_the_best_value_of_a_column_is_marked() -> None:
    grid = accuracy_grid(summarize([result("ease", VALUES), result("kgat", VALUES / 2)]))

    assert grid.header == ("model", "Recall@20", "MRR@20", "NDCG@20", "NDCG@20 − ease", "95 % interval", "p (Holm)")
    assert [[cell.best for cell in row[1:4]] for row in grid.rows] == [[True] * 3, [False] * 3]
    assert [cell.text for cell in grid.rows[0][4:]] == ["reference", "", ""]
    assert grid.rows[1][6].text == "< 0.001"


def test_equal_models_are_both_best_and_worthless_ones_are_not() -> None:
    equal = accuracy_grid(summarize([result("ease", VALUES), result("kgat", VALUES)]))
    worthless = accuracy_grid(summarize([result("ease", VALUES * 0), result("kgat", VALUES * 0)]))

    assert [row[3].best for row in equal.rows] == [True, True]
    assert [row[3].best for row in worthless.rows] == [False, False]


def test_a_model_alone_is_not_the_best() -> None:
    assert not any(cell.best for cell in accuracy_grid(summarize([result("kgat", VALUES)])).rows[0])


def test_no_model_is_best_at_coverage_or_popularity() -> None:
    grid = detail_grid(summarize([result("ease", VALUES), result("kgat", VALUES)]))

    assert grid.header == ("model", "Coverage@20", "Popularity@20")
    assert grid.rows[0] == (Cell("ease"), Cell("0.2500"), Cell("812.2"))


def test_a_metric_that_one_model_lacks_is_a_dash() -> None:
    lacking = result("kgat", VALUES)
    del lacking.metrics["coverage@20"]

    assert detail_grid(summarize([result("ease", VALUES), lacking])).rows[1][1].text == "–"


def test_seeds_deviations_and_published_numbers_have_their_columns() -> None:
    ease = replace(result("ease", VALUES), deviations={"ndcg@20": 0.0123}, num_seeds=3)
    published = {"kgat": Published(0.2489, 0.3941, 0.2303, "paper")}

    grid = accuracy_grid(summarize([ease, result("kgat", VALUES / 2)]), published)

    assert grid.header[:6] == ("model", "Recall@20", "MRR@20", "NDCG@20", "seeds", "published")
    assert grid.rows[0][3] == Cell(f"{VALUES.mean():.4f} ± 0.0123", best=True)
    assert [row[4].text for row in grid.rows] == ["3", "1"]
    assert [row[5].text for row in grid.rows] == ["–", "0.2489 / 0.3941 / 0.2303"]
    rows = list(csv.DictReader(StringIO(as_csv(summarize([ease, result("kgat", VALUES / 2)]), published))))
    assert (rows[0]["ndcg@20 sd"], rows[0]["seeds"], rows[0]["published ndcg@20"]) == ("0.0123", "3", "")
    assert rows[1]["published ndcg@20"] == "0.2303"


GRID = Grid(
    ("model", "Recall@20", "p"), [(Cell("ease"), Cell("0.5000", best=True), Cell("")), (Cell("popularity"), Cell("0.1000"), Cell("0.040"))]
)


def test_markdown() -> None:
    assert as_markdown(GRID) == (
        "| model | Recall@20 | p |\n| --- | ---: | ---: |\n| ease | **0.5000** |  |\n| popularity | 0.1000 | 0.040 |\n"
    )


def test_text_is_aligned() -> None:
    assert as_text(GRID) == (
        "model       Recall@20      p\n"
        "ease           0.5000*\n"
        "popularity     0.1000  0.040\n"
    )  # fmt: skip


def test_csv_has_every_metric_and_the_comparison() -> None:
    kgat = result("kgat", VALUES / 2)
    kgat.metrics["rare_ndcg@20"] = 0.123456

    rows = list(csv.DictReader(StringIO(as_csv(summarize([kgat, result("ease", VALUES), Result("bpr_mf", {"ndcg@20": 0.0}, None)])))))

    assert [row["model"] for row in rows] == ["ease", "kgat", "bpr_mf"]
    assert float(rows[0]["ndcg@20"]) == VALUES.mean()
    assert (rows[0]["rare_ndcg@20"], rows[0]["ndcg@20 difference"]) == ("", "")
    assert rows[1]["rare_ndcg@20"] == "0.123456"
    assert float(rows[1]["ndcg@20 low"]) < float(rows[1]["ndcg@20 difference"]) < float(rows[1]["ndcg@20 high"]) < 0
    assert rows[2]["recall@20"] == ""
