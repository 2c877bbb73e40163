"""The table of warm and cold items."""

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import compare, holm
from mkg4rec.report.cold import CANNOT, COLD, COLUMNS, HEADLINE, WARM, cold_csv, cold_grid, draw_cold, read_cold_result, summarize_cold
from mkg4rec.report.figures import assign_colours
from mkg4rec.report.summary import Result, over_seeds
from mkg4rec.tables import COLD_PER_USER

VALUES = np.random.default_rng(0).random(80)
NAMES = [column.name for column in COLD_PER_USER.columns if column.name != "user_id"]


def cold_result(model: str, values: NDArray[np.float64], able: bool = True) -> Result:
    """A model with the same value of a user everywhere, NaN for none; nothing on cold items where it is not able."""
    columns = {name: values if able or name.startswith("warm") else np.full(len(values), np.nan) for name in NAMES}
    metrics = {name: float(np.nanmean(each)) for name, each in columns.items() if not np.isnan(each).all()}
    table = {name: pa.array(each, pa.float64(), from_pandas=True) for name, each in columns.items()}
    return Result(model, metrics, pa.table({"user_id": np.arange(len(values)), **table}))


RESULTS = [cold_result("ease", VALUES, able=False), cold_result("kgat", VALUES * 0.5), cold_result("mkgat", VALUES * 0.7)]


def test_the_best_on_cold_items_comes_first_and_who_cannot_says_so() -> None:
    summary = summarize_cold(RESULTS)
    grid = cold_grid(summary)

    assert [row[0].text for row in grid.rows] == ["mkgat", "kgat", "ease"]
    assert [cell.text for cell in grid.rows[2][3:7]] == [CANNOT] * 4
    assert grid.rows[2][2].best
    assert {key: set(models) for key, models in summary.comparisons.items()} == {WARM: {"kgat", "ease"}, COLD: {"kgat"}, HEADLINE: {"kgat"}}
    assert summary.comparisons[HEADLINE]["kgat"].difference == pytest.approx(-0.2 * VALUES.mean())
    differences = [f"{COLUMNS[key]} − mkgat" for key in (WARM, COLD, HEADLINE)]
    assert list(grid.header[7::3]) == differences
    assert [[cell.text for cell in row[7::3]] for row in grid.rows] == [
        ["reference"] * 3,
        [f"{-0.2 * VALUES.mean():+.4f}"] * 3,
        [f"{0.3 * VALUES.mean():+.4f}", "–", "–"],
    ]


def test_p_values_are_corrected_for_all_tests_of_the_table() -> None:
    # Users without a warm item to find have no value, of neither model.
    best, other = VALUES.copy(), VALUES + np.random.default_rng(1).normal(-0.05, 0.2, len(VALUES))
    best[::3] = other[::3] = np.nan
    results = [cold_result("kgat", other), cold_result("mkgat", best), cold_result("ease", best * 0.9, able=False)]

    summary = summarize_cold(results)

    kept = ~np.isnan(best)
    against = {"ease": compare(best[kept] * 0.9, best[kept]), "kgat": compare(other[kept], best[kept])}
    of = [(WARM, "kgat"), (WARM, "ease"), (COLD, "kgat"), (HEADLINE, "kgat")]
    corrected = holm([against[model].p_value for _, model in of])
    assert [summary.comparisons[key][model].p_value for key, model in of] == pytest.approx(corrected)
    assert corrected[0] > 1.5 * against["kgat"].p_value
    assert summary.comparisons[WARM]["kgat"].low == against["kgat"].low


def test_where_no_model_can_score_cold_items_the_best_on_the_others_is_the_reference() -> None:
    bpr, ease = cold_result("bpr_mf", VALUES / 2, able=False), cold_result("ease", VALUES, able=False)
    summary = summarize_cold([bpr, ease])

    assert [result.model for result in summary.results] == ["ease", "bpr_mf"]
    assert set(summary.comparisons[WARM]) == {"bpr_mf"}
    assert cold_grid(summary).header[7:] == (f"{COLUMNS[WARM]} − ease", "warm: 95 % interval", "warm: p (Holm)")
    assert cold_grid(summarize_cold([ease])).header == ("model", *COLUMNS.values())


