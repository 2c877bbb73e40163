"""Results as tables of text: for Markdown, for a terminal, for a spreadsheet, for the page."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

from mkg4rec.evaluation.significance import Comparison
from mkg4rec.report.published import Published
from mkg4rec.report.summary import ACCURACY, HEADLINE, Result, Summary

DETAILS = (
    "recall@10",
    "ndcg@10",
    "recall@50",
    "ndcg@50",
    "rare_ndcg@20",
    "among_rare_ndcg@20",
    "coverage@20",
    "novelty@20",
    "popularity@20",
    "diversity@20",
)
NAMES = {
    "recall": "Recall",
    "mrr": "MRR",
    "ndcg": "NDCG",
    "rare_ndcg": "rare items: NDCG",
    "among_rare_ndcg": "among rare items: NDCG",
    "coverage": "Coverage",
    "novelty": "Novelty",
    "popularity": "Popularity",
    "diversity": "Diversity",
}
NO_DIRECTION = {"coverage", "novelty", "popularity", "diversity"}
"""Measures of which more is not simply better, so that no model is best."""

NOTHING = "–"


@dataclass(frozen=True)
class Cell:
    """A value as text; `best` where no other model has a better one."""

    text: str
    best: bool = False


@dataclass(frozen=True)
class Grid:
    """A table to be shown, a row per model with its name first."""

    header: tuple[str, ...]
    rows: list[tuple[Cell, ...]]


def accuracy_grid(summary: Summary, published: Mapping[str, Published] | None = None) -> Grid:
    """Recall, MRR and NDCG @20, what was published of the model, and how NDCG@20 differs from the reference's.

    Args:
        published: by model, the numbers of a paper; no column where there are none.
    """
    header = [metric_name(key) for key in ACCURACY]
    columns = [_metric_cells(summary.results, key) for key in ACCURACY]
    if any(result.num_seeds > 1 for result in summary.results):
        header.append("seeds")
        columns.append(tuple(Cell(str(result.num_seeds)) for result in summary.results))
    if published and any(result.model in published for result in summary.results):
        header.append("published")
        columns.append(tuple(_published_cell(published.get(result.model)) for result in summary.results))
    if summary.reference:
        header += [f"{metric_name(HEADLINE)} − {summary.reference}", "95 % interval", "p (Holm)"]
        columns += zip(*(comparison_cells(summary.comparisons, summary.reference, result.model) for result in summary.results), strict=True)
    return _grid(summary, header, columns)


def detail_grid(summary: Summary) -> Grid:
    """Other cutoffs, rare items, and what the lists offer beyond accuracy."""
    keys = [key for key in DETAILS if any(key in result.metrics for result in summary.results)]
    return _grid(summary, [metric_name(key) for key in keys], [_metric_cells(summary.results, key) for key in keys])


def metric_name(key: str) -> str:
    """A key of the metrics file in the field's spelling: NDCG@20 of `ndcg@20`."""
    measure, _, k = key.partition("@")
    return f"{NAMES[measure]}@{k}"


def as_markdown(grid: Grid) -> str:
    """A Markdown table, the best values bold."""
    lines = [grid.header, ("---", *("---:" for _ in grid.header[1:]))]
    lines += [tuple(f"**{cell.text}**" if cell.best else cell.text for cell in row) for row in grid.rows]
    # A title may have a bar in it, which would end its cell.
    escaped = ([text.replace("|", r"\|") for text in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in escaped)


def as_text(grid: Grid) -> str:
    """Aligned columns, the best values with a star."""
    # Every number has a place for the star after it, so that digits stay under digits.
    lines = [tuple(f"{name} " for name in grid.header), *(tuple(cell.text + (" *"[cell.best]) for cell in row) for row in grid.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines)
    return "".join(" ".join(line).rstrip() + "\n" for line in aligned)


def grid_as_csv(grid: Grid) -> str:
    """The grid's texts, numbers without the commas between their thousands."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([grid.header, *([cell.text.replace(",", "") for cell in row] for row in grid.rows)])
    return text.getvalue()


def rows_as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """A line per row, empty where it has no value of a column."""
    text = StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def comparison_columns(of: str) -> list[str]:
    """The columns of `comparison_values`."""
    return [f"{of} {part}" for part in ("difference", "low", "high", "p")]


def comparison_values(of: str, comparison: Comparison | None) -> dict[str, str]:
    """A difference, its interval and its p-value, by column; none where nothing was compared."""
    if comparison is None:
        return {}
    values = (comparison.difference, comparison.low, comparison.high, comparison.p_value)
    return {column: f"{value:.6g}" for column, value in zip(comparison_columns(of), values, strict=True)}


def as_csv(summary: Summary, published: Mapping[str, Published] | None = None) -> str:
    """Every metric of every model, its deviation over seeds, its comparison with the reference, and what was published."""
    keys = list(dict.fromkeys(key for result in summary.results for key in result.metrics))
    columns = ["model", "seeds", *keys, *(f"{key} sd" for key in keys)]
    columns += comparison_columns(HEADLINE) + [f"published {key}" for key in ACCURACY]
    rows = []
    for result in summary.results:
        row: dict[str, object] = {"model": result.model, "seeds": result.num_seeds, **result.metrics}
        row |= {f"{key} sd": f"{value:.6g}" for key, value in result.deviations.items()}
        row |= comparison_values(HEADLINE, summary.comparisons.get(result.model))
        if known := (published or {}).get(result.model):
            row |= {"published recall@20": known.recall, "published mrr@20": known.mrr, "published ndcg@20": known.ndcg}
        rows.append(row)
    return rows_as_csv(columns, rows)


def _grid(summary: Summary, header: Sequence[str], columns: Sequence[Sequence[Cell]]) -> Grid:
    models = [Cell(result.model) for result in summary.results]
    return Grid(("model", *header), list(zip(models, *columns, strict=True)))


def _metric_cells(results: Sequence[Result], key: str) -> tuple[Cell, ...]:
    numbers = [number(result.metrics[key]) if key in result.metrics else NOTHING for result in results]
    deviations = [f" ± {number(result.deviations[key])}" if key in result.deviations else "" for result in results]
    has_best = len(results) > 1 and key.partition("@")[0] not in NO_DIRECTION
    best = number(max(result.metrics[key] for result in results if key in result.metrics))
    # Where nobody scores, nobody is best.
    return tuple(
        Cell(text + deviation, has_best and text == best != number(0)) for text, deviation in zip(numbers, deviations, strict=True)
    )


def _published_cell(published: Published | None) -> Cell:
    return Cell(" / ".join(number(value) for value in (published.recall, published.mrr, published.ndcg)) if published else NOTHING)


def number(value: float) -> str:
    """Four digits after the point, or four in all."""
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.4g}"


def comparison_cells(comparisons: Mapping[str, Comparison], reference: str, model: str) -> tuple[Cell, Cell, Cell]:
    """The difference to the reference, its interval, and its p-value."""
    if model not in comparisons:
        return Cell("reference" if model == reference else NOTHING), Cell(""), Cell("")
    return difference_cells(comparisons[model])


def difference_cells(comparison: Comparison) -> tuple[Cell, Cell, Cell]:
    """A difference, its interval, and its p-value."""
    return (
        Cell(f"{comparison.difference:+.4f}"),
        Cell(f"{comparison.low:+.4f} … {comparison.high:+.4f}"),
        Cell("< 0.001" if comparison.p_value < 0.001 else f"{comparison.p_value:.3f}"),
    )
