"""Posters, drawn: one look per style, no two alike."""

import colorsys
import io
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mkg4rec.sources.synthetic.world import Style

SIZE = (160, 240)
"""Width and height in pixels."""

QUALITY = 82

Colour = tuple[int, int, int]

# Drawn at twice the size and scaled down, which smooths the edges.
_SCALE = 2
_WIDTH, _HEIGHT = SIZE[0] * _SCALE, SIZE[1] * _SCALE
_MARGIN = 22


def draw_poster(title: str, year: int, style: Style, rng: np.random.Generator) -> bytes:
    """A JPEG of `SIZE` in the palette and composition of `style`, lettered with title and year."""
    canvas = _PAINTERS[style](rng)
    _letter(canvas, title, year, style)
    encoded = io.BytesIO()
    canvas.reduce(_SCALE).save(encoded, "JPEG", quality=QUALITY, optimize=True)
    return encoded.getvalue()


def _nocturne(rng: np.random.Generator) -> Image.Image:
    """A moon and stars over dark roofs."""
    hue = 0.62 + rng.uniform(-0.04, 0.08)
    sky = _colour(hue, 0.85, 0.12), _colour(hue + 0.06, 0.6, 0.5)
    canvas = _gradient(*sky)
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(40, 80))):
        x, y = rng.uniform(0, _WIDTH), rng.uniform(0, 0.6 * _HEIGHT)
        _disc(draw, x, y, rng.uniform(0.8, 2.2), _colour(hue, 0.1, rng.uniform(0.6, 1)))
    x, y, radius = rng.uniform(80, _WIDTH - 80), rng.uniform(80, 170), rng.uniform(32, 62)
    _disc(draw, x, y, radius, _colour(0.14, 0.12, 0.97))
    if rng.random() < 0.5:
        _disc(draw, x + radius * rng.uniform(-0.6, 0.6), y - 0.15 * radius, 0.9 * radius, _mix(*sky, y / _HEIGHT))
    for depth, value in enumerate((0.3, 0.2, 0.1)):
        left = -10.0
        while left < _WIDTH:
            width = rng.uniform(24, 62)
            top = 255 + 45 * depth + rng.uniform(-30, 30)
            draw.rectangle((left, top, left + width, _HEIGHT), fill=_colour(hue + 0.02, 0.7, value))
            for window in range(int(rng.integers(0, 3)) if depth < 2 else 0):
                corner = (left + 8 + 12 * window, top + rng.uniform(8, 20))
                draw.rectangle((*corner, corner[0] + 5, corner[1] + 8), fill=_colour(0.13, 0.65, 0.95))
            left += width
    return canvas


def _sunburst(rng: np.random.Generator) -> Image.Image:
    """Rays around a low sun."""
    hue = 0.08 + rng.uniform(-0.025, 0.025)
    canvas = _gradient(_colour(hue + 0.05, 0.35, 0.99), _colour(hue, 0.75, 0.98))
    draw = ImageDraw.Draw(canvas)
    x, y = _WIDTH * rng.uniform(0.25, 0.75), _HEIGHT * rng.uniform(0.4, 0.62)
    rays = int(rng.integers(9, 17))
    turn = rng.uniform(0, math.tau)
    for ray in range(rays):
        edges = (turn + math.tau * (ray + side) / rays for side in (0, 0.5))
        corners = [(x + 700 * math.cos(angle), y + 700 * math.sin(angle)) for angle in edges]
        draw.polygon([(x, y), *corners], fill=_colour(hue - 0.03, 0.78, 0.95))
    radius = rng.uniform(52, 84)
    for share, colour in ((1.25, (hue + 0.05, 0.2, 1.0)), (1.0, (hue + 0.06, 0.85, 1.0)), (0.7, (hue - 0.04, 0.85, 0.95))):
        _disc(draw, x, y, share * radius, _colour(*colour))
    horizon = _HEIGHT * rng.uniform(0.68, 0.74)
    for band in range(4):
        draw.rectangle((0, horizon + 30 * band, _WIDTH, _HEIGHT), fill=_colour(hue - 0.05, 0.8, 0.78 - 0.12 * band))
    return canvas


def _meadow(rng: np.random.Generator) -> Image.Image:
    """Hills behind hills, a few trees and birds."""
    hue = 0.32 + rng.uniform(-0.05, 0.05)
    canvas = _gradient(_colour(hue + 0.15, 0.3, 0.95), _colour(hue - 0.14, 0.18, 1.0))
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(2, 6))):
        x, y, wing = rng.uniform(30, _WIDTH - 30), rng.uniform(40, 160), rng.uniform(6, 12)
        draw.line([(x - wing, y - wing / 2), (x, y), (x + wing, y - wing / 2)], fill=_colour(hue, 0.5, 0.3), width=3)
    for depth in range(5):
        base, swell = 190 + 48 * depth, rng.uniform(12, 34)
        length, phase = rng.uniform(150, 330), rng.uniform(0, math.tau)
        ridge = [(x, base + swell * math.sin(phase + math.tau * x / length)) for x in range(0, _WIDTH + 8, 8)]
        draw.polygon([(0, _HEIGHT), *ridge, (_WIDTH, _HEIGHT)], fill=_colour(hue - 0.02 * depth, 0.45 + 0.1 * depth, 0.8 - 0.13 * depth))
        for index in rng.choice(len(ridge), size=int(rng.integers(0, 4)), replace=False):
            x, y = ridge[int(index)]
            size = 7 + 4 * depth
            draw.line([(x, y + 6), (x, y - size)], fill=_colour(0.08, 0.5, 0.3), width=3)
            _disc(draw, x, y - 1.6 * size, size, _colour(hue + 0.04, 0.7, 0.5 - 0.07 * depth))
    return canvas


