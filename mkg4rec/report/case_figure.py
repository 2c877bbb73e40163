"""The picture of a case study: posters, and under each how the attention to the item is divided."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle
from PIL import Image, ImageOps

from mkg4rec.media.images import FORMATS, as_shown
from mkg4rec.report.case_study import AttendedItem, Case, shown_name
from mkg4rec.report.figures import assign_colours, save

INK, SOFT, EDGE, TINT, HIT = "#1d2430", "#5d6878", "#dfe4ea", "#edf0f3", "#0a7f5a"
"""As on the page."""

# All lengths are in inches, from the upper left corner.
COLUMNS = 5
WIDTH, GAP, MARGIN = 1.66, 0.3, 0.14
POSTER = 1.5 * WIDTH
HEADER = 0.78
LINE, BAR = 0.145, 0.19
TITLE_LINES, TITLE_LETTERS = 3, 23
POSTER_PIXELS = (498, 747)


def draw_case(case: Case, model: str, path: Path) -> None:
    """The items in rows of five: poster, title, and a bar per modality with its share; a tick where the item is a hit.

    Where there is no poster, its place has the title.
    """
    colours = assign_colours(list(case.items[0].shares))
    rows = [case.items[start : start + COLUMNS] for start in range(0, len(case.items), COLUMNS)]
    titles = [[_lines(f"{item.rank}  {item.title}", TITLE_LETTERS) for item in row] for row in rows]
    heights = [_height(row, lines) for row, lines in zip(rows, titles, strict=True)]
    size = (2 * MARGIN + COLUMNS * WIDTH + (COLUMNS - 1) * GAP, HEADER + sum(heights))
    figure, axes = _canvas(size)
    _draw_header(axes, case, model)
    top = HEADER
    for row, lines, height in zip(rows, titles, heights, strict=True):
        for column, (item, title) in enumerate(zip(row, lines, strict=True)):
            left = MARGIN + column * (WIDTH + GAP)
            _draw_poster(axes, item, left, top)
            _write(axes, left, top + POSTER + 0.09, "\n".join(title), size=8, color=INK, linespacing=1.25)
            bars = top + height - len(item.shares) * BAR - 0.3
            _draw_shares(axes, item.shares, colours, left, bars)
        top += height
    # Pictures set the limits anew.
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    save(figure, path)


def _height(row: Sequence[AttendedItem], titles: Sequence[Sequence[str]]) -> float:
    """Of a row of items: poster, the longest title, bars, and space before the next row."""
    return POSTER + 0.16 + max(map(len, titles)) * LINE + len(row[0].shares) * BAR + 0.3


def _canvas(size: tuple[float, float]) -> tuple[Figure, Axes]:
    """A figure whose only axes are measured in inches."""
    figure = Figure(figsize=size)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set(xlim=(0, size[0]), ylim=(size[1], 0))
    return figure, axes


def _draw_header(axes: Axes, case: Case, model: str) -> None:
    *first, last = [shown_name(modality) for modality in case.items[0].shares]
    names = f"{', '.join(first)} and {last}" if first else last
    hits = sum(item.hit for item in case.items)
    _write(axes, MARGIN, 0.1, f"User {case.user}", size=13, color=INK, weight="bold")
    explanation = f"What {model} recommends, and the share of its attention that each item's {names} gets"
    taken = f" · {hits} of {len(case.items)} taken" if hits else ""
    _write(axes, MARGIN, 0.4, explanation + taken, size=9, color=SOFT)


def _draw_poster(axes: Axes, item: AttendedItem, left: float, top: float) -> None:
    # Of the line around, the picture leaves the outer half: a white poster still has an edge.
    frame = _frame(axes, left, top, 0.0, facecolor=TINT, edgecolor=EDGE, linewidth=1.6)
    if item.poster is None:
        words = "\n".join(_lines(item.title, 16, most=6))
        _write(axes, left + WIDTH / 2, top + POSTER / 2, words, size=9, color=SOFT, ha="center", va="center", linespacing=1.4)
    else:
        picture = axes.imshow(_picture(item.poster), extent=(left, left + WIDTH, top + POSTER, top), aspect="auto", zorder=2)
        picture.set_clip_path(frame)
    if item.hit:
        _frame(axes, left, top, 0.035, facecolor="none", edgecolor=HIT, linewidth=2.2)
        right = left + WIDTH - 0.04
        axes.add_patch(Circle((right, top + 0.04), 0.15, facecolor=HIT, edgecolor="white", linewidth=1.5, zorder=3))
        _write(axes, right, top + 0.045, "✓", size=10, color="white", weight="bold", ha="center", va="center", zorder=4)


def _frame(axes: Axes, left: float, top: float, distance: float, **style: Any) -> FancyBboxPatch:
    """A rectangle with round corners around a poster."""
    box = f"round,pad={distance},rounding_size={0.06 + distance}"
    frame = FancyBboxPatch((left, top), WIDTH, POSTER, boxstyle=box, **style)
    axes.add_patch(frame)
    return frame


def _draw_shares(axes: Axes, shares: Mapping[str, float], colours: Mapping[str, str], left: float, top: float) -> None:
    """A line per modality: its name, its share as a part of the whole, the number."""
    name_width, number_width, thickness = 0.42, 0.27, 0.085
    length = WIDTH - name_width - number_width
    for number, (modality, share) in enumerate(shares.items()):
        middle = top + (number + 0.5) * BAR
        _write(axes, left, middle, shown_name(modality), size=7.5, color=SOFT, va="center")
        for part, colour in ((1.0, TINT), (share, colours[modality])):
            axes.add_patch(Rectangle((left + name_width, middle - thickness / 2), part * length, thickness, facecolor=colour))
        _write(axes, left + WIDTH, middle, f"{share:.2f}".removeprefix("0"), size=7.5, color=INK, ha="right", va="center")


def _picture(image: bytes) -> Image.Image:
    """A poster that fills its place, what stands over cut off evenly."""
    with Image.open(BytesIO(image), formats=FORMATS) as picture:
        return ImageOps.fit(as_shown(picture), POSTER_PIXELS)


def _lines(text: str, letters: int, most: int = TITLE_LINES) -> list[str]:
    """At most `most` lines; what does not fit is cut, and "…" tells it."""
    lines = wrap(text, letters, max_lines=most, placeholder=" …")
    return lines or [""]


def _write(axes: Axes, x: float, y: float, text: str, va: str = "top", **style: Any) -> None:
    # A dollar sign in a title begins no formula.
    axes.text(x, y, text, va=va, parse_math=False, **style)
