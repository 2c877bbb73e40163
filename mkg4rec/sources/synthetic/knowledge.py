"""What the knowledge graph says of the films: who made them, what they are about, where they come from."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mkg4rec.sources.synthetic import texts
from mkg4rec.sources.synthetic.identifiers import Length, draw_mids
from mkg4rec.sources.synthetic.world import GENRES, TASTES, Entity, Fact, Film

COMMON_LOYALTY, RARE_LOYALTY = 0.85, 0.2
"""Chance that a credit of a film goes to somebody of its own taste instead of anybody."""

ONE_WAY = 0.05
"""Share of facts whose inverse Freebase forgot."""


@dataclass(frozen=True)
class Credit:
    """A relation from films to attributes that each belong to one taste.

    Attributes:
        relation, inverse: Freebase's predicates.
        type: of the attribute.
        share: of all attributes that belong to a taste.
        common, rare: fewest and most on a film, and on a rare one.
    """

    relation: str
    inverse: str
    type: str
    share: float
    common: tuple[int, int]
    rare: tuple[int, int]


CREDITS = (
    Credit("film.film.actor", "film.actor.film", "film.actor", 0.50, (4, 8), (0, 2)),
    Credit("film.film.directed_by", "film.director.film", "film.director", 0.11, (1, 1), (0, 1)),
    Credit("film.film.written_by", "film.writer.film", "film.writer", 0.13, (1, 2), (0, 1)),
    Credit("film.film.produced_by", "film.producer.film", "film.producer", 0.10, (1, 2), (0, 1)),
    Credit("film.film.production_companies", "film.production_company.films", "film.production_company", 0.04, (0, 1), (0, 1)),
    Credit("film.film.subjects", "film.film_subject.films", "film.film_subject", 0.12, (1, 3), (0, 1)),
)


@dataclass(frozen=True)
class Setting:
    """A relation to one of a few attributes that tell nothing of a taste."""

    relation: str
    inverse: str | None
    type: str
    names: tuple[str, ...]


SETTINGS = (
    Setting(
        "film.film.country",
        None,
        "location.country",
        ("United States of America", "France", "Italy", "United Kingdom", "Japan", "Germany", "India", "Sweden", "Mexico", "Poland"),
    ),
    Setting(
        "film.film.language",
        None,
        "language.human_language",
        ("English Language", "French Language", "Italian Language", "Japanese Language", "German Language", "Hindi Language"),
    ),
    Setting("film.film.rating", "film.content_rating.film", "film.content_rating", ("PG (USA)", "R (USA)", "PG-13 (USA)", "G (USA)")),
)

_FEW = 60
"""Attributes for each one that a setting has, at least: a small world has few countries."""


def draw_knowledge(films: tuple[Film, ...], attributes: int, rng: np.random.Generator) -> tuple[tuple[Entity, ...], tuple[Fact, ...]]:
    """`attributes` entities and the facts that tie them to the films, in both directions where Freebase has both."""
    mids = iter(draw_mids(attributes, Length.ATTRIBUTE, rng))
    settings = {setting: setting.names[: max(2, attributes // _FEW)] for setting in SETTINGS}
    entities = [Entity(next(mids), name, "film.film_genre", None) for name in GENRES]
    facts = _genre_facts(films, {entity.name: entity.mid for entity in entities}, rng)
    for setting, names in settings.items():
        members = [Entity(next(mids), name, setting.type, None) for name in names]
        facts += _setting_facts(films, setting, members, rng)
        entities += members
    for credit, number in zip(CREDITS, _apportion(attributes - len(entities)), strict=True):
        members = [Entity(next(mids), name, credit.type, taste) for name, taste in _credited(credit, number, rng)]
        facts += _credit_facts(films, credit, members, rng)
        entities += members
    return tuple(entities), tuple(sorted(set(facts)))


def _apportion(number: int) -> list[int]:
    """How many attributes each of `CREDITS` gets of `number`; the first takes what rounding leaves."""
    sizes = [round(credit.share * number) for credit in CREDITS]
    sizes[0] += number - sum(sizes)
    return sizes


def _credited(credit: Credit, number: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Name and taste of each of the `number` attributes of a credit, the tastes in turn."""
    tastes = [index % len(TASTES) for index in range(number)]
    if credit.type == "film.film_subject":
        subjects = [iter(texts.subject_names(taste.style, taste.topic, number, rng)) for taste in TASTES]
        return [(next(subjects[taste]), taste) for taste in tastes]
    named: Callable[[int, np.random.Generator], list[str]] = (
        texts.company_names if credit.type == "film.production_company" else texts.person_names
    )
    return list(zip(named(number, rng), tastes, strict=True))


def _genre_facts(films: tuple[Film, ...], mids: dict[str, str], rng: np.random.Generator) -> list[Fact]:
    pairs = [(film.entity, mids[genre]) for film in films for genre in film.genres]
    return _both_ways(pairs, "film.film.genre", "film.film_genre.films_in_this_genre", rng)


def _setting_facts(films: tuple[Film, ...], setting: Setting, members: list[Entity], rng: np.random.Generator) -> list[Fact]:
    chance = 1 / np.arange(1, len(members) + 1)
    drawn = rng.choice(len(members), size=len(films), p=chance / chance.sum())
    return _both_ways(
        [(film.entity, members[index].mid) for film, index in zip(films, drawn, strict=True)], setting.relation, setting.inverse, rng
    )


def _credit_facts(films: tuple[Film, ...], credit: Credit, members: list[Entity], rng: np.random.Generator) -> list[Fact]:
    """Fill every film's places from the attributes of its own taste, or of another where loyalty fails."""
    places: dict[int, list[str]] = defaultdict(list)
    for film in films:
        low, high = credit.rare if film.rare else credit.common
        for _ in range(int(rng.integers(low, high + 1))):
            loyal = rng.random() < (RARE_LOYALTY if film.rare else COMMON_LOYALTY)
            places[film.taste if loyal else int(rng.integers(len(TASTES)))].append(film.entity)
    pairs = []
    for taste, taken in sorted(places.items()):
        pool = [member.mid for member in members if member.taste == taste]
        pairs += list(zip(taken, _deal(pool, len(taken), rng), strict=False))
    return _both_ways(pairs, credit.relation, credit.inverse, rng)


def _deal(pool: list[str], places: int, rng: np.random.Generator) -> list[str]:
    """`places` of `pool` in random order: everybody once, as far as there are places, the rest by Zipf's law."""
    if not pool:
        return []
    chance = np.arange(1, len(pool) + 1) ** -0.7
    again = rng.choice(len(pool), size=max(0, places - len(pool)), p=chance / chance.sum())
    once = rng.permutation(len(pool))[:places]
    return [pool[int(index)] for index in rng.permutation(np.concatenate([once, again]))]


def _both_ways(pairs: list[tuple[str, str]], relation: str, inverse: str | None, rng: np.random.Generator) -> list[Fact]:
    facts = [Fact(film, relation, attribute) for film, attribute in pairs]
    if inverse:
        facts += [Fact(attribute, inverse, film) for film, attribute in pairs if rng.random() >= ONE_WAY]
    return facts
