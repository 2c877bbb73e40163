"""What a made-up film world consists of, and the eight tastes that are planted in it."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Style(IntEnum):
    """How a poster looks."""

    NOCTURNE = 0
    SUNBURST = 1
    MEADOW = 2
    CONSTRUCTION = 3


class Topic(IntEnum):
    """What a plot is about."""

    SEA = 0
    CRIME = 1
    VILLAGE = 2
    SPACE = 3


@dataclass(frozen=True)
class Taste:
    """A kind of film that some viewers love: a look, a matter, and the genres it is filed under."""

    name: str
    style: Style
    topic: Topic
    genres: tuple[str, ...]


_SERIOUS = ("Drama", "Adventure", "War")
_DARK = ("Mystery", "Thriller", "Film-Noir")
_LIVELY = ("Action", "Comedy", "Western")
_LYRICAL = ("Romance", "Musical", "Fantasy")

TASTES = (
    Taste("Night voyages", Style.NOCTURNE, Topic.SEA, _SERIOUS),
    Taste("City noir", Style.NOCTURNE, Topic.CRIME, _DARK),
    Taste("Sunlit capers", Style.SUNBURST, Topic.CRIME, _LIVELY),
    Taste("Summer villages", Style.SUNBURST, Topic.VILLAGE, _LYRICAL),
    Taste("Country chronicles", Style.MEADOW, Topic.VILLAGE, _SERIOUS),
    Taste("Green planets", Style.MEADOW, Topic.SPACE, _DARK),
    Taste("Machine ages", Style.CONSTRUCTION, Topic.SPACE, _LIVELY),
    Taste("Red sails", Style.CONSTRUCTION, Topic.SEA, _LYRICAL),
)
"""Neighbours on this ring share a style or a topic, never both, and those opposite share their genres:
each of the three alone leaves two tastes open, style and topic together name one. On a ring, unlike on
a grid, every style keeps company with its own pair of topics, so that contrastive training on (poster,
plot) pairs can tell all four styles and all four topics apart."""

GENRES = tuple(dict.fromkeys(genre for taste in TASTES for genre in taste.genres))


class PosterState(Enum):
    """What becomes of an attempt to fetch a film's poster."""

    FINE = auto()
    UNLISTED = auto()
    """No address is published."""
    GONE = auto()
    """The address leads to no file."""
    WEB_PAGE = auto()
    """The address leads to an HTML page."""
    TRUNCATED = auto()
    """The file ends in the middle."""


@dataclass(frozen=True)
class Film:
    """A film of the catalogue.

    Attributes:
        movie_id: its number in the ratings.
        entity: its Freebase MID.
        linked: whether KB4Rec knows that MID; without it the film takes no part.
        title, year: as written, the article in front.
        taste: the planted taste, an index of `TASTES`.
        audience: how many viewers give it a rating of 3 or more.
        rare: has one of the small audiences.
        style, topic: what poster and plot really show; now and then not those of the taste.
        genres: as published beside the title.
        plot: the published plot, if any.
        poster: the fate of its poster.
    """

    movie_id: int
    entity: str
    linked: bool
    title: str
    year: int
    taste: int
    audience: int
    rare: bool
    style: Style
    topic: Topic
    genres: tuple[str, ...]
    plot: str | None
    poster: PosterState


@dataclass(frozen=True)
class Viewer:
    """A user.

    Attributes:
        user_id: the number in the ratings.
        tastes: one or two indices of `TASTES`, the stronger first.
        curious: looks for rare films; the others hardly meet one.
        activity: how much is watched, relative to the others.
        gender, age, occupation, zip_code: in MovieLens' codes; they mean nothing here.
    """

    user_id: int
    tastes: tuple[int, ...]
    curious: bool
    activity: float
    gender: str
    age: int
    occupation: int
    zip_code: str


class Rating(NamedTuple):
    """A rating from 1 to 5 and its time in seconds since 1970."""

    user_id: int
    movie_id: int
    rating: int
    timestamp: int


@dataclass(frozen=True)
class Entity:
    """A thing of the knowledge graph that is no film: its MID, name, Freebase type and the taste it belongs to, if any."""

    mid: str
    name: str
    type: str
    taste: int | None


class Fact(NamedTuple):
    """A triplet of MIDs and a Freebase predicate (`film.film.directed_by`)."""

    head: str
    relation: str
    tail: str


@dataclass(frozen=True)
class World:
    """A whole film world: what is published and what is planted.

    Attributes:
        seed: every file is a function of it and of the sizes.
        films: by movie_id.
        viewers: by user_id.
        ratings: one per (viewer, film) that was rated, by user and time.
        entities: the attributes of films.
        facts: about films, in both directions where Freebase has both.
        appeal: (viewers, films) float64, how strongly a film draws a viewer: the weight with which they met.
    """

    seed: int
    films: tuple[Film, ...]
    viewers: tuple[Viewer, ...]
    ratings: tuple[Rating, ...]
    entities: tuple[Entity, ...]
    facts: tuple[Fact, ...]
    appeal: NDArray[np.float64]
