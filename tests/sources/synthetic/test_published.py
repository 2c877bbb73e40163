"""What the synthetic film world publishes has the forms of the real sources and can be read."""

import csv
import gzip
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, UnidentifiedImageError

from mkg4rec import params
from mkg4rec.dataset_params import Sources, Synthetic
from mkg4rec.errors import PipelineError
from mkg4rec.sources import movielens
from mkg4rec.sources.descriptions import read_descriptions
from mkg4rec.sources.freebase import Scan
from mkg4rec.sources.freebase_names import NameStore
from mkg4rec.sources.kb4rec import read_links
from mkg4rec.sources.pages import read_pages
from mkg4rec.sources.posters import read_posters
from mkg4rec.sources.synthetic import make_world, publish
from mkg4rec.sources.synthetic.dump import DAMAGED_LINES
from mkg4rec.sources.synthetic.publish import movielens_title
from mkg4rec.sources.synthetic.texts import WORDS, vocabulary
from mkg4rec.sources.synthetic.world import TASTES, PosterState, World
from stages import synthesize
from tests.conftest import ROOT
from tests.sources.synthetic.published import DEMO, SMALL, SOURCES, at, linked, positives


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def small(folder: Path, seed: int) -> dict[str, bytes]:
    publish(make_world(SMALL.model_copy(update={"seed": seed})), SOURCES, folder)
    return contents(folder)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    assert small(tmp_path / "first", seed=3) == small(tmp_path / "second", seed=3)


