"""What an encyclopaedia says of the films: articles that tell the look and the matter of each, where poster and plot tell one of the two.

They come as such articles do: a third as HTML with navigation and a script, a third with footnote marks and remains of wikitext,
the rest as plain text; some films have none.
"""

import html
import json
from collections import defaultdict

import numpy as np

from mkg4rec.sources.synthetic.catalogue import MISLEADING
from mkg4rec.sources.synthetic.texts import WORDS, vocabulary
from mkg4rec.sources.synthetic.world import TASTES, Film, Taste, World

WITHOUT_ENTRY, WITHOUT_PAGE = 0.08, 0.04
"""Shares of films that the list does not have, or has without a page."""

_HTML = """\
<!DOCTYPE html><html><head><title>{title}</title><script>var page = "{title}";</script><style>p {{ margin: 0 }}</style></head>
<body><nav><a href="/">Main page</a> <a href="/random">Random article</a></nav><main><h1>{title}</h1>
{paragraphs}
</main><footer>Text under a free licence.</footer></body></html>"""


def page_list(world: World) -> bytes:
    """A JSON object from movie_id to page."""
    rng = np.random.default_rng([world.seed, 8])
    directors = _directors(world)
    pages: dict[str, str | None] = {}
    for film in world.films:
        taste = TASTES[int(rng.integers(len(TASTES)))] if rng.random() < MISLEADING else TASTES[film.taste]
        sentences = _sentences(film, taste, directors[film.entity], rng)
        form, chance = int(rng.integers(3)), rng.random()
        if chance >= WITHOUT_ENTRY:
            pages[str(film.movie_id)] = (
                None if chance < WITHOUT_ENTRY + WITHOUT_PAGE else (_as_html, _as_wikitext, _as_text)[form](film, sentences)
            )
    return (json.dumps(pages, indent=1) + "\n").encode()


def _directors(world: World) -> dict[str, list[str]]:
    names = {entity.mid: entity.name for entity in world.entities}
    directors: dict[str, list[str]] = defaultdict(list)
    for fact in world.facts:
        if fact.relation == "film.film.directed_by" and fact.tail in names:
            directors[fact.head].append(names[fact.tail])
    return directors


def _sentences(film: Film, taste: Taste, directors: list[str], rng: np.random.Generator) -> list[str]:
    """What the article says, in order."""
    words, settings = vocabulary(taste.topic), WORDS.settings[taste.style.name.lower()]
    roles, places, objects, dangers = (
        iter(rng.permutation(choices)) for choices in (words.roles, words.places, words.objects, words.dangers)
    )
    by = f" directed by {' and '.join(directors)}" if directors else ""
    first = f"{film.title} is a {film.year} {' and '.join(film.genres).lower()} film{by}."
    told = [
        str(template).format(
            role=next(roles),
            place=next(places),
            object=next(objects),
            danger=next(dangers),
            setting=rng.choice(settings),
            year=film.year + 1,
        )
        for template in rng.choice(WORDS.article, size=4, replace=False)
    ]
    return [first, f"Its story takes place {rng.choice(settings)}, {next(places)}.", *told]


def _as_text(film: Film, sentences: list[str]) -> str:
    return " ".join(sentences)


def _as_wikitext(film: Film, sentences: list[str]) -> str:
    noted = [f"{sentence}[{number}]" for number, sentence in enumerate(sentences[1:], start=1)]
    return " ".join([sentences[0].replace(film.title, f"'''{film.title}'''", 1), *noted, "{{Film stub}}"])


def _as_html(film: Film, sentences: list[str]) -> str:
    noted = [f'{html.escape(sentence)}<sup class="reference">[{number}]</sup>' for number, sentence in enumerate(sentences, start=1)]
    paragraphs = f"<p>{' '.join(noted[:2])}</p>\n<p>{' '.join(noted[2:])}</p>"
    return _HTML.format(title=html.escape(film.title), paragraphs=paragraphs)
