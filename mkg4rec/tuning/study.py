"""Which values to try next, by Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011).

A study has no memory of its own: what it proposes follows from the trials so far, so that a search which was killed
goes on as if it had not been.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from mkg4rec.tuning.space import Choice, Range, Space

DIGITS = 3
"""Significant digits of what is proposed: more would be noise in params.yaml."""


@dataclass(frozen=True)
class Trial:
    """Values that were tried, and how good they were: the mean over the seeds; None where a training failed."""

    values: dict[str, Any]
    score: float | None


def propose(space: Space, trials: Sequence[Trial], count: int) -> list[dict[str, Any]]:
    """The next `count` values to try at the same time; the same for the same trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=len(trials)))
    # Values of the user's own may lie outside the space.
    study.add_trials([_frozen(space, trial) for trial in trials if all(trial.values[name] in space[name] for name in space)])
    distributions = {name: _distribution(domain) for name, domain in space.items()}
    proposals = [study.ask(distributions).params for _ in range(count)]
    return [{name: _value(space[name], value) for name, value in values.items()} for values in proposals]


def best(trials: Sequence[Trial]) -> int | None:
    """The number of the trial with the highest score, the first of equals; None where all failed."""
    scores = {number: trial.score for number, trial in enumerate(trials) if trial.score is not None}
    return max(scores, key=lambda number: scores[number]) if scores else None


def _frozen(space: Space, trial: Trial) -> FrozenTrial:
    values = {
        name: domain.options.index(trial.values[name]) if isinstance(domain, Choice) else trial.values[name]
        for name, domain in space.items()
    }
    return create_trial(
        state=TrialState.FAIL if trial.score is None else TrialState.COMPLETE,
        value=trial.score,
        params=values,
        distributions={name: _distribution(domain) for name, domain in space.items()},
    )


def _distribution(domain: Range | Choice) -> BaseDistribution:
    if isinstance(domain, Choice):
        # By number, since an option may be a list, which Optuna does not take.
        return CategoricalDistribution(tuple(range(len(domain.options))))
    if domain.whole:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def _value(domain: Range | Choice, proposed: Any) -> Any:
    if isinstance(domain, Choice):
        return domain.options[proposed]
    if domain.whole:
        return int(proposed)
    return min(max(float(f"{proposed:.{DIGITS}g}"), domain.low), domain.high)