def test_archives_do_not_tell_when_they_were_made(published: Path) -> None:
    assert at(published, SOURCES.file("dump").address).read_bytes()[4:8] == bytes(4)
    with zipfile.ZipFile(at(published, SOURCES.ratings.address)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_another_seed_gives_another_world(tmp_path: Path) -> None:
    first, second = small(tmp_path / "first", seed=3), small(tmp_path / "second", seed=4)
    for name in first.keys() & second.keys():
        if name.startswith("demo.mkg4rec.invalid/"):
            assert first[name] != second[name], name


@pytest.mark.parametrize(
    "sizes",
    [
        Synthetic(seed=0, users=20, items=40, entities=80, interactions=200),
        Synthetic(seed=0, users=40, items=40, entities=1000, interactions=400),
        Synthetic(seed=0, users=2000, items=40, entities=90, interactions=20_000),
        Synthetic(seed=0, users=20, items=1500, entities=3000, interactions=3000),
    ],
    ids=["smallest", "dense", "many users", "many films"],
)
def test_every_size_that_params_allow_makes_a_world(sizes: Synthetic) -> None:
    world = make_world(sizes)
    matrix = positives(world)
    assert matrix.shape == (sizes.users, sizes.items)
    assert matrix.sum() == sizes.interactions
    assert len({film.title for film in world.films}) == len(world.films)
    assert sizes.items + len(world.entities) == sizes.entities


def test_sizes_are_those_asked_for(world: World) -> None:
    sizes = DEMO.synthetic
    assert sizes is not None
    matrix = positives(world)
    assert matrix.shape == (sizes.users, sizes.items)
    assert matrix.sum() == sizes.interactions
    assert {film.entity for film in linked(world)} | {entity.mid for entity in world.entities} >= {
        fact.tail for fact in world.facts if fact.relation == "film.film.actor"
    }
    assert len(linked(world)) + len(world.entities) == sizes.entities
    assert 0.02 < 1 - len(linked(world)) / len(world.films) < 0.04
    assert len({rating[:2] for rating in world.ratings}) == len(world.ratings)
    low = sum(rating.rating < 3 for rating in world.ratings)
    assert 0.1 < low / len(world.ratings) < 0.2


def test_only_the_announced_files_are_published(world: World, published: Path) -> None:
    archive = at(published, SOURCES.ratings.address)
    expected = {archive, archive.with_name(f"{archive.name}.md5")}
    expected |= {at(published, getattr(SOURCES, role).address) for role in ("links", "posters", "descriptions", "pages", "dump")}
    posters = set(published.rglob("*.jpg"))
    assert {path for path in published.rglob("*") if path.is_file()} == expected | posters
    state = Counter(film.poster for film in world.films)
    assert len(posters) == state[PosterState.FINE] + state[PosterState.WEB_PAGE] + state[PosterState.TRUNCATED]


def test_pages_change_no_other_file(tmp_path: Path) -> None:
    small = make_world(SMALL)
    publish(small, SOURCES, tmp_path / "with")
    publish(small, SOURCES.model_copy(update={"pages": None}), tmp_path / "without")
    with_pages, without = contents(tmp_path / "with"), contents(tmp_path / "without")
    assert with_pages.keys() - without.keys() == {str(at(Path(), SOURCES.file("pages").address))}
    assert {name: with_pages[name] for name in without} == without


def test_pages_come_in_every_form_and_tell_the_taste(world: World, published: Path) -> None:
    path = at(published, SOURCES.file("pages").address)
    raw = json.loads(path.read_text())
    assert len(raw) < len(world.films)
    forms = [None if page is None else "html" if "<p>" in page else "notes" if "[1]" in page else "text" for page in raw.values()]
    assert set(forms) == {None, "html", "notes", "text"}
    pages = read_pages(path, pa.int64()).pages
    assert not any(mark in page for page in pages.values() for mark in ("<", "[1]", "{{", "Random article"))

    def taste_told(page: str) -> int:
        """By the words of the settings and of the topics."""
        told = page.casefold()
        words = [
            [*WORDS.settings[taste.style.name.lower()], *vocabulary(taste.topic).places, *vocabulary(taste.topic).roles] for taste in TASTES
        ]
        return int(np.argmax([sum(told.count(word.casefold()) for word in known) for known in words]))

    right = [taste_told(pages[film.movie_id]) == film.taste for film in world.films if pages.get(film.movie_id)]
    assert np.mean(right) > 0.85


def test_the_archive_has_the_form_of_movielens(world: World, published: Path) -> None:
    path = at(published, SOURCES.ratings.address)
    assert path.with_name("ml-demo.zip.md5").read_text() == f"{hashlib.md5(path.read_bytes()).hexdigest()}  ml-demo.zip\n"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [f"ml-demo/{name}" for name in ("README", "movies.dat", "ratings.dat", "users.dat")]
        ratings, movies, users = (archive.read(f"ml-demo/{name}.dat").decode("latin-1") for name in ("ratings", "movies", "users"))
    rating_lines = ratings.removesuffix("\n").split("\n")
    assert all(re.fullmatch(r"\d+::\d+::[1-5]::\d{9,10}", line) for line in rating_lines)
    assert len(set(rating_lines)) < len(rating_lines) < len(world.ratings) + 20
    assert {tuple(map(int, line.split("::"))) for line in rating_lines} == set(world.ratings)
    assert all(re.fullmatch(r"\d+::[^:|]+ \(\d{4}\)::[A-Z][A-Za-z|-]+", line) for line in movies.removesuffix("\n").split("\n"))
    assert re.search("[À-ÿ]", movies)
    assert all(re.fullmatch(r"\d+::[FM]::\d+::\d+::\d{5}", line) for line in users.removesuffix("\n").split("\n"))


@pytest.mark.parametrize(
    ("title", "expected"), [("The Contender", "Contender, The"), ("An Alibi for Ada", "Alibi for Ada, An"), ("Theo's Tide", "Theo's Tide")]
)
def test_articles_stand_behind_the_title(title: str, expected: str) -> None:
    assert movielens_title(title) == expected


def test_links_posters_and_plots_have_the_published_form(world: World, published: Path) -> None:
    links = at(published, SOURCES.links.address).read_bytes()
    assert all(re.fullmatch(rb"\d+\t[mg]\.[0-9a-z_]+\r", line) for line in links.removesuffix(b"\n").split(b"\n"))
    assert re.search(rb"\tg\.", links)

    with at(published, SOURCES.file("posters").address).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["item_id", "image"]
    assert all(urlsplit(row["image"]).netloc == "posters.demo.mkg4rec.invalid" for row in rows)

    text = at(published, SOURCES.file("descriptions").address).read_bytes().decode()
    lines = [line.split("::") for line in text.removesuffix("\r\n").split("\r\n")]
    assert {len(fields) for fields in lines} == {11}
    plots = {int(fields[0]): fields[9] for fields in lines}
    assert {movie for movie, plot in plots.items() if plot != "N/A"} == {film.movie_id for film in world.films if film.plot}
    assert len(plots) < len(world.films)


def test_the_dump_is_sorted_triples_and_a_few_damaged_lines(world: World, published: Path) -> None:
    lines = gzip.decompress(at(published, SOURCES.file("dump").address).read_bytes()).removesuffix(b"\n").split(b"\n")
    assert lines == sorted(lines)
    triple = re.compile(rb'<http[^>\t]+>\t<http[^>\t]+>\t(<http[^>\t]+>|"([^"\\]|\\.)*"(@[a-z]+)?)\t\.')
    assert {line for line in lines if not triple.fullmatch(line)} == {line.encode() for line in DAMAGED_LINES}
    namespace = "http://rdf.freebase.com/ns/"
    assert {
        f"<{namespace}{head}>\t<{namespace}{relation}>\t<{namespace}{tail}>\t.".encode() for head, relation, tail in world.facts
    } <= set(lines)


def test_the_projects_parsers_read_back_the_world(world: World, published: Path) -> None:
    archive = movielens.read(at(published, SOURCES.ratings.address))
    assert set(zip(*(archive.ratings[name].to_pylist() for name in ("user_id", "item_id")), strict=True)) == {
        (rating.user_id, rating.movie_id) for rating in world.ratings
    }
    assert archive.items["title"].to_pylist() == [movielens_title(film.title) for film in world.films]
    assert archive.items["genres"].to_pylist() == [list(film.genres) for film in world.films]

    links = read_links(at(published, SOURCES.links.address), pa.int64()).table
    known = dict(zip(links["item_id"].to_pylist(), links["entity"].to_pylist(), strict=True))
    assert [known.get(film.movie_id) for film in world.films] == [film.entity if film.linked else None for film in world.films]
    assert len(known) > len(world.films)

    listed = read_posters(at(published, SOURCES.file("posters").address), pa.int64())
    assert set(listed.addresses) == {film.movie_id for film in world.films if film.poster is not PosterState.UNLISTED}
    assert (listed.unreadable, listed.repeated) == (0, 0)
    plots = read_descriptions(at(published, SOURCES.file("descriptions").address), pa.int64())
    assert [plots.descriptions[film.movie_id].text for film in world.films if film.plot] == [film.plot for film in world.films if film.plot]
    assert (plots.broken, plots.unreadable, plots.repeated) == ({}, 0, 0)

    films = {film.entity for film in linked(world)}
    drop = params.load(ROOT / "params.yaml").kg.drop_predicates
    with NameStore() as names:
        scan = Scan(at(published, SOURCES.file("dump").address), pa.array(sorted(films)), drop, names)
        facts = pa.concat_tables(scan)
        named = names.names_of(pa.array([entity.mid for entity in world.entities]))
    found = {tuple(fact.values()) for fact in facts.to_pylist()}
    assert found == {tuple(fact) for fact in world.facts if fact.head in films or fact.tail in films}
    assert scan.bad_lines == len(DAMAGED_LINES)
    assert named.to_pylist() == [entity.name for entity in world.entities]


def test_posters_fail_as_announced(world: World, published: Path) -> None:
    addresses = read_posters(at(published, SOURCES.file("posters").address), pa.int64()).addresses
    seen: set[PosterState] = set()
    for film in world.films:
        seen.add(film.poster)
        if film.poster is PosterState.UNLISTED:
            continue
        path = at(published, addresses[film.movie_id])
        if film.poster is PosterState.GONE:
            assert not path.exists()
        elif film.poster is PosterState.WEB_PAGE:
            with pytest.raises(UnidentifiedImageError):
                Image.open(path)
        elif film.poster is PosterState.TRUNCATED:
            with pytest.raises(OSError, match="truncated"):
                Image.open(path).load()
        else:
            image = Image.open(path)
            image.load()
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (160, 240))
    assert seen == set(PosterState)


def test_an_address_outside_any_mirror_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "links.txt"
    sources: Sources = SOURCES.model_copy(update={"links": SOURCES.links.model_copy(update={"address": elsewhere.as_uri()})})
    with pytest.raises(PipelineError, match=r"links\.txt: .*http or https"):
        publish(make_world(SMALL), sources, tmp_path / "mirror")
    assert not elsewhere.exists()


def test_the_stage_fills_the_mirror_of_a_synthetic_data_set_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    synthesize.main("ml-1m")
    assert not [path for path in (tmp_path / "data" / "ml-1m" / "mirror").iterdir() if path.is_dir()]
    assert "published data: nothing to synthesise" in capsys.readouterr().out
    synthesize.main("demo")
    mirror = tmp_path / "data" / "demo" / "mirror"
    assert zipfile.is_zipfile(io.BytesIO((mirror / "demo.mkg4rec.invalid" / "ml-demo.zip").read_bytes()))
    assert len(list((mirror / "posters.demo.mkg4rec.invalid").iterdir())) > 300
