"""Training against the clock."""

import sys
from dataclasses import dataclass, field

from benchmarks.peers.sides import Side


@dataclass(frozen=True)
class Milestone:
    """How good a model is after so many epochs and seconds."""

    epochs: int
    seconds: float
    ndcg: float


@dataclass
class Run:
    """A training with a validation after every epoch; what counts is the best so far."""

    milestones: list[Milestone] = field(default_factory=list)

    @property
    def best(self) -> Milestone:
        """The first of the highest NDCG."""
        return max(self.milestones, key=lambda milestone: milestone.ndcg)

    @property
    def last(self) -> Milestone:
        return self.milestones[-1]


def run(side: Side, name: str, seconds: float, patience: int, target: float = 1.0) -> Run:
    """Train until the NDCG is `target`, `seconds` have passed, or `patience` epochs brought nothing better.

    An epoch that ends later does not count, unless it is the first.
    """
    so_far = Run()
    elapsed = 0.0
    while True:
        step = side.step()
        elapsed += step.seconds
        if elapsed > seconds and so_far.milestones:
            return so_far
        so_far.milestones.append(Milestone(len(so_far.milestones) + 1, elapsed, step.ndcg))
        print(f"{name}: epoch {so_far.last.epochs}, {elapsed:.1f} s, NDCG@20 {step.ndcg:.4f}", file=sys.stderr, flush=True)
        impatient = so_far.last.epochs - so_far.best.epochs >= patience
        if step.ndcg >= target or elapsed >= seconds or impatient:
            return so_far
