"""The synthetic film world: what is published can be read, and what is planted can be found."""

import csv
import gzip
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
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
from mkg4rec.sources.synthetic.audience import encounter_probability
from mkg4rec.sources.synthetic.dump import DAMAGED_LINES
from mkg4rec.sources.synthetic.publish import movielens_title
from mkg4rec.sources.synthetic.texts import WORDS, vocabulary
from mkg4rec.sources.synthetic.world import TASTES, Film, PosterState, Style, World
from stages import synthesize
from tests.conftest import ROOT

DEMO = params.load(ROOT / "params.yaml").dataset("demo")
assert isinstance(DEMO.sources, Sources)
SOURCES = DEMO.sources
SMALL = Synthetic(seed=3, users=40, items=48, entities=150, interactions=480)


@pytest.fixture(scope="module")
def world() -> World:
    assert DEMO.synthetic is not None
    return make_world(DEMO.synthetic)


@pytest.fixture(scope="module")
def published(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror")
    publish(world, SOURCES, folder)
    return folder


def at(folder: Path, address: str) -> Path:
    parts = urlsplit(address)
    return folder / parts.netloc / parts.path[1:]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def linked(world: World) -> list[Film]:
    return [film for film in world.films if film.linked]


def positives(world: World) -> NDArray[np.bool_]:
    """(viewers, linked films) whether the rating is 3 or more."""
    column = {film.movie_id: index for index, film in enumerate(linked(world))}
    matrix = np.zeros((len(world.viewers), len(column)), dtype=bool)
    for rating in world.ratings:
        if rating.rating >= 3 and rating.movie_id in column:
            matrix[rating.user_id - 1, column[rating.movie_id]] = True
    return matrix


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