def _construction(rng: np.random.Generator) -> Image.Image:
    """Red and black bars and circles on paper."""
    red, black = _colour(rng.uniform(-0.02, 0.02), 0.86, 0.8), _colour(0.0, 0.1, 0.12)
    paper = _colour(0.11, rng.uniform(0.08, 0.16), 0.93)
    canvas = Image.new("RGB", (_WIDTH, _HEIGHT), paper)
    draw = ImageDraw.Draw(canvas)
    slope = rng.choice([-1, 1]) * rng.uniform(0.5, 1.1)
    middle = rng.uniform(170, 260)
    for offset, width, colour in ((0, 120, red), (rng.uniform(80, 110), 22, black), (-rng.uniform(75, 100), 12, black)):
        start = middle + offset - slope * _WIDTH / 2
        bar = [(0, start), (_WIDTH, start + slope * _WIDTH)]
        draw.polygon([*bar, *((x, y + width) for x, y in reversed(bar))], fill=colour)
    x, y, radius = rng.uniform(90, _WIDTH - 90), rng.uniform(110, 230), rng.uniform(48, 84)
    for ring, share in enumerate((1.0, 0.74, 0.5, 0.26)):
        _disc(draw, x, y, share * radius, (black, paper, red, paper)[ring])
    for _ in range(int(rng.integers(2, 6))):
        left, top, side = rng.uniform(0, _WIDTH - 60), rng.uniform(20, 330), rng.uniform(14, 46)
        draw.rectangle((left, top, left + side, top + side * rng.uniform(0.2, 1)), fill=(red, black)[int(rng.integers(2))])
    draw.rectangle((0, 0.73 * _HEIGHT, _WIDTH, _HEIGHT), fill=black)
    return canvas


_PAINTERS: dict[Style, Callable[[np.random.Generator], Image.Image]] = {
    Style.NOCTURNE: _nocturne,
    Style.SUNBURST: _sunburst,
    Style.MEADOW: _meadow,
    Style.CONSTRUCTION: _construction,
}

_LETTERING = {
    Style.NOCTURNE: ("STIXGeneralBol.ttf", (238, 232, 205)),
    Style.SUNBURST: ("DejaVuSerif-Bold.ttf", (255, 246, 222)),
    Style.MEADOW: ("STIXGeneralBolIta.ttf", (250, 252, 238)),
    Style.CONSTRUCTION: ("DejaVuSans-Bold.ttf", (244, 236, 220)),
}


def _letter(canvas: Image.Image, title: str, year: int, style: Style) -> None:
    """Title and year at the foot, as large as the width allows."""
    file, colour = _LETTERING[style]
    draw = ImageDraw.Draw(canvas)
    text = title.upper() if style in (Style.NOCTURNE, Style.CONSTRUCTION) else title
    for size in range(46, 14, -2):
        lines = _wrap(text, _font(file, size), _WIDTH - 2 * _MARGIN)
        fits = all(_font(file, size).getlength(line) <= _WIDTH - 2 * _MARGIN for line in lines)
        if fits and len(lines) * 1.15 * size <= 92:
            break
    top = _HEIGHT - 34 - 1.15 * size * len(lines)
    for number, line in enumerate(lines):
        draw.text((_WIDTH / 2, top + 1.15 * size * number), line, font=_font(file, size), fill=colour, anchor="ma")
    draw.text((_WIDTH / 2, _HEIGHT - 27), str(year), font=_font(file, 17), fill=colour, anchor="ma")


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Lines no wider than `width`, where words allow it."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


@cache
def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    # Matplotlib carries free fonts, so that the letters do not depend on the machine.
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / file, size)


def _gradient(top: Colour, bottom: Colour) -> Image.Image:
    canvas = Image.new("RGB", (_WIDTH, _HEIGHT))
    draw = ImageDraw.Draw(canvas)
    for y in range(_HEIGHT):
        draw.line([(0, y), (_WIDTH, y)], fill=_mix(top, bottom, y / _HEIGHT))
    return canvas


def _mix(top: Colour, bottom: Colour, share: float) -> Colour:
    """The colour at `share` of the way down from `top` to `bottom`."""
    red, green, blue = (round((1 - share) * above + share * below) for above, below in zip(top, bottom, strict=True))
    return red, green, blue


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: Colour) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _colour(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(saturation, 1), value)
    return round(255 * red), round(255 * green), round(255 * blue)
