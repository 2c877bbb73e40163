"""MIDs, the identifiers of Freebase's topics: given out at a topic's creation, never changed.

http://wiki.freebase.com/wiki/Machine_ID
"""

import re
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BASE_32 = "0123456789bcdfghjklmnpqrstvwxyz_"
"""Digits of their numbers: no vowels, so that they spell no words."""

_MID = re.compile(rf"([mg])\.([{BASE_32}]+)")
_TO_PYTHON = str.maketrans(BASE_32, "0123456789abcdefghijklmnopqrstuv")


def creation_ranks(mids: Sequence[str]) -> NDArray[np.float64]:
    """(topics,) which share of these topics is older than each: 0 for what Freebase knew first; NaN for what is no MID.

    Taken to be the order of their numbers, with those of `g.…`, which Freebase gave out in its last years, after those of `m.…`. No
    document promises that they are counted up; docs/research.md shows that small ones belong to what many people know of.
    """
    numbers = [_number(mid) for mid in mids]
    known = sorted(number for number in numbers if number is not None)
    return np.array([np.nan if number is None else bisect_left(known, number) / len(known) for number in numbers], np.float64)


def _number(mid: str) -> tuple[bool, int] | None:
    match = _MID.fullmatch(mid)
    return None if match is None else (match[1] == "g", int(match[2].translate(_TO_PYTHON), 32))
