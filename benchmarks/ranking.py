"""Full ranking of all users beside a loop over users: `python -m benchmarks.ranking`.

Scores are inner products of random vectors. The loop scores, masks and sorts for one user at a time; it is
timed on a sample of users and scaled to all of them.
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.devices import machine, stopwatch
from benchmarks.timing import alternate
from mkg4rec.device import choose_device
from mkg4rec.evaluation.ranking import Scorer, rank
from mkg4rec.interactions import Interactions
from mkg4rec.models.vectors import VectorScorer
from mkg4rec.params import Device

SAMPLE = 200


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=6039)
    parser.add_argument("--items", type=int, default=3476)
    parser.add_argument("--seen", type=int, default=750_000, help="interactions of all users together")
    parser.add_argument("--dimension", type=int, default=144)
    parser.add_argument("--k", type=int, default=50)
    parser.add_argument("--block-size", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5, help="alternating measurements (default 5)")
    parser.add_argument("--device", type=Device, default=Device.CPU, help="auto, cpu or cuda (default cpu)")
    given = parser.parse_args(arguments)
    device = choose_device(given.device)

    torch.manual_seed(0)
    scorer = VectorScorer(*(torch.randn(count, given.dimension, device=device) for count in (given.users, given.items)))
    taking, taken = (torch.randint(count, (given.seen,), device=device) for count in (given.users, given.items))
    seen = Interactions.from_pairs(taking, taken, given.users, given.items)
    users = torch.arange(given.users, device=device)

    def in_blocks() -> Tensor:
        return rank(scorer, users, seen, given.k, given.block_size).items

    def one_by_one() -> Tensor:
        return ranked_one_by_one(scorer, users[:SAMPLE], seen, given.k)

    expected = one_by_one()
    # A product of other shape may round another way and swap two neighbours.
    same = (in_blocks()[: len(expected)] == expected).double().mean().item()
    scale = given.users / len(expected)
    times = alternate(lambda: stopwatch(in_blocks, device), lambda: scale * stopwatch(one_by_one, device), given.rounds)

    print(machine(device))
    print(f"{given.users:,} users × {given.items:,} items, d = {given.dimension}, k = {given.k}, blocks of {given.block_size} users")
    print(f"in blocks {times.seconds:.3f} s, one by one {times.reference_seconds:.3f} s, ratio {times}, {same:.2%} of the places the same")


def ranked_one_by_one(scorer: Scorer, users: Tensor, seen: Interactions, k: int) -> Tensor:
    """(U, k) items, by a stable sort of all scores of each user."""
    lists = []
    for user in torch.split(users, 1):
        scores = scorer.score(user)[0]
        scores[seen.rows(user)[1]] = -torch.inf
        lists.append(scores.argsort(descending=True, stable=True)[:k])
    return torch.stack(lists)


if __name__ == "__main__":
    main()
