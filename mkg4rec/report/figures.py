"""The pictures of a report: accuracy of the models, and how they were trained."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from mkg4rec.errors import PipelineError
from mkg4rec.report.grid import metric_name
from mkg4rec.report.published import Published
from mkg4rec.report.summary import ACCURACY, HEADLINE, Summary

COLOURS = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#F0E442", "#000000"),
    *("#60209F", "#606000", "#800020", "#60BF40", "#FF80FF", "#DF9F80", "#DF0080", "#606060"),
    *("#4080FF", "#FF6060", "#004020", "#602060", "#804000", "#9FBF9F", "#006000", "#BF9FFF"),
)
"""Okabe and Ito's eight, told apart by the colour-blind, too (https://jfly.uni-koeln.de/color/); then those that are farthest, one after
the other, from all before (CIELAB, difference 31 at least), for who compares more models."""

NAMES_AMONG_CURVES = 8
"""Of more models the names stand beside the figure, once."""


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
    """A colour per model, so that it is the same in every figure; after 24 they come again."""
    return dict(zip(models, cycle(COLOURS), strict=False))


def ink_on(colour: str) -> str:
    """Black or white, whichever has the higher contrast with `colour` (WCAG 2.1, relative luminance)."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    luminance = 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    return "black" if (luminance + 0.05) ** 2 > 0.05 * 1.05 else "white"


def draw_accuracy(summary: Summary, colours: Mapping[str, str], published: Mapping[str, Published], path: Path) -> None:
    """A panel per metric and a bar per model, the best on top; a line for the deviation over seeds, a diamond for what was published."""
    models = [result.model for result in summary.results][::-1]
    figure = Figure(figsize=(9, 1.1 + 0.28 * max(4, len(models))), layout="constrained")
    for axes, key in zip(figure.subplots(1, len(ACCURACY), sharey=True), ACCURACY, strict=True):
        results = summary.results[::-1]
        values = [result.metrics[key] for result in results]
        deviations = [result.deviations.get(key, 0.0) for result in results]
        bars = axes.barh(models, values, 0.72, xerr=deviations if any(deviations) else None, color=[colours[model] for model in models])
        for label, model in zip(axes.bar_label(bars, fmt="%.3f", label_type="center", fontsize=8), models, strict=True):
            label.set_color(ink_on(colours[model]))
        known = [(getattr(published[model], key.partition("@")[0]), model) for model in models if model in published]
        axes.scatter(
            [value for value, _ in known], [model for _, model in known], marker="D", s=22, facecolor="white", edgecolor="black", zorder=3
        )
        axes.set_title(metric_name(key), loc="left", fontsize=10)
        axes.tick_params(left=False)
        finish(axes, along="x")
    if any(model in published for model in models):
        figure.text(0.995, 0.005, "◇ published", ha="right", va="bottom", fontsize=8)
    save(figure, path)


def draw_training(logs: Sequence[TrainingLog], colours: Mapping[str, str], path: Path) -> None:
    """Losses and validation NDCG@20 by epoch; a model that is fitted at once is a dashed level in the second."""
    many = len(logs) > NAMES_AMONG_CURVES
    figure = Figure(figsize=(10 if many else 8, max(3.2, 0.2 * len(logs))), layout="constrained")
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
        finish(axes)
        if not many and axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, fontsize=8)
    if many:
        figure.legend(*validation_axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    save(figure, path)


def finish(axes: Axes, along: Literal["x", "y"] = "y") -> None:
    """The look that all figures share; `along` is the axis of the values."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=along, alpha=0.3)
    axes.set_axisbelow(True)


def save(figure: Figure, path: Path) -> None:
    """Write a PNG that is the same for the same numbers."""
    # Without the version of Matplotlib, the same numbers give the same bytes.
    figure.savefig(path, dpi=150, metadata={"Software": None})
