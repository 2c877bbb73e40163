"""Warm and cold: the same training judged on items that it saw and on items that it did not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.compute as pc
from matplotlib.figure import Figure

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import Comparison, compare, holm
from mkg4rec.report.figures import finish, save
from mkg4rec.report.grid import Cell, Grid, comparison_cells, comparison_columns, comparison_values, number, rows_as_csv
from mkg4rec.report.summary import Result
from mkg4rec.tables import COLD_PER_USER

CANNOT = "cannot"
WARM, COLD, HEADLINE = PAIRED = ("warm_ndcg@20", "cold_ndcg@20", "among_cold_ndcg@20")
"""What models are compared by."""

COLUMNS = {
    "warm_recall@20": "warm: Recall@20",
    WARM: "warm: NDCG@20",
    "cold_recall@20": "cold among all: Recall@20",
    COLD: "cold among all: NDCG@20",
    "among_cold_recall@20": "among cold: Recall@20",
    HEADLINE: "among cold: NDCG@20",
}


@dataclass(frozen=True)
class ColdSummary:
    """The cold results of a data set.

    Attributes:
        results: the best NDCG@20 among cold items first, those that cannot last; `per_user` as `tables.COLD_PER_USER`.
        comparisons: for each of `PAIRED` by model, its values against those of the first of `results` on the same users; p-values
            Holm-corrected over all.
    """

    results: list[Result]
    comparisons: dict[str, dict[str, Comparison]]


def read_cold_result(model: str, metrics: Path, per_user: Path) -> Result:
    """Read what the stage `cold` or `repeat_cold` wrote; a model that cannot score cold items has no metrics of them.

    Raises:
        PipelineError: a file is missing or is not what the stage writes.
    """
    try:
        values = json.loads(metrics.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{metrics}: there is no such file; `dvc repro` makes it.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{metrics}: not JSON ({error}); delete it and run `dvc repro`.") from error
    if not isinstance(values, dict) or WARM not in values:
        raise PipelineError(f"{metrics}: {WARM} missing; delete the file and run `dvc repro`.")
    return Result(model, values, COLD_PER_USER.read(per_user))


def summarize_cold(results: Sequence[Result]) -> ColdSummary:
    """Order the results, and compare all with the best on cold items; where no model can score these, with the best on the others.

    Raises:
        PipelineError: two models were tested on different users.
    """
    ordered = sorted(results, key=lambda result: (-result.metrics.get(HEADLINE, -1.0), -result.metrics[WARM], result.model))
    comparisons = {
        (key, result.model): _compare(key, result, ordered[0])
        for key in PAIRED
        for result in ordered[1:]
        if key in result.metrics and key in ordered[0].metrics
    }
    corrected = holm([comparison.p_value for comparison in comparisons.values()])
    by_key: dict[str, dict[str, Comparison]] = {key: {} for key in PAIRED}
    for ((key, model), comparison), p_value in zip(comparisons.items(), corrected, strict=True):
        by_key[key][model] = replace(comparison, p_value=p_value)
    return ColdSummary(ordered, by_key)


def _compare(key: str, first: Result, second: Result) -> Comparison:
    if first.per_user is None or second.per_user is None:
        raise ValueError(f"{first.model} and {second.model} are compared by user, but have averages alone")
    if not first.per_user["user_id"].equals(second.per_user["user_id"]):
        raise PipelineError(
            f"report: {first.model} and {second.model} were tested on different cold items; run `dvc repro` to test both anew."
        )
    # A user without such an item to find has no value, of neither model.
    both = pc.and_(first.per_user[key].is_valid(), second.per_user[key].is_valid())
    return compare(first.per_user[key].filter(both).to_numpy(), second.per_user[key].filter(both).to_numpy())


def cold_grid(summary: ColdSummary) -> Grid:
    """A row per model: warm items, cold items among all, cold items among themselves, and the differences to the first model."""
    results = summary.results
    columns: dict[str, list[Cell]] = {"model": [Cell(result.model) for result in results]}
    columns |= {name: _metric_cells(results, key) for key, name in COLUMNS.items()}
    if any(result.num_seeds > 1 for result in results):
        columns["seeds"] = [Cell(str(result.num_seeds)) for result in results]
    reference = results[0].model if results else ""
    for key in PAIRED:
        if summary.comparisons[key]:
            items = COLUMNS[key].partition(":")[0]
            names = (f"{COLUMNS[key]} − {reference}", f"{items}: 95 % interval", f"{items}: p (Holm)")
            cells = zip(*(comparison_cells(summary.comparisons[key], reference, result.model) for result in results), strict=True)
            columns |= {name: list(column) for name, column in zip(names, cells, strict=True)}
    return Grid(tuple(columns), list(zip(*columns.values(), strict=True)))


def _metric_cells(results: Sequence[Result], key: str) -> list[Cell]:
    best = max((result.metrics[key] for result in results if key in result.metrics), default=0.0)
    return [
        Cell(number(result.metrics[key]) + _deviation(result, key), len(results) > 1 and result.metrics[key] == best > 0)
        if key in result.metrics
        else Cell(CANNOT)
        for result in results
    ]


def _deviation(result: Result, key: str) -> str:
    return f" ± {number(result.deviations[key])}" if key in result.deviations else ""


def cold_csv(summary: ColdSummary) -> str:
    """Every metric of every model, its deviation over seeds, and its comparisons with the first model."""
    keys = list(dict.fromkeys(key for result in summary.results for key in result.metrics))
    rows = []
    for result in summary.results:
        row: dict[str, object] = {"model": result.model, "seeds": result.num_seeds, **dict.fromkeys(keys, CANNOT), **result.metrics}
        row |= {f"{key} sd": f"{value:.6g}" for key, value in result.deviations.items()}
        for key in PAIRED:
            row |= comparison_values(key, summary.comparisons[key].get(result.model))
        rows.append(row)
    compared = [column for key in PAIRED for column in comparison_columns(key)]
    return rows_as_csv(["model", "seeds", *keys, *(f"{key} sd" for key in keys), *compared], rows)


def draw_cold(summary: ColdSummary, colours: Mapping[str, str], path: Path) -> None:
    """NDCG@20 of every model on warm items and among cold ones, with a line for the deviation over seeds; no bar where a model cannot."""
    results = summary.results[::-1]
    names = [result.model for result in results]
    figure = Figure(figsize=(8, 1.1 + 0.28 * max(4, len(results))), layout="constrained")
    for axes, key, title in zip(
        figure.subplots(1, 2, sharey=True), (WARM, HEADLINE), ("warm items: NDCG@20", "among cold items: NDCG@20"), strict=True
    ):
        values = [result.metrics.get(key, 0.0) for result in results]
        deviations = [result.deviations.get(key, 0.0) for result in results]
        lines = deviations if any(deviations) else None
        bars = axes.barh(names, values, 0.72, xerr=lines, color=[colours[name] for name in names])
        labels = [f"{result.metrics[key]:.3f}" if key in result.metrics else CANNOT for result in results]
        axes.bar_label(bars, labels, padding=3, fontsize=8)
        axes.margins(x=0.15)
        axes.set_title(title, loc="left", fontsize=10)
        axes.tick_params(left=False)
        finish(axes, along="x")
    save(figure, path)
