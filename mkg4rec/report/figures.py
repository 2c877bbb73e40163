"""The pictures of a report: accuracy of the models, and how they were trained."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mkg4rec.errors import PipelineError
from mkg4rec.report.grid import metric_name
from mkg4rec.report.summary import ACCURACY, HEADLINE, Summary

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000")
"""Okabe and Ito's palette, told apart by the colour-blind, too (https://jfly.uni-koeln.de/color/)."""


@dataclass(frozen=True)
class TrainingLog:
    """How a model was trained, by column name, one value an epoch.

    Attributes:
        model: its name.
        losses: `epoch`, and each loss under its name.
        validation: `epoch`, `recall@20`, `mrr@20`, `ndcg@20`.
    """

    model: str
    losses: dict[str, list[float]]
    validation: dict[str, list[float]]


def read_training_log(model: str, folder: Path) -> TrainingLog:
    """Read `loss.csv` and `validation.csv` of `folder`.

    Raises:
        PipelineError: one is missing, or is not a table of numbers with the columns needed.
    """
    losses = _read_columns(folder / "loss.csv", ("epoch",))
    validation = _read_columns(folder / "validation.csv", ("epoch", HEADLINE))
    return TrainingLog(model, losses, validation)


def _read_columns(path: Path, required: Sequence[str]) -> dict[str, list[float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        columns = {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: there is no such training log; `dvc repro` trains the model and makes it.") from error
    except (ValueError, TypeError) as error:
        raise PipelineError(f"{path}: not a table of numbers ({error}); run `dvc repro` to train anew.") from error
    missing = [name for name in required if name not in columns]
    if missing:
        raise PipelineError(f"{path}: column {', '.join(missing)} missing; run `dvc repro` to train anew.")
    return columns


def assign_colours(models: Sequence[str]) -> dict[str, str]:
    """A colour per model, so that it is the same in every figure; after eight they come again."""
    return dict(zip(models, cycle(COLOURS), strict=False))


def draw_accuracy(summary: Summary, colours: Mapping[str, str], path: Path) -> None:
    """Bars of Recall, MRR and NDCG @20, a group per metric and a bar per model, the best model first."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / len(summary.results)
    for place, result in enumerate(summary.results):
        left = [group + (place - (len(summary.results) - 1) / 2) * width for group in range(len(ACCURACY))]
        heights = [result.metrics[key] for key in ACCURACY]
        bars = axes.bar(left, heights, width * 0.94, label=result.model, color=colours[result.model])
        # More bars leave no room for a number over each.
        if len(summary.results) <= 6:
            axes.bar_label(bars, fmt="%.3f", padding=2, fontsize=8)
    axes.set_xticks(range(len(ACCURACY)), [metric_name(key) for key in ACCURACY])
    axes.tick_params(bottom=False)
    axes.margins(y=0.1)
    _finish(axes)
    figure.legend(loc="outside right upper", frameon=False)
    _save(figure, path)


def draw_training(logs: Sequence[TrainingLog], colours: Mapping[str, str], path: Path) -> None:
    """Losses and validation NDCG@20 by epoch; a model that is fitted at once is a dashed level in the second."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    loss_axes, validation_axes = figure.subplots(1, 2)
    for log in logs:
        colour = colours[log.model]
        if len(log.validation["epoch"]) == 1:
            validation_axes.axhline(log.validation[HEADLINE][0], color=colour, linestyle="--", label=log.model)
            continue
        validation_axes.plot(log.validation["epoch"], log.validation[HEADLINE], color=colour, label=log.model)
        for name, style in zip((name for name in log.losses if name.endswith("loss")), ("-", ":", "-."), strict=False):
            loss_axes.plot(log.losses["epoch"], log.losses[name], color=colour, linestyle=style, label=f"{log.model}: {name}")
    for axes, title in ((loss_axes, "training loss"), (validation_axes, f"validation {metric_name(HEADLINE)}")):
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        _finish(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def _finish(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)


def _save(figure: Figure, path: Path) -> None:
    # Without the version of Matplotlib, the same numbers give the same bytes.
    figure.savefig(path, dpi=150, metadata={"Software": None})
