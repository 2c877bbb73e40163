import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mkg4rec.evaluation.significance import bootstrap_interval, compare, holm, signed_rank


def test_signed_rank_is_wilcoxons() -> None:
    generator = np.random.default_rng(0)
    differences = np.round(generator.normal(0.03, 0.2, size=400), 2)

    # The normal approximation by hand: ranks of the absolute differences, ties averaged, variance corrected for them.
    nonzero = differences[differences != 0]
    ranks = stats.rankdata(np.abs(nonzero))
    n = len(nonzero)
    _, ties = np.unique(np.abs(nonzero), return_counts=True)
    variance = n * (n + 1) * (2 * n + 1) / 24 - (ties**3 - ties).sum() / 48
    z = (ranks[nonzero > 0].sum() - n * (n + 1) / 4) / np.sqrt(variance)

    assert signed_rank(differences) == pytest.approx(2 * stats.norm.sf(abs(z)))


def test_two_equal_models_do_not_differ() -> None:
    values = np.random.default_rng(1).random(50)

    comparison = compare(values, values)

    assert (comparison.difference, comparison.low, comparison.high, comparison.p_value) == (0, 0, 0, 1)


def test_a_planted_difference_is_found_and_noise_is_not() -> None:
    generator = np.random.default_rng(2)
    values = generator.random(800)
    noise = generator.normal(0, 0.1, size=800)

    better = compare(values + 0.05 + noise, values)
    same = compare(values + noise - noise.mean(), values)

    assert better.p_value < 1e-6
    assert 0 < better.low < better.difference < better.high
    assert same.p_value > 0.05
    assert same.low < 0 < same.high


def test_the_interval_is_that_of_the_mean() -> None:
    differences = np.random.default_rng(3).normal(0.1, 1, size=2000)

    low, high = bootstrap_interval(differences, seed=0)

    half = 1.96 * differences.std() / np.sqrt(len(differences))
    assert low == pytest.approx(differences.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(differences.mean() + half, abs=0.1 * half)
    assert bootstrap_interval(differences, seed=0) == (low, high)
    assert bootstrap_interval(differences, seed=1) != (low, high)


def test_models_on_different_users_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same users"):
        compare(np.zeros(3), np.zeros(4))


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float]) -> None:
    for level in (0.01, 0.05, 0.5):
        rejected: set[int] = set()
        for step, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
            if p_values[index] * (len(p_values) - step) > level:
                break
            rejected.add(index)
        assert {index for index, value in enumerate(holm(p_values)) if value <= level} == rejected
