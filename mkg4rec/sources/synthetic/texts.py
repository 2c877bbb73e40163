"""Titles, plots and names, put together from the word lists of words.yaml."""

from itertools import product
from pathlib import Path

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict

from mkg4rec.sources.synthetic.world import Style, Topic


class Vocabulary(BaseModel):
    """The words of one topic."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    roles: tuple[str, ...]
    places: tuple[str, ...]
    objects: tuple[str, ...]
    deeds: tuple[str, ...]
    dangers: tuple[str, ...]
    nouns: tuple[str, ...]
    adjectives: tuple[str, ...]


class Words(BaseModel):
    """words.yaml: the topics' words, the settings that go with a style, sentences of plots and articles and titles with gaps, names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    topics: dict[str, Vocabulary]
    settings: dict[str, tuple[str, ...]]
    openings: tuple[str, ...]
    turns: tuple[str, ...]
    closings: tuple[str, ...]
    article: tuple[str, ...]
    titles: tuple[str, ...]
    first_names: tuple[str, ...]
    family_beginnings: tuple[str, ...]
    family_endings: tuple[str, ...]
    company_endings: tuple[str, ...]


WORDS = Words.model_validate(yaml.safe_load(Path(__file__).with_name("words.yaml").read_text(encoding="utf-8")))

_TITLE_ATTEMPTS = 50


def vocabulary(topic: Topic) -> Vocabulary:
    """The words of `topic`."""
    return WORDS.topics[topic.name.lower()]


def draw_title(topic: Topic, taken: set[str], rng: np.random.Generator) -> str:
    """A title in the words of `topic` that is not among those `taken`, to which it is added."""
    words = vocabulary(topic)
    for attempt in range(_TITLE_ATTEMPTS):
        noun, noun_too = rng.choice(words.nouns, size=2, replace=False)
        title = str(rng.choice(WORDS.titles)).format(
            adjective=rng.choice(words.adjectives),
            noun=noun,
            noun_too=noun_too,
            a_noun=f"{'An' if noun[0] in 'AEIOU' else 'A'} {noun}",
            name=rng.choice(WORDS.first_names),
        )
        if title not in taken:
            break
        if attempt == _TITLE_ATTEMPTS - 1:
            title = f"{title}, Part {len(taken)}"
    taken.add(title)
    return title


def draw_plot(topic: Topic, rng: np.random.Generator) -> str:
    """Three or four sentences: the last in words that fit any film, those before in the words of `topic`."""
    words = vocabulary(topic)
    name, other = rng.choice(WORDS.first_names, size=2, replace=False)
    # Shuffled, so that nothing comes twice in one plot.
    roles, places, objects, deeds = (iter(rng.permutation(choices)) for choices in (words.roles, words.places, words.objects, words.deeds))
    sentences = []
    for template in [rng.choice(WORDS.openings), *rng.choice(WORDS.turns, size=int(rng.integers(1, 3)), replace=False)]:
        danger, danger_too = rng.choice(words.dangers, size=2, replace=False)
        place = str(next(places))
        sentence = str(template).format(
            name=name,
            other=other,
            role=next(roles),
            place=place,
            Place=place[0].upper() + place[1:],
            object=next(objects),
            deed=next(deeds),
            danger=danger,
            danger_too=danger_too,
        )
        sentences.append(sentence)
    return " ".join([*sentences, str(rng.choice(WORDS.closings))])


def person_names(number: int, rng: np.random.Generator) -> list[str]:
    """`number` names, different as long as there are enough of them."""
    parts = product(WORDS.first_names, WORDS.family_beginnings, WORDS.family_endings)
    return _draw([f"{first} {beginning}{ending}" for first, beginning, ending in parts], number, rng)


def company_names(number: int, rng: np.random.Generator) -> list[str]:
    """`number` names such as "Holldahl Pictures"."""
    parts = product(WORDS.family_beginnings, WORDS.family_endings, WORDS.company_endings)
    return _draw([f"{beginning}{ending} {kind}" for beginning, ending, kind in parts], number, rng)


def subject_names(style: Style, topic: Topic, number: int, rng: np.random.Generator) -> list[str]:
    """`number` subjects such as "Lighthouse at night": the topic's things in the style's setting."""
    parts = product(vocabulary(topic).nouns, WORDS.settings[style.name.lower()])
    return _draw([f"{noun} {setting}" for noun, setting in parts], number, rng)


def _draw(names: list[str], number: int, rng: np.random.Generator) -> list[str]:
    return [names[index] for index in rng.choice(len(names), size=number, replace=number > len(names))]
