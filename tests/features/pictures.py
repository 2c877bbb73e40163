"""Pictures and texts with a known right answer: plain colours and the words for them."""

from io import BytesIO

import numpy as np
from PIL import Image

from mkg4rec.features.contents import Content, Pair

COLOURS = {"crimson": (200, 30, 40), "emerald": (20, 160, 80), "azure": (30, 110, 220), "amber": (240, 180, 20)}


def picture(colour: str, seed: int, size: tuple[int, int] = (48, 72)) -> bytes:
    """A PNG of noise around a colour."""
    noise = np.random.default_rng(seed).normal(0, 20, (size[1], size[0], 3))
    buffer = BytesIO()
    Image.fromarray(np.clip(noise + COLOURS[colour], 0, 255).astype(np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def poster(colour: str, seed: int) -> Content:
    return Content(f"poster {seed}", picture(colour, seed))


def text(colour: str, filler: str = "") -> Content:
    return Content("text", f"a story in {colour} {filler}".encode())


def planted_pairs(number: int) -> list[Pair]:
    """As many pairs of each colour."""
    names = list(COLOURS)
    return [Pair(poster(names[seed % 4], seed), text(names[seed % 4], f"part {seed}")) for seed in range(number)]
