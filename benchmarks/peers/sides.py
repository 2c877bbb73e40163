"""What is asked of either side."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Validation:
    """The full ranking of all users: seconds from the weights on, and the validation NDCG@20."""

    seconds: float
    ndcg: float


class Side(Protocol):
    """A model in training."""

    def epoch(self) -> float:
        """Train an epoch; the seconds of training alone."""

    def validate(self) -> Validation:
        """Rank for all users with the present weights."""

    def step(self) -> Validation:
        """Train an epoch and validate; the seconds of both and of all that goes with it."""
