"""The tables of a report as files: Markdown to read, CSV to compute with, a figure to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mkg4rec.params import AblationTable
from mkg4rec.report.cold import ColdSummary, cold_csv, cold_grid, draw_cold
from mkg4rec.report.figures import draw_accuracy
from mkg4rec.report.grid import Grid, accuracy_grid, as_csv, as_markdown, grid_as_csv
from mkg4rec.report.published import Published
from mkg4rec.report.sparsity import SparsitySummary, draw_sparsity, sparsity_csv, sparsity_grid
from mkg4rec.report.statistics import Statistics, draw_statistics, statistics_grid
from mkg4rec.report.summary import Result, Summary, summarize


@dataclass(frozen=True)
class Comparison:
    """A table that holds some models against one of them.

    Attributes:
        name: of its files, and its title.
    """

    name: str
    summary: Summary


def ablations(tables: Mapping[str, AblationTable], results: Sequence[Result]) -> list[Comparison]:
    """The tables of params.yaml of which at least two models were evaluated."""
    shown = {name: {table.against, *table.variants, *table.beside} for name, table in tables.items()}
    chosen = {name: [result for result in results if result.model in models] for name, models in shown.items()}
    return [Comparison(name, summarize(rows, tables[name].against)) for name, rows in chosen.items() if len(rows) > 1]


def main_rows(tables: Mapping[str, AblationTable], results: Sequence[Result]) -> list[Result]:
    """The results that are no table's variant; all of them where nothing else was evaluated."""
    variants = {name for table in tables.values() for name in table.variants}
    return [result for result in results if result.model not in variants] or list(results)


def write_comparison(table: Comparison, dataset: str, colours: Mapping[str, str], published: Mapping[str, Published], folder: Path) -> None:
    """`<name>.md`, `<name>.csv` and `<name>.png` in `folder`."""
    grid = accuracy_grid(table.summary, published)
    (folder / f"{table.name}.md").write_text(f"# {dataset}: {table.name}\n\n{as_markdown(grid)}", encoding="utf-8")
    (folder / f"{table.name}.csv").write_text(as_csv(table.summary, published), encoding="utf-8")
    draw_accuracy(table.summary, colours, published, folder / f"{table.name}.png")


def write_cold(summary: ColdSummary, dataset: str, colours: Mapping[str, str], folder: Path) -> None:
    """`cold.md`, `cold.csv` and `cold.png` in `folder`."""
    _write_table(cold_grid(summary), cold_csv(summary), "cold", dataset, folder)
    draw_cold(summary, colours, folder / "cold.png")


def write_sparsity(summary: SparsitySummary, dataset: str, colours: Mapping[str, str], folder: Path) -> None:
    """`sparsity.md`, `sparsity.csv` and `sparsity.png` in `folder`."""
    _write_table(sparsity_grid(summary), sparsity_csv(summary), "sparsity", dataset, folder)
    draw_sparsity(summary, colours, folder / "sparsity.png")


def write_statistics(found: Statistics, dataset: str, folder: Path) -> None:
    """`statistics.md`, `statistics.csv` and `statistics.png` in `folder`."""
    grid = statistics_grid(dataset, found)
    _write_table(grid, grid_as_csv(grid), "statistics", dataset, folder)
    draw_statistics(found, folder / "statistics.png")


def _write_table(grid: Grid, values: str, name: str, dataset: str, folder: Path) -> None:
    (folder / f"{name}.md").write_text(f"# {dataset}: {name}\n\n{as_markdown(grid)}", encoding="utf-8")
    (folder / f"{name}.csv").write_text(values, encoding="utf-8")
