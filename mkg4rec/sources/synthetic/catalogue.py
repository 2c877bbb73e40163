"""The films: their taste, fame, title, and what is published of poster and plot."""

import numpy as np
from numpy.typing import NDArray

from mkg4rec.sources.synthetic import texts
from mkg4rec.sources.synthetic.identifiers import Length, draw_mids
from mkg4rec.sources.synthetic.world import GENRES, TASTES, Film, PosterState

RARE = 0.4
"""Share of films with a small audience."""

SMALLEST_AUDIENCE, LARGEST_RARE_AUDIENCE = 3, 11
"""Viewers of a rare film; a split that keeps 80 % of them for training leaves at most ten, in most cases."""

FAME_EXPONENT = 0.5
"""Audience ∝ rank to the minus this among the other films."""

LARGEST_AUDIENCE = 0.45
"""As a share of the viewers."""

UNLINKED = 0.03
"""Films that KB4Rec does not know, beside those that it does."""

MISLEADING = 0.06
"""Share of posters and, separately, of plots that belong to another style or topic."""

RARE_WITHOUT_POSTER, RARE_WITHOUT_PLOT, COMMON_WITHOUT = 0.35, 0.30, 0.03
"""Shares of films that lack one of the two; none lacks both."""

_POSTER_FAULTS = (PosterState.UNLISTED, PosterState.UNLISTED, PosterState.GONE, PosterState.WEB_PAGE, PosterState.TRUNCATED)
_YEARS = (1931, 2001)


def draw_films(linked: int, viewers: int, interactions: int, rng: np.random.Generator) -> tuple[Film, ...]:
    """`linked` films that share `interactions` among them, and a few more that KB4Rec does not know."""
    unlinked = rng.integers(SMALLEST_AUDIENCE, viewers // 10 + SMALLEST_AUDIENCE, size=round(UNLINKED * linked))
    audience = np.concatenate([_audiences(linked, viewers, interactions, rng), unlinked])
    number = len(audience)
    rare = audience <= _largest_rare_audience(linked, interactions)
    taste = _balanced(rare, rng)
    has_poster, has_plot = _media(rare, rng)
    # MovieLens numbers its films by date of entry, with gaps.
    movie_ids = np.sort(rng.choice(np.arange(1, number + number // 20 + 2), size=number, replace=False))
    mids = draw_mids(number, Length.FILM, rng)
    titles: set[str] = set()

    films = []
    for row, index in enumerate(int(position) for position in rng.permutation(number)):
        own = TASTES[taste[index]]
        shown, told = (TASTES[int(rng.integers(len(TASTES)))] if rng.random() < MISLEADING else own for _ in range(2))
        plot = texts.draw_plot(told.topic, rng)
        fault = _POSTER_FAULTS[int(rng.integers(len(_POSTER_FAULTS)))]
        films.append(
            Film(
                movie_id=int(movie_ids[row]),
                entity=mids[index],
                linked=index < linked,
                title=texts.draw_title(told.topic, titles, rng),
                year=int(rng.integers(*_YEARS)),
                taste=int(taste[index]),
                audience=int(audience[index]),
                rare=bool(rare[index]),
                style=shown.style,
                topic=told.topic,
                genres=_genres(own.genres, bool(rare[index]), rng),
                plot=plot if has_plot[index] else None,
                poster=PosterState.FINE if has_poster[index] else fault,
            )
        )
    return tuple(films)


def _largest_rare_audience(films: int, interactions: int) -> int:
    return min(LARGEST_RARE_AUDIENCE, max(SMALLEST_AUDIENCE, interactions // films // 3))


def _audiences(films: int, viewers: int, interactions: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """(films,) sizes that add up to `interactions`: Zipf's law for the famous, a few viewers for each of the rest."""
    rare = round(RARE * films)
    small = rng.integers(SMALLEST_AUDIENCE, _largest_rare_audience(films, interactions) + 1, size=rare)
    share = np.arange(1, films - rare + 1) ** -FAME_EXPONENT
    budget = interactions - int(small.sum())
    low, high = 0.0, budget / share.min()
    for _ in range(60):  # the scale at which the capped sizes meet the budget
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * share, LARGEST_AUDIENCE * viewers).sum() < budget else (low, middle)
    exact = np.minimum(high * share, LARGEST_AUDIENCE * viewers)
    famous = np.floor(exact).astype(np.int64)
    famous[np.argsort(famous - exact)[: budget - int(famous.sum())]] += 1
    return np.concatenate([famous, small])


def _balanced(rare: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """(films,) tastes, equally many among the rare films and among the others."""
    taste = np.empty(len(rare), dtype=np.int64)
    for group in (rare, ~rare):
        size = int(group.sum())
        taste[group] = rng.permutation(np.arange(size) % len(TASTES))
    return taste


def _media(rare: NDArray[np.bool_], rng: np.random.Generator) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Who has a poster and who has a plot, each (films,)."""
    chance = rng.random(len(rare))
    without_poster = chance < np.where(rare, RARE_WITHOUT_POSTER, COMMON_WITHOUT)
    without_plot = chance > 1 - np.where(rare, RARE_WITHOUT_PLOT, COMMON_WITHOUT)
    return ~without_poster, ~without_plot


def _genres(own: tuple[str, ...], rare: bool, rng: np.random.Generator) -> tuple[str, ...]:
    """One or two genres; those of a rare film are anybody's guess."""
    pool = GENRES if rare else own
    chosen = {str(genre) for genre in rng.choice(pool, size=int(rng.integers(1, 3)), replace=False)}
    if not rare and rng.random() < 0.2:
        chosen.add(str(rng.choice(GENRES)))
    return tuple(sorted(chosen))
