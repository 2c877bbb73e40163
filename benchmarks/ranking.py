"""Full ranking of all users beside a loop over users: `python -m benchmarks.ranking`.

Scores are inner products of random vectors. The loop scores, masks and sorts for one user at a time; it is
timed on a sample of users and scaled to all of them.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mkg4rec.evaluation.ranking import Scorer, rank
from mkg4rec.interactions import Interactions

SAMPLE = 200
REPEATS = 5


@dataclass(frozen=True)
class Vectors:
    """ŷ = u · i for vectors of users (U, D) and items (I, D)."""

    users: Tensor
    items: Tensor

    def score(self, users: Tensor) -> Tensor:
        return self.users[users] @ self.items.T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=6039)
    parser.add_argument("--items", type=int, default=3476)
    parser.add_argument("--seen", type=int, default=750_000, help="interactions of all users together")
    parser.add_argument("--dimension", type=int, default=144)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--block-size", type=int, default=1024)
    parser.add_argument("--device", default="cpu")
    given = parser.parse_args()

    torch.manual_seed(0)
    scorer = Vectors(*(torch.randn(count, given.dimension, device=given.device) for count in (given.users, given.items)))
    taking, taken = (torch.randint(count, (given.seen,), device=given.device) for count in (given.users, given.items))
    seen = Interactions.from_pairs(taking, taken, given.users, given.items)
    users = torch.arange(given.users, device=given.device)

    seconds, lists = fastest(lambda: rank(scorer, users, seen, given.k, given.block_size).items)
    sample_seconds, expected = fastest(lambda: ranked_one_by_one(scorer, users[:SAMPLE], seen, given.k))
    reference = sample_seconds * given.users / len(expected)
    # A product of other shape may round another way and swap two neighbours.
    same = (lists[: len(expected)] == expected).double().mean().item()

    print(f"{given.users:,} users × {given.items:,} items, d = {given.dimension}, k = {given.k}")
    print(f"{given.device}, {torch.get_num_threads()} threads, blocks of {given.block_size} users")
    print(f"in blocks {seconds:.3f} s, one by one {reference:.3f} s, ratio {reference / seconds:.1f}, {same:.2%} of the places the same")


def ranked_one_by_one(scorer: Scorer, users: Tensor, seen: Interactions, k: int) -> Tensor:
    """(U, k) items, by a stable sort of all scores of each user."""
    lists = []
    for user in torch.split(users, 1):
        scores = scorer.score(user)[0]
        scores[seen.rows(user)[1]] = -torch.inf
        lists.append(scores.argsort(descending=True, stable=True)[:k])
    return torch.stack(lists)


def fastest(compute: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Seconds of the fastest of some runs after one to warm up, and the result."""
    times = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        result = compute()
        if result.is_cuda:
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return min(times[1:]), result


if __name__ == "__main__":
    main()
