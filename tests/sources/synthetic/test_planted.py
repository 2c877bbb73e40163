"""The tastes planted in the synthetic film world can be found."""

import re
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from mkg4rec.sources.posters import read_posters
from mkg4rec.sources.synthetic.audience import encounter_probability
from mkg4rec.sources.synthetic.world import TASTES, PosterState, Style, World
from tests.sources.synthetic.published import SOURCES, at, linked, positives


def held_out(matrix: NDArray[np.bool_], share: float = 0.1) -> NDArray[np.bool_]:
    """A random tenth of every row."""
    rng = np.random.default_rng(0)
    test = np.zeros_like(matrix)
    for row, taken in zip(test, matrix, strict=True):
        row[rng.permutation(np.flatnonzero(taken))[: round(share * taken.sum())]] = True
    return test


def ndcg(scores: NDArray[np.float64], seen: NDArray[np.bool_], relevant: NDArray[np.bool_], k: int = 20) -> float:
    order = np.argsort(-np.where(seen, -np.inf, scores), axis=1)[:, :k]
    discount = 1 / np.log2(np.arange(2, k + 2))
    gains = (np.take_along_axis(relevant, order, axis=1) * discount).sum(axis=1)
    number = relevant.sum(axis=1)
    ideal = np.cumsum(discount)[np.minimum(np.maximum(number, 1), k) - 1]
    return float((gains / ideal)[number > 0].mean())


def test_media_are_missing_mostly_from_rare_films_and_never_both(world: World) -> None:
    no_poster = np.array([film.poster is not PosterState.FINE for film in linked(world)])
    no_plot = np.array([film.plot is None for film in linked(world)])
    rare = np.array([film.rare for film in linked(world)])
    assert not (no_poster & no_plot).any()
    assert 0.28 < no_poster[rare].mean() < 0.42
    assert 0.23 < no_plot[rare].mean() < 0.37
    assert max(no_poster[~rare].mean(), no_plot[~rare].mean()) < 0.08
    assert max(no_poster.mean(), no_plot.mean()) < 0.3


def test_style_and_topic_together_name_the_taste_and_neither_alone() -> None:
    assert len({(taste.style, taste.topic) for taste in TASTES}) == len(TASTES)
    assert set(Counter(taste.style for taste in TASTES).values()) == {2}
    assert set(Counter(taste.topic for taste in TASTES).values()) == {2}
    assert set(Counter(taste.genres for taste in TASTES).values()) == {2}
    company = {style: frozenset(taste.topic for taste in TASTES if taste.style is style) for style in Style}
    assert len(set(company.values())) == len(Style)


def test_two_films_in_five_are_rare_and_still_tested(world: World) -> None:
    matrix = positives(world)
    test = held_out(matrix)
    rare = (matrix & ~test).sum(axis=0) <= 10
    assert 0.35 < rare.mean() < 0.45
    assert (rare == [film.rare for film in linked(world)]).mean() > 0.95
    assert all(film.audience == number for film, number in zip(linked(world), matrix.sum(axis=0), strict=True))
    assert test[:, rare].sum() > 70
    counts = np.sort(matrix.sum(axis=0))[::-1]
    assert counts[: len(counts) // 10].sum() > 0.25 * counts.sum()


def test_viewers_watch_and_love_what_they_have_a_taste_for(world: World) -> None:
    taste = {film.movie_id: film.taste for film in world.films}
    stars: dict[bool, list[int]] = defaultdict(list)
    for rating in world.ratings:
        stars[taste[rating.movie_id] in world.viewers[rating.user_id - 1].tastes].append(rating.rating)
    assert sum(rating >= 3 for rating in stars[True]) > 2.5 * sum(rating >= 3 for rating in stars[False])
    assert np.mean(stars[True]) > np.mean(stars[False]) + 0.8


def test_the_truth_is_worth_several_times_popularity(world: World) -> None:
    matrix = positives(world)
    test = held_out(matrix)
    train = matrix & ~test
    columns = [film.linked for film in world.films]
    audience = np.array([film.audience for film in world.films])
    oracle = encounter_probability(world.appeal, audience)[:, columns]
    popularity = np.broadcast_to(train.sum(axis=0).astype(float), matrix.shape)
    assert oracle.sum(axis=0) == pytest.approx(audience[columns], rel=1e-6)
    assert ndcg(oracle, train, test) > 2.3 * ndcg(popularity, train, test)
    rare = test & (train.sum(axis=0) <= 10)
    assert ndcg(oracle, train, rare) > 0.12
    assert ndcg(popularity, train, rare) < 0.01


def by_nearest_mean(vectors: NDArray[np.float64], labels: NDArray[np.int64], fit: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Each vector's label as the nearest class mean among those of `fit` says."""
    means = np.stack([vectors[fit & (labels == label)].mean(axis=0) for label in range(labels.max() + 1)])
    distances = ((vectors[:, None, :] - means[None]) ** 2).sum(axis=-1)
    nearest: NDArray[np.int64] = distances.argmin(axis=1)
    return nearest


def test_posters_and_plots_of_rare_films_tell_their_taste(world: World, published: Path) -> None:
    addresses = read_posters(at(published, SOURCES.file("posters").address), pa.int64()).addresses
    films = [film for film in world.films if film.poster is PosterState.FINE and film.plot]
    rare = np.array([film.rare for film in films])
    own = [TASTES[film.taste] for film in films]

    pixels = [Image.open(at(published, addresses[film.movie_id])).resize((4, 6)) for film in films]
    looks = by_nearest_mean(np.stack([np.asarray(image, dtype=float).ravel() for image in pixels]), np.array([t.style for t in own]), ~rare)
    words = [Counter(re.findall(r"[a-z]+", (film.plot or "").lower())) for film in films]
    index = {word: column for column, word in enumerate(sorted(set().union(*words)))}
    counts = np.zeros((len(films), len(index)))
    for row, text in zip(counts, words, strict=True):
        row[[index[word] for word in text]] = 1
    weighted = counts * np.log(len(films) / counts.sum(axis=0))
    matters = by_nearest_mean(weighted / np.linalg.norm(weighted, axis=1, keepdims=True), np.array([t.topic for t in own]), ~rare)

    right_look = np.array([look == taste.style for look, taste in zip(looks, own, strict=True)])
    right_matter = np.array([matter == taste.topic for matter, taste in zip(matters, own, strict=True)])
    assert 0.88 < right_look[rare].mean() < 1
    assert 0.88 < right_matter[rare].mean() < 1
    assert (right_look & right_matter)[rare].mean() > 0.8


def test_attributes_tell_the_taste_of_common_films_but_not_of_rare_ones(world: World) -> None:
    taste = {entity.mid: entity.taste for entity in world.entities}
    votes: dict[str, Counter[int]] = defaultdict(Counter)
    for fact in world.facts:
        owner = taste.get(fact.tail)
        if owner is not None:
            votes[fact.head][owner] += 1
    right = {
        rare: np.mean(
            [
                bool(votes[film.entity]) and votes[film.entity].most_common(1)[0][0] == film.taste
                for film in linked(world)
                if film.rare is rare
            ]
        )
        for rare in (True, False)
    }
    assert right[False] > 0.95
    assert right[True] < 0.45
