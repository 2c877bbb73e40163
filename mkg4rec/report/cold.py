"""Warm and cold: the same training judged on items that it saw and on items that it did not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import Comparison, compare, holm
from mkg4rec.report.figures import finish, save
from mkg4rec.report.grid import Cell, Grid, comparison_cells, comparison_columns, comparison_values, number, rows_as_csv
from mkg4rec.tables import COLD_PER_USER

CANNOT = "cannot"
HEADLINE = "among_cold_ndcg@20"
COLUMNS = {
    "warm_recall@20": "warm: Recall@20",
    "warm_ndcg@20": "warm: NDCG@20",
    "cold_recall@20": "cold among all: Recall@20",
    "cold_ndcg@20": "cold among all: NDCG@20",
    "among_cold_recall@20": "among cold: Recall@20",
    HEADLINE: "among cold: NDCG@20",
}


@dataclass(frozen=True)
class ColdResult:
    """What the cold evaluation of a model wrote; a model that cannot score cold items has no metrics of them."""

    model: str
    metrics: dict[str, float]
    per_user: pa.Table


@dataclass(frozen=True)
class ColdSummary:
    """The cold results of a data set.

    Attributes:
        results: the best NDCG@20 among cold items first, those that cannot last.
        comparisons: by model, its NDCG@20 among cold items against the best one's on the same users; p-values Holm-corrected.
    """

    results: list[ColdResult]
    comparisons: dict[str, Comparison]


def read_cold_result(model: str, metrics: Path, per_user: Path) -> ColdResult:
    """Read what the stage `cold` wrote.

    Raises:
        PipelineError: a file is missing or is not what the stage writes.
    """
    try:
        values = json.loads(metrics.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{metrics}: there is no such file; `dvc repro` makes it.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{metrics}: not JSON ({error}); delete it and run `dvc repro`.") from error
    return ColdResult(model, values, COLD_PER_USER.read(per_user))


def summarize_cold(results: Sequence[ColdResult]) -> ColdSummary:
    """Order the results and compare all with the best on cold items."""
    ordered = sorted(results, key=lambda result: (-result.metrics.get(HEADLINE, -1.0), result.model))
    able = [result for result in ordered if HEADLINE in result.metrics]
    comparisons = {result.model: _compare(result.per_user, able[0].per_user) for result in able[1:]}
    corrected = holm([comparison.p_value for comparison in comparisons.values()])
    held = zip(comparisons.items(), corrected, strict=True)
    return ColdSummary(ordered, {model: replace(comparison, p_value=p_value) for (model, comparison), p_value in held})


def _compare(first: pa.Table, second: pa.Table) -> Comparison:
    if not first["user_id"].equals(second["user_id"]):
        raise PipelineError("report: models were tested on different cold items; run `dvc repro` to test both anew.")
    both = pc.and_(first[HEADLINE].is_valid(), second[HEADLINE].is_valid())
    return compare(first[HEADLINE].filter(both).to_numpy(), second[HEADLINE].filter(both).to_numpy())


def cold_grid(summary: ColdSummary) -> Grid:
    """A row per model: warm items, cold items among all, cold items among themselves, and the difference to the best there."""
    best = {key: max((result.metrics[key] for result in summary.results if key in result.metrics), default=0.0) for key in COLUMNS}
    header = ["model", *COLUMNS.values()]
    rows = [
        [Cell(result.model)]
        + [
            Cell(number(result.metrics[key]), len(summary.results) > 1 and result.metrics[key] == best[key] > 0)
            if key in result.metrics
            else Cell(CANNOT)
            for key in COLUMNS
        ]
        for result in summary.results
    ]
    if summary.comparisons:
        reference = summary.results[0].model
        header += [f"NDCG@20 among cold − {reference}", "95 % interval", "p (Holm)"]
        rows = [
            row + list(comparison_cells(summary.comparisons, reference, result.model))
            for row, result in zip(rows, summary.results, strict=True)
        ]
    return Grid(tuple(header), [tuple(row) for row in rows])


def cold_csv(summary: ColdSummary) -> str:
    """Every metric of every model, and its comparison with the best among cold items."""
    keys = list(dict.fromkeys(key for result in summary.results for key in result.metrics))
    rows = []
    for result in summary.results:
        row: dict[str, object] = {"model": result.model, **dict.fromkeys(keys, CANNOT), **result.metrics}
        rows.append(row | comparison_values(HEADLINE, summary.comparisons.get(result.model)))
    return rows_as_csv(["model", *keys, *comparison_columns(HEADLINE)], rows)


def draw_cold(summary: ColdSummary, colours: Mapping[str, str], path: Path) -> None:
    """NDCG@20 of every model on warm items and among cold ones; no bar where a model cannot."""
    results = summary.results[::-1]
    names = [result.model for result in results]
    figure = Figure(figsize=(8, 1.1 + 0.28 * max(4, len(results))), layout="constrained")
    for axes, key, title in zip(
        figure.subplots(1, 2, sharey=True), ("warm_ndcg@20", HEADLINE), ("warm items: NDCG@20", "among cold items: NDCG@20"), strict=True
    ):
        bars = axes.barh(names, [result.metrics.get(key, 0.0) for result in results], 0.72, color=[colours[name] for name in names])
        labels = [f"{result.metrics[key]:.3f}" if key in result.metrics else CANNOT for result in results]
        axes.bar_label(bars, labels, padding=3, fontsize=8)
        axes.margins(x=0.15)
        axes.set_title(title, loc="left", fontsize=10)
        axes.tick_params(left=False)
        finish(axes, along="x")
    save(figure, path)
