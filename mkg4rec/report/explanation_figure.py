"""The picture of an explanation: paths from the user to the item, and the share of each modality."""

from pathlib import Path
from textwrap import shorten
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mkg4rec.report.case_study import shown_name
from mkg4rec.report.explanation import Document, fact_as_path, no_path, title
from mkg4rec.report.figures import assign_colours, finish, save

INK, SOFT, LINE = "#1d2430", "#5d6878", "#0072B2"
WIDEST, THINNEST = 7.0, 0.8
"""Points of the line of most and of least attention."""
ROW, LETTERS = 0.62, 30


def draw_explanation(document: Document, path: Path) -> None:
    """A row per path, the strongest on top; the wider the line, the more attention; below, facts apart and a bar per modality.

    An edge's attention is the larger of the one towards the user and the one towards the item; widths are relative to the
    largest of the panel.
    """
    paths, modalities = document["paths"], document["modalities"]
    facts = [fact_as_path(fact, document["item"]) for fact in document.get("facts_apart", [])]
    heights = [max(1, len(paths)) * ROW + 0.4]
    heights += ([len(facts) * ROW + 0.6] if facts else []) + ([0.6 + 0.3 * len(modalities)] if modalities else [])
    figure = Figure(figsize=(11, sum(heights) + 0.5), layout="constrained")
    panels = figure.subplots(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    heading = f"Why {document['model']} gives {document['user']['name']} {title(document['item'])}"
    figure.suptitle(shorten(heading, 110, placeholder=" …"), x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    _draw_paths(panels[0], paths)
    if not paths:
        _write(panels[0], 0.5, 0, no_path(document), SOFT, 9)
    if facts:
        _draw_paths(panels[1], facts)
        panels[1].set_title("facts of the item that link it to nothing in the history", loc="left", fontsize=9, color=SOFT)
    if modalities:
        names = [shown_name(modality) for modality in modalities]
        bars = panels[-1].barh(names[::-1], list(modalities.values())[::-1], 0.6, color=list(assign_colours(names).values())[::-1])
        panels[-1].bar_label(bars, fmt="%.2f", padding=3, fontsize=8)
        panels[-1].set_xlim(0, 1)
        panels[-1].set_title("share of each modality", loc="left", fontsize=9, color=SOFT)
        finish(panels[-1], along="x")
    save(figure, path)


def _draw_paths(axes: Axes, paths: list[dict[str, Any]]) -> None:
    axes.set_axis_off()
    axes.set(xlim=(-0.09, 1.09), ylim=(max(1, len(paths)) - 0.4, -0.6))
    largest = max((abs(_attention(edge)) for path in paths for edge in path["edges"]), default=0.0) or 1.0
    for row, path in enumerate(paths):
        steps = len(path["edges"])
        for number, edge in enumerate(path["edges"]):
            left, right = number / steps, (number + 1) / steps
            width = THINNEST + (WIDEST - THINNEST) * abs(_attention(edge)) / largest
            axes.plot([left, right], [row, row], color=LINE, alpha=0.45, linewidth=width, solid_capstyle="butt", zorder=1)
            relation = edge["relation"].rpartition(".")[2]
            label = f"← {relation}" if edge["inverse"] else f"{relation} →"
            _write(axes, (left + right) / 2, row - 0.24, f"{label}  {_attention(edge):.3f}", SOFT, 7)
        for number, node in enumerate(path["nodes"]):
            name = shorten(str(node["name"]), LETTERS, placeholder="…")
            box = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": LINE}
            _write(axes, number / steps, row, name, INK, 8, bbox=box)


def _attention(edge: dict[str, Any]) -> float:
    # What a node is contrasted with weighs less than 0.
    return float(max(edge["attention_to_user"], edge["attention_to_item"], key=abs))


def _write(axes: Axes, x: float, y: float, text: str, colour: str, size: float, **style: Any) -> None:
    # A dollar sign in a title begins no formula.
    axes.text(x, y, text, color=colour, fontsize=size, ha="center", va="center", parse_math=False, zorder=2, **style)
