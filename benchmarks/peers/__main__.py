"""The command line of `benchmarks.peers`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import benchmarks.peers
from benchmarks.peers import environment
from benchmarks.peers.pairs import PEERS, Sameness, pair
from benchmarks.peers.race import run
from benchmarks.peers.sides import Side
from benchmarks.timing import Comparison, alternate, machine, print_table
from mkg4rec.errors import PipelineError
from mkg4rec.export import recbole
from stages.built import built_dataset
from stages.layout import Layout

FOLDER = Path(".mkg4rec") / "peers"

TIMES = ["ours s", "RecBole s", "ratio"]
HEADERS = {
    "epochs": TIMES,
    "ranking": TIMES,
    "race": ["RecBole NDCG@20", "at s", "epochs", "ours NDCG@20", "at s", "epochs", "ratio"],
}
"""The comparisons, and the columns of each after the model."""


def main(arguments: Sequence[str] | None = None) -> None:
    given = parsed(arguments)
    python = environment.interpreter(FOLDER / "environment")
    files = FOLDER / "data" / given.dataset
    recbole.write(built_dataset(Layout(given.dataset)), files)
    print(machine())
    print(
        f"{given.dataset}, d = {given.dimension}, batches of {given.batch_size:,}, learning rate {given.learning_rate}"
        f"{'; ours as tuned' if given.tuned else ''}"
    )
    sameness = Sameness(given.dimension, given.batch_size, given.learning_rate, given.tuned)
    rows = []
    for name in given.models:
        with pair(name, given.dataset, files, python, sameness) as (ours, theirs):
            rows.append([name, *compared(given, ours, theirs)])
        print(*rows[-1], file=sys.stderr, flush=True)
    print_table(["model", *HEADERS[given.comparison]], rows)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=benchmarks.peers.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("comparison", choices=list(HEADERS))
    parser.add_argument("--dataset", default="ml-1m", help="a built data set (default ml-1m)")
    models = f"of {', '.join(PEERS)} (default all)"
    parser.add_argument("--models", nargs="+", metavar="MODEL", choices=PEERS, default=[*PEERS], help=models)
    parser.add_argument("--rounds", type=int, default=3, help="alternating measurements of epochs and ranking (default 3)")
    parser.add_argument("--minutes", type=float, default=30, help="of a race, for RecBole and at most for ours (default 30)")
    parser.add_argument("--patience", type=int, default=50, help="epochs without a better value that end a race (default 50)")
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=2048)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--tuned", action="store_true", help="ours with all but the dimension from params.yaml")
    return parser.parse_args(arguments)


def compared(given: argparse.Namespace, ours: Side, theirs: Side) -> list[str]:
    """A row of the table, after the name of the model."""
    if given.comparison == "epochs":
        return times(alternate(ours.epoch, theirs.epoch, given.rounds))
    if given.comparison == "ranking":
        return times(alternate(lambda: ours.validate().seconds, lambda: theirs.validate().seconds, given.rounds))
    limit = 60 * given.minutes
    reached = run(theirs, "RecBole", limit, given.patience).best
    found = run(ours, "ours", limit, given.patience, target=reached.ndcg).best
    ratio = f"{found.seconds / reached.seconds:.2f}" if found.ndcg >= reached.ndcg else "not reached"
    return [*(cell for side in (reached, found) for cell in (f"{side.ndcg:.4f}", f"{side.seconds:.1f}", f"{side.epochs:,}")), ratio]


def times(comparison: Comparison) -> list[str]:
    return [f"{comparison.seconds:.3f}", f"{comparison.reference_seconds:.3f}", str(comparison)]


if __name__ == "__main__":
    try:
        main()
    except PipelineError as error:
        sys.exit(f"error: {error}")
