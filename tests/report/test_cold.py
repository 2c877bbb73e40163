"""The table of warm and cold items."""

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.report.cold import CANNOT, HEADLINE, ColdResult, cold_csv, cold_grid, draw_cold, read_cold_result, summarize_cold
from mkg4rec.report.figures import assign_colours
from mkg4rec.tables import COLD_PER_USER

VALUES = np.random.default_rng(0).random(80)
NAMES = [column.name for column in COLD_PER_USER.columns if column.name != "user_id"]


def cold_result(model: str, strength: float | None) -> ColdResult:
    """A model with the same value everywhere; none on cold items where `strength` is None."""
    values = VALUES * (strength or 1)
    empty = pa.nulls(len(VALUES), pa.float64())
    able = {name: strength is not None or name.startswith("warm") for name in NAMES}
    columns = {name: pa.array(values) if can else empty for name, can in able.items()}
    metrics = {name: float(values.mean()) for name, can in able.items() if can}
    return ColdResult(model, metrics, pa.table({"user_id": np.arange(len(VALUES)), **columns}))


RESULTS = [cold_result("ease", None), cold_result("kgat", 0.5), cold_result("mkgat", 0.7)]


def test_the_best_on_cold_items_comes_first_and_who_cannot_says_so() -> None:
    summary = summarize_cold(RESULTS)
    grid = cold_grid(summary)

    assert [row[0].text for row in grid.rows] == ["mkgat", "kgat", "ease"]
    assert [cell.text for cell in grid.rows[2][3:7]] == [CANNOT] * 4
    assert grid.rows[2][2].best
    assert set(summary.comparisons) == {"kgat"}
    assert summary.comparisons["kgat"].difference == pytest.approx(-0.2 * VALUES.mean())
    assert [row[7].text for row in grid.rows][::2] == ["reference", "–"]


def test_every_column_of_its_csv_has_a_name_of_its_own() -> None:
    summary = summarize_cold(RESULTS)
    header = cold_grid(summary).header
    assert len(set(header)) == len(header)
    best, second, unable = csv.DictReader(StringIO(cold_csv(summary)))
    assert float(best[HEADLINE]) == RESULTS[2].metrics[HEADLINE]
    assert best[f"{HEADLINE} p"] == ""
    assert float(second[f"{HEADLINE} difference"]) == pytest.approx(-0.2 * VALUES.mean(), rel=1e-5)
    assert unable[HEADLINE] == CANNOT
    assert float(unable["warm_ndcg@20"]) == RESULTS[0].metrics["warm_ndcg@20"]


def test_what_was_written_is_read_and_drawn(tmp_path: Path) -> None:
    written = RESULTS[1]
    (tmp_path / "kgat.json").write_text(json.dumps(written.metrics))
    COLD_PER_USER.write(written.per_user, tmp_path / "per_user.parquet")

    read = read_cold_result("kgat", tmp_path / "kgat.json", tmp_path / "per_user.parquet")

    assert read.metrics[HEADLINE] == written.metrics[HEADLINE]
    draw_cold(summarize_cold([read, RESULTS[0]]), assign_colours(["kgat", "ease"]), tmp_path / "cold.png")
    assert (tmp_path / "cold.png").stat().st_size > 1000


def test_a_missing_result_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"ease\.json: there is no such file; `dvc repro`"):
        read_cold_result("ease", tmp_path / "ease.json", tmp_path / "per_user.parquet")
