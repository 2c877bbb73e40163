"""The world's knowledge in the form of Freebase's last dump: N-Triples, a tab between terms, sorted by subject.

Format: https://developers.google.com/freebase/ (archived), one `<subject> <predicate> <object> .` a line, literals
quoted with a language or none. Beside the facts stand types, names, keys, labels and descriptions, things that have
nothing to do with films, and some lines that are damaged, as in any file of that size.
"""

import gzip

import numpy as np

from mkg4rec.sources.synthetic.identifiers import Length, draw_mids
from mkg4rec.sources.synthetic.world import World

_NAMESPACE = "http://rdf.freebase.com/ns/"
_KEY = "http://rdf.freebase.com/key/en"
_RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_PEOPLE = {"film.actor", "film.director", "film.writer", "film.producer"}
_PROFESSIONS = ("Actor", "Film director", "Screenwriter", "Film producer")
_UNRELATED = {
    "music.artist": ("music.artist.genre", "music.artist.origin"),
    "location.citytown": ("location.location.containedby", "location.location.time_zones"),
    "book.written_work": ("book.written_work.author", "book.written_work.subjects"),
    "biology.organism_classification": ("biology.organism_classification.higher_classification", "biology.organism_classification.rank"),
}
_UNRELATED_SHARE = 0.15
"""Subjects that have nothing to do with films, for each entity that has."""

DAMAGED_LINES = (
    "",
    "# a comment is no triple",
    f"<{_NAMESPACE}m.0damaged>\t<{_NAMESPACE}film.film.directed_by>",
    f"<{_NAMESPACE}m.0damaged>\t<{_NAMESPACE}film.film.genre>\t<{_NAMESPACE}m.0dam",
    f'<{_NAMESPACE}m.0damaged>\t<{_NAMESPACE}type.object.name>\t"an open quote\t.',
    "\ufffd\ufffd\ufffd",
)


def freebase_dump(world: World) -> bytes:
    """The compressed dump of `world`."""
    rng = np.random.default_rng([world.seed, 2])
    lines = [_resource(*fact) for fact in world.facts]
    for film in world.films:
        lines += _topic_lines(film.entity, film.title, "film.film", ("en", "fr"))
        lines.append(
            _literal(film.entity, "common.topic.description", f'"{film.title}" is a film of {film.year}.\nIt was never made.', "en")
        )
        lines.append(_literal(film.entity, "film.film.initial_release_date", str(film.year)))
    for entity in world.entities:
        lines += _topic_lines(entity.mid, entity.name, entity.type, ("en", "de") if entity.type in _PEOPLE else ("en",))
    lines += _background(world, rng) + _unrelated(world, rng)
    ordered = sorted({line.encode() for line in lines} | {line.encode() for line in DAMAGED_LINES})
    return gzip.compress(b"".join(line + b"\n" for line in ordered), mtime=0)


def _topic_lines(mid: str, name: str, kind: str, languages: tuple[str, ...]) -> list[str]:
    kinds = ("common.topic", kind)
    return [
        *(_resource(mid, "type.object.type", other) for other in kinds),
        *(_line(mid, _RDF_TYPE, f"<{_NAMESPACE}{other}>") for other in kinds),
        *(_literal(mid, "type.object.name", name, language) for language in languages),
        *(_line(mid, _RDFS_LABEL, f"{_quote(name)}@{language}") for language in languages),
        _line(mid, _KEY, _quote(name.lower().replace(" ", "_"))),
    ]


def _background(world: World, rng: np.random.Generator) -> list[str]:
    """The professions and birth years of the people: facts two steps from a film."""
    professions = draw_mids(len(_PROFESSIONS), Length.BYSTANDER, rng)
    lines = []
    for mid, name in zip(professions, _PROFESSIONS, strict=True):
        lines += _topic_lines(mid, name, "people.profession", ("en",))
    for entity in world.entities:
        if entity.type in _PEOPLE:
            lines.append(_resource(entity.mid, "people.person.profession", professions[int(rng.integers(len(professions)))]))
            lines.append(_literal(entity.mid, "people.person.date_of_birth", str(rng.integers(1880, 1980))))
    return lines


def _unrelated(world: World, rng: np.random.Generator) -> list[str]:
    """Bands, towns, books and beetles."""
    number = round(_UNRELATED_SHARE * (len(world.films) + len(world.entities)))
    mids = draw_mids(number, Length.BYSTANDER, rng)
    kinds = list(_UNRELATED)
    lines = []
    for index, mid in enumerate(mids):
        kind = kinds[index % len(kinds)]
        lines += _topic_lines(mid, f"Entry {index}", kind, ("en",))
        lines += [_resource(mid, predicate, mids[int(rng.integers(number))]) for predicate in _UNRELATED[kind]]
    return lines


def _resource(head: str, predicate: str, tail: str) -> str:
    return _line(head, f"{_NAMESPACE}{predicate}", f"<{_NAMESPACE}{tail}>")


def _literal(head: str, predicate: str, text: str, language: str | None = None) -> str:
    return _line(head, f"{_NAMESPACE}{predicate}", _quote(text) + (f"@{language}" if language else ""))


def _line(head: str, predicate_address: str, term: str) -> str:
    return f"<{_NAMESPACE}{head}>\t<{predicate_address}>\t{term}\t."


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
