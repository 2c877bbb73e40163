"""Freebase MIDs."""

from enum import IntEnum

import numpy as np

from mkg4rec.sources.mids import BASE_32

_LATE = 0.015
"""Share of identifiers that Freebase gave out in its last years: `g.1…` with nine more characters."""


class Length(IntEnum):
    """Characters after `m.0`: each kind of thing has its own, so that no two share a MID."""

    FILM = 5
    ATTRIBUTE = 6
    BYSTANDER = 7


def draw_mids(number: int, length: Length, rng: np.random.Generator) -> list[str]:
    """`number` different MIDs, most of them `m.0` and `length` characters of Freebase's base 32 (no vowels)."""
    mids: dict[str, None] = {}
    while len(mids) < number:
        late = rng.random() < _LATE
        tail = "".join(rng.choice(list(BASE_32), size=9 if late else length))
        mids[f"g.1{tail}" if late else f"m.0{tail}"] = None
    return list(mids)
