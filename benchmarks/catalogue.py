"""Kernel EASE on a catalogue of 200,000 items, beside its exact form on a small one: `python -m benchmarks.catalogue`.

A synthetic catalogue in the shape of a book shop: one and a half users an item, 17 interactions a user, most of them within a few
topics, popularity with a long tail, a tenth of the items taken by nobody; authors, genres, publishers, words and a year of each item
follow its topic, and there are no vectors.

Every form is fitted in a process of its own, and its peak of memory is what fitting and a block of scores took there,
data included. The exact form cannot be fitted to the large catalogue: its time is scaled by the cube, its memory by the square.
"""

import argparse
import math
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from benchmarks import memory
from benchmarks.synthetic import NEIGHBOURS
from benchmarks.timing import machine, print_table
from mkg4rec import params
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.graph.nearest import by_features
from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.data import ItemContents, Ratings, TrainingData

MODEL = "kernel_ease"
USERS_PER_ITEM, INTERACTIONS_PER_USER, COLD = 1.5, 17, 0.1
ITEMS_PER_TOPIC, TOPICS_PER_USER, WITHIN_TOPICS = 100, 3, 0.8
WORDS_PER_TEXT, VOCABULARY = 40, 30_000
ATTRIBUTES_PER_ITEM = {"film.film.directed_by": 1, "film.film.actor": 3, "film.film.genre": 2, "film.film.production_companies": 1}
ITEMS_PER_ATTRIBUTE = {"film.film.directed_by": 6, "film.film.actor": 6, "film.film.genre": 1000, "film.film.production_companies": 200}
SCORED = 1024
"""Users whose scores are timed."""

VALIDATED = 5_000
"""Users at most on whom quality is measured."""


@dataclass(frozen=True)
class Measurement:
    """Of one fit, in a process of one thread.

    Attributes:
        seconds, processor_seconds: to fit, by the clock and of the processor, which other load does not lengthen by waiting.
        scoring: processor seconds to score 1,024 users.
        peak: of memory, in MB.
        ndcg: NDCG@20 on held-out interactions.
    """

    seconds: float
    processor_seconds: float
    scoring: float
    peak: int
    ndcg: float


def measure(items: int, sizes: dict[str, int] | None) -> Measurement:
    """Fit kernel EASE in this process, exactly where `sizes` is None."""
    data = catalogue(items)
    values = params.load().models[MODEL]
    model = registry.create(MODEL, values | {"blocks": sizes}, data)
    assert isinstance(model, ClosedForm)
    start, processor_start = time.perf_counter(), time.process_time()
    model.fit()
    seconds, processor_seconds = time.perf_counter() - start, time.process_time() - processor_start
    scorer = model.scorer()
    start = time.process_time()
    scorer.score(torch.arange(min(SCORED, data.num_users)))
    scoring = time.process_time() - start
    return Measurement(seconds, processor_seconds, scoring, memory.peak(), validation_metrics(scorer, data.train, data.valid)["ndcg@20"])


