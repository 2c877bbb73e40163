"""Whether one model is better than another: paired tests on the same users."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

CONFIDENCE = 0.95
RESAMPLES = 2000
RESAMPLES_AT_A_TIME = 100


@dataclass(frozen=True)
class Comparison:
    """How the per-user values of one model differ from those of another.

    Attributes:
        difference: the mean of (first − second).
        low, high: the ends of its 95 % bootstrap interval.
        p_value: of the Wilcoxon signed-rank test, two-sided.
    """

    difference: float
    low: float
    high: float
    p_value: float


def compare(first: Values, second: Values, seed: int = 0) -> Comparison:
    """Compare two models on the same users: (U,) values each, in the same order of users."""
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise ValueError(f"two models are compared on the same users, one value each; got shapes {first.shape} and {second.shape}")
    differences = first - second
    low, high = bootstrap_interval(differences, seed)
    return Comparison(float(differences.mean()), low, high, signed_rank(differences))


def signed_rank(differences: Values) -> float:
    """The p-value of the Wilcoxon signed-rank test of (U,) differences, two-sided.

    Users without a difference are left out, as Wilcoxon does (Biometrics Bulletin 1, 1945); where no user has
    one, the models are the same and p is 1.
    """
    if not differences.any():
        return 1.0
    # It takes a second or two to import, for which a stage that compares nothing should not wait.
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences, zero_method="wilcox").pvalue)


def bootstrap_interval(differences: Values, seed: int, resamples: int = RESAMPLES) -> tuple[float, float]:
    """The percentile interval of the mean at 95 %: users drawn with replacement, `resamples` times (Efron 1979)."""
    generator = np.random.default_rng(seed)
    means = np.concatenate(
        [
            differences[generator.integers(len(differences), size=(min(RESAMPLES_AT_A_TIME, resamples - start), len(differences)))].mean(
                axis=1
            )
            for start in range(0, resamples, RESAMPLES_AT_A_TIME)
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values of m tests, corrected for their number (Holm, Scandinavian Journal of Statistics 6, 1979).

    In ascending order p_(1) … p_(m): p̃_(i) = max over j ≤ i of min(1, (m − j + 1) · p_(j)), given back in
    the order of `p_values`.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = values.argsort(kind="stable")
    factors = np.arange(len(values), 0, -1)
    corrected = np.empty_like(values)
    corrected[order] = np.maximum.accumulate(np.minimum(1.0, factors * values[order]))
    return [float(value) for value in corrected]