def test_over_seeds_there_are_deviations_and_a_user_counts_once() -> None:
    strong, weak, able = (0.7, 0.9, 0.5), (0.4, 0.5, 0.3), {"ease": False}
    # In the first seed user 0 has nothing to find.
    seeds = [np.append(np.nan, VALUES[1:]), VALUES, VALUES]
    runs = {
        model: [cold_result(model, values * share, able.get(model, True)) for values, share in zip(seeds, shares, strict=True)]
        for model, shares in (("kgat", strong), ("cke", weak), ("ease", (0.8, 0.8, 0.8)))
    }

    summary = summarize_cold([over_seeds(each) for each in runs.values()])

    kgat, cke, ease = summary.results
    assert (kgat.model, cke.model, ease.model) == ("kgat", "cke", "ease")
    means = [run.metrics[HEADLINE] for run in runs["kgat"]]
    grid = cold_grid(summary)
    row = dict(zip(grid.header, (cell.text for cell in grid.rows[0]), strict=True))
    assert row["seeds"] == "3"
    assert row[COLUMNS[HEADLINE]] == f"{np.mean(means):.4f} ± {np.std(means, ddof=1):.4f}"
    assert [cell.text for cell in grid.rows[2][3:7]] == [CANNOT] * 4
    differences = VALUES * np.mean(np.subtract(weak, strong))
    differences[0] = VALUES[0] * np.mean(np.subtract(weak, strong)[1:])
    assert summary.comparisons[HEADLINE]["cke"].difference == pytest.approx(differences.mean())

    best, _, unable = csv.DictReader(StringIO(cold_csv(summary)))
    assert float(best[f"{HEADLINE} sd"]) == pytest.approx(np.std(means, ddof=1), rel=1e-5)
    assert (unable["seeds"], unable[HEADLINE], unable[f"{HEADLINE} sd"]) == ("3", CANNOT, "")


def test_every_column_of_its_csv_has_a_name_of_its_own() -> None:
    summary = summarize_cold(RESULTS)
    header = cold_grid(summary).header
    assert len(set(header)) == len(header)
    best, second, unable = csv.DictReader(StringIO(cold_csv(summary)))
    assert float(best[HEADLINE]) == RESULTS[2].metrics[HEADLINE]
    assert best[f"{HEADLINE} p"] == ""
    assert float(second[f"{HEADLINE} difference"]) == pytest.approx(-0.2 * VALUES.mean(), rel=1e-5)
    assert float(second[f"{COLD} high"]) < 0
    assert float(unable[f"{WARM} difference"]) == pytest.approx(0.3 * VALUES.mean(), rel=1e-5)
    assert (unable[HEADLINE], unable[f"{HEADLINE} difference"]) == (CANNOT, "")
    assert float(unable[WARM]) == RESULTS[0].metrics[WARM]


def test_what_was_written_is_read_and_drawn(tmp_path: Path) -> None:
    written = RESULTS[1]
    (tmp_path / "kgat.json").write_text(json.dumps(written.metrics))
    COLD_PER_USER.write(written.per_user, tmp_path / "per_user.parquet")

    read = read_cold_result("kgat", tmp_path / "kgat.json", tmp_path / "per_user.parquet")

    assert read.metrics[HEADLINE] == written.metrics[HEADLINE]
    colours = assign_colours(["kgat", "ease"])
    draw_cold(summarize_cold([read, RESULTS[0]]), colours, tmp_path / "cold.png")
    assert (tmp_path / "cold.png").stat().st_size > 1000
    repeated = over_seeds([read, cold_result("kgat", VALUES * 0.3)])
    draw_cold(summarize_cold([repeated, over_seeds([RESULTS[0], RESULTS[0]])]), colours, tmp_path / "repeated.png")
    assert (tmp_path / "repeated.png").read_bytes() != (tmp_path / "cold.png").read_bytes()


@pytest.mark.parametrize(("content", "complaint"), [(None, "no such file; `dvc repro`"), ("{", "not JSON"), ("[]", "warm_ndcg@20 missing")])
def test_bad_metrics_are_an_error_that_names_the_file(tmp_path: Path, content: str | None, complaint: str) -> None:
    path = tmp_path / "ease.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(PipelineError, match=rf"ease\.json: .*{complaint}"):
        read_cold_result("ease", path, tmp_path / "per_user.parquet")