def catalogue(items: int) -> TrainingData:
    """The synthetic catalogue; the same at every call."""
    chance = np.random.default_rng(0)
    users, topics = round(USERS_PER_ITEM * items), max(items // ITEMS_PER_TOPIC, TOPICS_PER_USER)
    topic = chance.integers(topics, size=items)
    train, valid = _interactions(chance, users, topic, topics)
    facts, texts = _triplets(chance, topic), _texts(chance, topic)
    years = torch.from_numpy(1950 + (70 * chance.beta(3, 1, items)).round())
    ratings = torch.from_numpy(chance.integers(3, 6, len(train)).astype(np.float32))
    nothing = Interactions.from_pairs(train.items[:0], train.items[:0], users, items)
    missing = FeatureMatrix(torch.zeros(facts.num_entities, 1), torch.zeros(facts.num_entities, dtype=torch.bool))
    return TrainingData(
        pa.array(range(users), pa.int64()),
        pa.array(range(items), pa.int64()),
        train,
        valid,
        lambda: facts,
        lambda modality: missing,
        lambda: ItemContents(texts, years),
        lambda: Ratings(ratings, nothing),
        lambda modality: by_features(missing, items, NEIGHBOURS),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=200_000, help="of the large catalogue (default 200,000)")
    parser.add_argument("--exact-items", type=int, default=4_000, help="of the one that is solved exactly as well (default 4,000)")
    parser.add_argument("--block-items", type=int, default=64, help="items of a block (default 64)")
    parser.add_argument("--neighbours", type=int, default=512, help="further columns of a block (default 512)")
    parser.add_argument("--rank", type=int, default=128, help="directions that stand for all others (default 128)")
    given = parser.parse_args(arguments)
    sizes = {"items": given.block_items, "neighbours": given.neighbours, "rank": given.rank}
    print(machine())
    exact, small = _apart(given.exact_items, None), _apart(given.exact_items, sizes)
    large, ratio = _apart(given.items, sizes), given.items / given.exact_items
    times = (f"{seconds * ratio**3:,.0f}" for seconds in (exact.seconds, exact.processor_seconds))
    scaled = [*times, "", f"{exact.peak * ratio**2:,.0f}", ""]
    rows = [
        [f"exact, {given.exact_items:,} items", *_cells(exact)],
        [f"blocks, {given.exact_items:,} items", *_cells(small)],
        [f"exact, {given.items:,} items (extrapolated)", *scaled],
        [f"blocks, {given.items:,} items", *_cells(large)],
    ]
    print_table(["", "fit, s", "of processor", f"scores of {SCORED:,} users", "peak, MB", "NDCG@20"], rows)


def _apart(items: int, sizes: dict[str, int] | None) -> Measurement:
    """`measure` in a fresh process, which has its own peak of memory."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(measure, items, sizes).result()


def _cells(measured: Measurement) -> list[str]:
    seconds = [f"{value:,.1f}" for value in (measured.seconds, measured.processor_seconds, measured.scoring)]
    return [*seconds, f"{measured.peak:,}", f"{measured.ndcg:.4f}"]


def _interactions(chance: np.random.Generator, users: int, topic: NDArray[np.int64], topics: int) -> tuple[Interactions, Interactions]:
    """Train and validation: of each of up to `VALIDATED` users, one in ten."""
    items = len(topic)
    popularity = np.exp(1.5 * chance.standard_normal(items)) * (chance.random(items) >= COLD)
    by_topic = np.argsort(topic, kind="stable")
    ends = np.cumsum(popularity[by_topic])
    starts = np.concatenate([[0.0], ends])[np.searchsorted(topic[by_topic], np.arange(topics + 1))]
    activity = np.exp(chance.standard_normal(users))
    draws = chance.poisson(INTERACTIONS_PER_USER * activity / activity.mean()).clip(2)
    who = np.repeat(np.arange(users), draws)
    liked = chance.integers(topics, size=(users, TOPICS_PER_USER))
    wanted = liked[who, chance.integers(TOPICS_PER_USER, size=len(who))]
    low, high = starts[wanted], starts[wanted + 1]
    anywhere = chance.random(len(who)) >= WITHIN_TOPICS
    place = np.where(anywhere, chance.random(len(who)) * ends[-1], low + chance.random(len(who)) * (high - low))
    what = by_topic[np.searchsorted(ends, place, side="right").clip(max=items - 1)]
    held = (chance.random(len(who)) < 0.1) & (who < VALIDATED)
    parts = [Interactions.from_pairs(torch.from_numpy(who[part]), torch.from_numpy(what[part]), users, items) for part in (~held, held)]
    return parts[0], parts[1]


def _triplets(chance: np.random.Generator, topic: NDArray[np.int64]) -> Triplets:
    """Attributes near each other by number belong to items of the same topic."""
    items, first, heads, relations, tails = len(topic), len(topic), [], [], []
    for number, (name, count) in enumerate(ATTRIBUTES_PER_ITEM.items()):
        there_are = math.ceil(items * count / ITEMS_PER_ATTRIBUTE[name])
        centre = np.repeat(topic, count) / (topic.max() + 1) * there_are
        heads.append(np.repeat(np.arange(items), count))
        tails.append(first + (centre + chance.normal(0, 20, items * count)).round().astype(np.int64) % there_are)
        relations.append(np.full(items * count, number))
        first += there_are
    items_of, relation_of, attributes = (torch.from_numpy(np.concatenate(parts)) for parts in (heads, relations, tails))
    return Triplets(items_of, relation_of, attributes, first, len(ATTRIBUTES_PER_ITEM), tuple(ATTRIBUTES_PER_ITEM))


def _texts(chance: np.random.Generator, topic: NDArray[np.int64]) -> list[str]:
    """Words by Zipf's law, half of them in an order of their own for each topic."""
    ranks = np.exp(chance.random((len(topic), WORDS_PER_TEXT)) * math.log(VOCABULARY)).astype(np.int64)
    own = chance.random(ranks.shape) < 0.5
    words = np.where(own, (ranks * 7919 + topic[:, None] * 104_729) % VOCABULARY, ranks)
    return [" ".join(f"w{word}" for word in row) for row in words.tolist()]


if __name__ == "__main__":
    main()
