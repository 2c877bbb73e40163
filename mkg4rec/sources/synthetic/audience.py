"""Who watches what, and likes it how much."""

import math

import numpy as np
from numpy.typing import NDArray

from mkg4rec.sources.synthetic.world import TASTES, Film, Rating, Viewer

SECOND_TASTE = 0.65
"""Share of viewers with two tastes."""

CURIOUS = 0.15
"""Share of viewers who look for rare films."""

SECOND_AFFINITY, STRANGER_AFFINITY = 0.7, 0.04
"""How much a viewer is drawn to a film of the second taste and of none; of the first, 1."""

INDIFFERENCE_TO_RARE, INDIFFERENCE_TO_FAMOUS = 0.005, 0.4
"""How much less a rare film draws a viewer who is not curious, and a famous film one who is."""

DISLIKES = 0.15
"""Ratings of 1 and 2 beside each viewer's liked films, as a share of these."""

_AGES = (1, 18, 25, 35, 45, 50, 56)
_OPENING_DAY = 956_703_932  # 25 April 2000, when MovieLens-1M begins
_TWO_YEARS = 2 * 365 * 86_400


def draw_viewers(number: int, rng: np.random.Generator) -> tuple[Viewer, ...]:
    """`number` viewers whose first tastes are equally many.

    Two tastes of one viewer are never neighbours on the ring of `TASTES`: mistaking a film's taste for the one that
    shares its look or its matter then costs a recommendation.
    """
    first_tastes = rng.permutation(np.arange(number) % len(TASTES))
    curious = rng.permutation(number) < round(CURIOUS * number)
    viewers = []
    for index, first in enumerate(int(taste) for taste in first_tastes):
        second = (first + int(rng.integers(2, len(TASTES) - 1))) % len(TASTES)
        viewers.append(
            Viewer(
                user_id=index + 1,
                tastes=(first, second) if rng.random() < SECOND_TASTE else (first,),
                curious=bool(curious[index]),
                activity=float(rng.lognormal(sigma=0.5)),
                gender=str(rng.choice(["F", "M"])),
                age=int(rng.choice(_AGES)),
                occupation=int(rng.integers(21)),
                zip_code=f"{int(rng.integers(1_000, 99_999)):05d}",
            )
        )
    return tuple(viewers)


def affinity(viewers: tuple[Viewer, ...]) -> NDArray[np.float64]:
    """(viewers, tastes), 1 for the first taste."""
    values = np.full((len(viewers), len(TASTES)), STRANGER_AFFINITY)
    for row, viewer in zip(values, viewers, strict=True):
        row[list(viewer.tastes)] = (1.0, SECOND_AFFINITY)[: len(viewer.tastes)]
    return values


def film_appeal(viewers: tuple[Viewer, ...], films: tuple[Film, ...]) -> NDArray[np.float64]:
    """(viewers, films) affinity × activity × indifference to films of such fame.

    A film's column is in proportion to the chance that each viewer is in its audience.
    """
    activity = np.array([viewer.activity for viewer in viewers])
    curious = np.array([viewer.curious for viewer in viewers])
    rare = np.array([film.rare for film in films])
    indifference = np.where(
        rare[None, :],
        np.where(curious, 1.0, INDIFFERENCE_TO_RARE)[:, None],
        np.where(curious, INDIFFERENCE_TO_FAMOUS, 1.0)[:, None],
    )
    weights: NDArray[np.float64] = affinity(viewers)[:, [film.taste for film in films]] * activity[:, None] * indifference
    return weights


def draw_ratings(
    viewers: tuple[Viewer, ...], films: tuple[Film, ...], appeal: NDArray[np.float64], rng: np.random.Generator
) -> tuple[Rating, ...]:
    """Every film finds its audience; then some viewers are disappointed by others.

    A film's `audience` viewers are drawn without replacement with probabilities in proportion to its column of
    `appeal` (the largest of log-weight plus Gumbel noise). Affinity raises the rating.
    """
    audience = np.array([film.audience for film in films])
    keys = np.log(appeal) + rng.gumbel(size=appeal.shape)
    rank = np.argsort(np.argsort(-keys, axis=0), axis=0)
    liked = rank < audience[None, :]

    tastes = affinity(viewers)[:, [film.taste for film in films]]
    noise = rng.normal(scale=0.6, size=appeal.shape)
    stars = np.where(liked, np.clip(np.rint(3.3 + 1.4 * tastes + noise), 3, 5), 0).astype(int)

    for row, likes in enumerate(liked):
        strangeness = np.where(likes, 0.0, audience * (1.1 - tastes[row]))
        number = min(math.ceil(DISLIKES * likes.sum()), int(np.count_nonzero(strangeness)))
        if not number:
            continue
        disliked = rng.choice(len(films), size=number, replace=False, p=strangeness / strangeness.sum())
        stars[row, disliked] = rng.integers(1, 3, size=number)

    ratings = []
    for viewer, row in zip(viewers, stars, strict=True):
        rated = rng.permutation(np.flatnonzero(row))
        seconds = _OPENING_DAY + int(rng.integers(_TWO_YEARS)) + rng.exponential(40, size=len(rated)).cumsum().astype(int)
        ratings += [
            Rating(viewer.user_id, films[film].movie_id, int(row[film]), int(time)) for film, time in zip(rated, seconds, strict=True)
        ]
    return tuple(ratings)


def encounter_probability(appeal: NDArray[np.float64], audience: NDArray[np.int64]) -> NDArray[np.float64]:
    """(viewers, films) how probably each viewer is in each film's audience: the ranking that an all-knowing model gives.

    `1 - exp(-t_i w_ui)` with w the `appeal` and t_i such that a film's column adds up to its `audience`; for the
    successive draws of `draw_ratings` this is Rosén's approximation (Asymptotic Theory for Successive Sampling, 1972).
    """
    low, high = np.zeros(len(audience)), np.full(len(audience), 1e3) / appeal.min(axis=0)
    for _ in range(100):
        middle = (low + high) / 2
        short = -np.expm1(-middle * appeal).sum(axis=0) < audience
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    probability: NDArray[np.float64] = -np.expm1(-high * appeal)
    return probability
