"""The table of trainings on less."""

import csv
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.report.figures import assign_colours
from mkg4rec.report.grid import NOTHING
from mkg4rec.report.sparsity import WHOLE, SparsityResult, draw_sparsity, sparsity_csv, sparsity_grid, summarize_sparsity

VALUES = np.random.default_rng(0).random(80)


def _result(model: str, of: str, levels: dict[int, float]) -> SparsityResult:
    users = pa.array(range(len(VALUES)))
    return SparsityResult(model, of, {part: pa.table({"user_id": users, "ndcg@20": VALUES * level}) for part, level in levels.items()})


FULL = _result("kernel_ease", "kernel_ease", {WHOLE: 1.0, 30: 0.8, 10: 0.6})
LESS = _result("kernel_ease_without_graph", "kernel_ease", {WHOLE: 0.99, 30: 0.7, 10: 0.4})
OTHER = _result("ease", "ease", {WHOLE: 0.9, 30: 0.5, 10: 0.7})


def test_a_variant_tells_what_it_lacks_at_each_share() -> None:
    summary = summarize_sparsity([FULL, LESS, OTHER], [30, 10])
    grid = sparsity_grid(summary)
    assert [row[0].text for row in grid.rows] == ["kernel_ease", "kernel_ease_without_graph", "ease"]
    assert len(grid.header) == len(grid.rows[0]) == 1 + 3 * 4
    mean = VALUES.mean()
    assert [row[9].text for row in grid.rows] == [f"{mean * level:.4f}" for level in (0.6, 0.4, 0.7)]
    assert [row[9].best for row in grid.rows] == [False, False, True]
    assert [row[10].text for row in grid.rows] == [NOTHING, f"{0.2 * mean:+.4f}", NOTHING]
    comparison = summary.comparisons["kernel_ease_without_graph", 10]
    assert comparison.low < 0.2 * mean < comparison.high
    assert set(summary.comparisons) == {("kernel_ease_without_graph", part) for part in (WHOLE, 30, 10)}


def test_its_csv_has_a_line_for_each_model_and_share() -> None:
    summary = summarize_sparsity([FULL, LESS, OTHER], [30, 10])
    header = sparsity_grid(summary).header
    assert len(set(header)) == len(header)
    rows = {(row["model"], row["percentage"]): row for row in csv.DictReader(StringIO(sparsity_csv(summary)))}
    assert len(rows) == 3 * 3
    assert float(rows["ease", "30"]["ndcg@20"]) == pytest.approx(0.5 * VALUES.mean(), rel=1e-5)
    assert float(rows["kernel_ease_without_graph", "10"]["missing difference"]) == pytest.approx(0.2 * VALUES.mean(), rel=1e-5)
    assert rows["kernel_ease", "10"]["missing p"] == ""


def test_a_variant_alone_is_held_against_nothing(tmp_path: Path) -> None:
    summary = summarize_sparsity([LESS], [30, 10])
    assert not summary.comparisons
    draw_sparsity(summary, assign_colours(["kernel_ease_without_graph"]), tmp_path / "alone.png")


def test_it_is_drawn(tmp_path: Path) -> None:
    colours = assign_colours(["kernel_ease", "kernel_ease_without_graph", "ease"])
    draw_sparsity(summarize_sparsity([FULL, LESS, OTHER], [30, 10]), colours, tmp_path / "sparsity.png")
    assert (tmp_path / "sparsity.png").stat().st_size > 1000


def test_other_users_are_an_error() -> None:
    elsewhere = {part: rows.set_column(0, "user_id", pa.array(range(1, 81))) for part, rows in LESS.per_user.items()}
    with pytest.raises(PipelineError, match="tested on different users"):
        summarize_sparsity([FULL, replace(LESS, per_user=elsewhere)], [30, 10])
