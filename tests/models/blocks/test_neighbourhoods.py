"""Groups of points, and the columns that are nearest to a group."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from mkg4rec.models.blocks import neighbourhoods as module
from mkg4rec.models.blocks.neighbourhoods import clusters, neighbourhoods


@dataclass(frozen=True)
class Dense:
    """A matrix that is held whole."""

    matrix: NDArray[np.float64]

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.matrix @ dense

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.matrix[np.ix_(rows, columns)]


@pytest.mark.parametrize(("count", "size"), [(0, 4), (1, 4), (16, 4), (17, 4), (100, 7), (5, 1)])
def test_every_point_is_in_one_group_of_about_the_same_size(count: int, size: int) -> None:
    groups = clusters(np.random.default_rng(0).normal(size=(count, 3)), size)
    assert sorted(np.concatenate([np.empty(0), *groups]).tolist()) == list(range(count))
    sizes = [len(group) for group in groups]
    assert all(0 < length <= size for length in sizes)
    assert max(sizes, default=0) <= 2 * min(sizes, default=0) + 1


def test_points_that_lie_together_stay_together() -> None:
    centres = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 20.0], [9.0, 20.0]], 5, axis=0)
    order = np.random.default_rng(0).permutation(20)
    groups = clusters((centres + np.random.default_rng(1).normal(0, 0.1, (20, 2)))[order], 5)
    assert sorted(sorted(order[group].tolist()) for group in groups) == [list(range(first, first + 5)) for first in (0, 5, 10, 15)]


def test_points_that_are_all_the_same_are_divided_as_well() -> None:
    assert [len(group) for group in clusters(np.zeros((8, 2)), 2)] == [2, 2, 2, 2]


@pytest.mark.parametrize("count", [0, 1, 4, 30])
def test_neighbours_are_the_nearest_columns_outside_of_the_group(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROUPS_AT_A_TIME", 2)
    matrix = np.random.default_rng(0).random((20, 20))
    likeness = Dense(matrix + matrix.T)
    groups = [np.array([0, 3]), np.array([7]), np.array([2, 9, 11])]
    eligible = np.arange(20) % 5 != 4
    monkeypatch.setattr(module, "CANDIDATES", 20)
    for group, found in zip(groups, neighbourhoods(likeness, groups, eligible, count), strict=True):
        allowed = [column for column in range(20) if eligible[column] and column not in group]
        nearest = sorted(allowed, key=lambda column: -likeness.matrix[column, group].max())[:count]
        assert set(found.tolist()) == set(nearest)
        assert len(found) == len(nearest)


def test_only_columns_with_a_large_sum_over_the_group_are_looked_at_in_pairs() -> None:
    matrix = np.zeros((30, 30))
    matrix[10:13, :2] = 0.6  # sums of 1.2
    matrix[14, 0] = 1.0
    matrix[15:, :2] = 0.1
    found = next(neighbourhoods(Dense(matrix), [np.arange(2)], np.ones(30, dtype=np.bool_), 1))
    assert found.tolist() == [14]
