"""Which items are worked off together, and which columns they are rebuilt from."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

GROUPS_AT_A_TIME = 64
"""Whose candidates are sought together."""

CANDIDATES = 4
"""Times as many columns are looked at pair by pair as are kept."""


class Likeness(Protocol):
    """A symmetric matrix R of which no more than parts are ever held: how much any two columns say of each other."""

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """R V, (D, k), for a (D, k) V."""

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """R_ij of (M,) i with (N,) j: (M, N)."""


def clusters(coordinates: NDArray[np.float64], size: int) -> list[NDArray[np.intp]]:
    """The numbers of (N, C) points in groups of at most `size`, all of about the same size.

    Halves of halves along the principal direction (Boley, "Principal Direction Divisive Partitioning", 1998,
    https://doi.org/10.1023/A:1009740529316), cut at the median.
    """
    groups: list[NDArray[np.intp]] = []
    waiting = [np.arange(len(coordinates))] if len(coordinates) else []
    while waiting:
        group = waiting.pop()
        if len(group) <= size:
            groups.append(group)
            continue
        centred = coordinates[group] - coordinates[group].mean(0)
        principal = np.linalg.eigh(centred.T @ centred).eigenvectors[:, -1]
        order = np.argsort(centred @ principal, kind="stable")
        waiting += [group[order[len(group) // 2 :]], group[order[: len(group) // 2]]]
    return groups


def neighbourhoods(
    likeness: Likeness, groups: Sequence[NDArray[np.intp]], eligible: NDArray[np.bool_], count: int
) -> Iterator[NDArray[np.intp]]:
    """For each group, the `count` columns outside of it, or all there are, with the largest |R_ij| to any j of the group.

    Only the columns with the largest sums over the group, a few times as many, are looked at pair by pair.

    Args:
        eligible: (D,) which columns may be neighbours.
    """
    for begin in range(0, len(groups), GROUPS_AT_A_TIME):
        chunk = groups[begin : begin + GROUPS_AT_A_TIME]
        members = np.zeros((len(eligible), len(chunk)))
        for number, group in enumerate(chunk):
            members[group, number] = 1
        sums = np.ascontiguousarray(likeness.times(members).T)
        for group, total in zip(chunk, sums, strict=True):
            allowed = eligible.copy()
            allowed[group] = False
            candidates = _largest(total, allowed.nonzero()[0], CANDIDATES * count)
            if len(candidates) > count:
                closest = np.zeros(len(eligible))
                closest[candidates] = np.abs(likeness.between(candidates, group)).max(1)
                candidates = _largest(closest, candidates, count)
            yield candidates


def _largest(values: NDArray[np.float64], among: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """The `count` of `among`, or all, with the largest values."""
    if len(among) <= count:
        return among
    if not count:
        return among[:0]
    return among[np.argpartition(-values[among], count - 1)[:count]]
