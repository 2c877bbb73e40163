"""Sparsity: what is left of a model, and what its parts add, where only a share of the train interactions is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import Comparison, compare, holm
from mkg4rec.report.figures import finish, save
from mkg4rec.report.grid import NOTHING, Cell, Grid, comparison_columns, comparison_values, difference_cells, number, rows_as_csv
from mkg4rec.report.summary import HEADLINE

MISSING = "missing"
"""In columns about what a variant lacks."""

WHOLE = 100
"""Percent of the train interactions: the ordinary training."""


@dataclass(frozen=True)
class SparsityResult:
    """NDCG@20 of a model by percentage of the train interactions.

    Attributes:
        of: the model that it is a variant of; itself where it is none.
        per_user: tables as `tables.PER_USER`, by percentage.
    """

    model: str
    of: str
    per_user: dict[int, pa.Table]

    def mean(self, percentage: int) -> float:
        """Over the users."""
        return float(pc.mean(self.per_user[percentage][HEADLINE]).as_py())


@dataclass(frozen=True)
class SparsitySummary:
    """The study of a data set.

    Attributes:
        results: in the order of params.yaml.
        percentages: descending, `WHOLE` first.
        comparisons: by variant and percentage, the model that it is a variant of against it: what it lacks is worth so much. p-values
            Holm-corrected over all.
    """

    results: list[SparsityResult]
    percentages: list[int]
    comparisons: dict[tuple[str, int], Comparison]


def summarize_sparsity(results: Sequence[SparsityResult], percentages: Sequence[int]) -> SparsitySummary:
    """Hold every variant against its model, where both take part.

    Raises:
        PipelineError: two models were tested on different users.
    """
    every = [WHOLE, *percentages]
    by_name = {result.model: result for result in results}
    pairs = [(result, by_name[result.of]) for result in results if result.of != result.model and result.of in by_name]
    comparisons = {
        (variant.model, percentage): _compare(model.per_user[percentage], variant.per_user[percentage])
        for variant, model in pairs
        for percentage in every
    }
    corrected = holm([comparison.p_value for comparison in comparisons.values()])
    held = zip(comparisons.items(), corrected, strict=True)
    return SparsitySummary(list(results), every, {key: replace(comparison, p_value=p_value) for (key, comparison), p_value in held})


def _compare(first: pa.Table, second: pa.Table) -> Comparison:
    if not first["user_id"].equals(second["user_id"]):
        raise PipelineError("report: models of the sparsity study were tested on different users; run `dvc repro` to test them anew.")
    return compare(first[HEADLINE].to_numpy(), second[HEADLINE].to_numpy())


def sparsity_grid(summary: SparsitySummary) -> Grid:
    """A row per model: NDCG@20 by percentage, and by how much the model that it is a variant of is above it."""
    header = ["model"]
    for percentage in summary.percentages:
        header += [f"{percentage} %{part}" for part in (" of train: NDCG@20", ": what is missing adds", ": 95 % interval", ": p (Holm)")]
    best = {percentage: max(result.mean(percentage) for result in summary.results) for percentage in summary.percentages}
    rows = []
    for result in summary.results:
        row = [Cell(result.model)]
        for percentage in summary.percentages:
            value = result.mean(percentage)
            row.append(Cell(number(value), len(summary.results) > 1 and value == best[percentage] > 0))
            comparison = summary.comparisons.get((result.model, percentage))
            row += difference_cells(comparison) if comparison else [Cell(NOTHING), Cell(""), Cell("")]
        rows.append(tuple(row))
    return Grid(tuple(header), rows)


def sparsity_csv(summary: SparsitySummary) -> str:
    """A line per model and percentage: NDCG@20, and by how much the model that it is a variant of is above it."""
    rows = [
        {"model": result.model, "percentage": percentage, HEADLINE: f"{result.mean(percentage):.6g}"}
        | comparison_values(MISSING, summary.comparisons.get((result.model, percentage)))
        for result in summary.results
        for percentage in summary.percentages
    ]
    return rows_as_csv(["model", "percentage", HEADLINE, *comparison_columns(MISSING)], rows)


def draw_sparsity(summary: SparsitySummary, colours: Mapping[str, str], path: Path) -> None:
    """NDCG@20 by percentage, and what each variant lacks as a share of its NDCG@20 with the ends of the interval."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    levels, shares = figure.subplots(1, 2)
    places = range(len(summary.percentages))
    for result in summary.results:
        values = [result.mean(percentage) for percentage in summary.percentages]
        levels.plot(places, values, marker="o", color=colours[result.model], label=result.model)
        compared = [summary.comparisons.get((result.model, percentage)) for percentage in summary.percentages]
        if all(compared) and all(values):
            ends = [
                (c.difference / v, (c.difference - c.low) / v, (c.high - c.difference) / v)
                for c, v in zip(compared, values, strict=True)
                if c
            ]
            middle, below, above = zip(*ends, strict=True)
            shares.errorbar(places, middle, yerr=[below, above], marker="o", capsize=3, color=colours[result.model], label=result.model)
    levels.set_title("NDCG@20", loc="left", fontsize=10)
    shares.set_title("what is missing adds to NDCG@20", loc="left", fontsize=10)
    shares.yaxis.set_major_formatter("{x:.1%}")
    for axes in (levels, shares):
        axes.set_xticks(places, [f"{percentage} %" for percentage in summary.percentages])
        axes.set_xlabel("of every user's train interactions")
        finish(axes)
    levels.legend(frameon=False, fontsize=7)
    save(figure, path)
