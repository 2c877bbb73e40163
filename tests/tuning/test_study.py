"""What a study proposes."""

import math

import pytest

from mkg4rec.tuning.space import Choice, Range, Space
from mkg4rec.tuning.study import Trial, best, propose

SPACE: Space = {
    "rate": Range(1e-4, 1e-1, log=True),
    "dropout": Range(0.0, 0.5),
    "layers": Range(1, 3),
    "widths": Choice(([64], [64, 32])),
}


def _search(trials: list[Trial], count: int, at_once: int) -> list[Trial]:
    """`count` further trials, best where the rate is 0.01, two layers, and two widths."""
    while len(trials) < count:
        for values in propose(SPACE, trials, at_once):
            score = -((math.log10(values["rate"]) + 2) ** 2) - abs(values["layers"] - 2) + len(values["widths"])
            trials = [*trials, Trial(values, score)]
    return trials


def test_proposals_lie_in_the_space_with_few_digits() -> None:
    for values in propose(SPACE, [], 50):
        assert set(values) == set(SPACE)
        assert all(value in SPACE[name] for name, value in values.items())
        assert isinstance(values["layers"], int)
        assert float(f"{values['rate']:.3g}") == values["rate"]


def test_the_same_trials_are_followed_by_the_same_proposals() -> None:
    trials = _search([], 16, 4)
    assert propose(SPACE, trials, 4) == propose(SPACE, list(trials), 4)
    assert propose(SPACE, trials, 4) != propose(SPACE, trials[:-4], 4)


def test_a_search_comes_close_to_the_best_values() -> None:
    trials = _search([], 60, 4)
    number = best(trials)
    assert number is not None
    values = trials[number].values
    assert (values["layers"], values["widths"]) == (2, [64, 32])
    assert values["rate"] == pytest.approx(0.01, rel=0.3)
    # Chance alone would go on as far off as it began.
    distances = [abs(math.log10(trial.values["rate"]) + 2) for trial in trials]
    assert sum(distances[-20:]) < 0.6 * sum(distances[:20])


def test_failed_trials_and_values_from_outside_the_space_do_no_harm() -> None:
    failed = Trial({"rate": 0.01, "dropout": 0.1, "layers": 1, "widths": [64]}, None)
    outside = Trial({"rate": 0.0, "dropout": 0.1, "layers": 7, "widths": [1]}, 1.0)
    assert len(propose(SPACE, [outside, failed], 3)) == 3
    assert best([failed, outside, outside]) == 1
    assert best([failed]) is None
