"""Amazon-Books from its published files to its vectors: a small world behind a real server, the stages in turn."""

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mkg4rec import tables
from mkg4rec.errors import PipelineError
from stages import build_kg, download, embed, encoder, fetch_dump, fetch_media, link, prepare, split
from stages.layout import Layout
from tests.conftest import ROOT
from tests.download.server import Answer, Server, serving
from tests.media.pictures import picture

DATASET = "amazon-books"
LAYOUT = Layout(DATASET)
NS = "http://rdf.freebase.com/ns/"
HOST = "ecx.images-amazon.com"
FOLDER = "/snap.stanford.edu/data/amazon/productGraph/categoryFiles"

AT_AMAZON, SECOND, NOWHERE, UNLISTED, UNNUMBERED, UNDESCRIBED, REFUSED = (
    "0306406152", "080442957X", "0001055178", "000215949X", "B003P2VJWI", "0002115808", "0001850164"
)  # fmt: skip
BOOKS = [AT_AMAZON, SECOND, NOWHERE, UNLISTED, UNNUMBERED, UNDESCRIBED, REFUSED]
USERS = [f"A{number}" for number in range(12)]


def book(asin: str, **more: Any) -> dict[str, Any]:
    categories = [["Books", "Fiction", "Crime" if BOOKS.index(asin) % 2 else "War"]]
    return {"asin": asin, "title": f"Title of {asin}", "categories": categories, "author": "Ann Author", "brand": "Penguin"} | more


METADATA = [
    book(AT_AMAZON, imUrl=f"http://{HOST}/found.jpg", description="What happens in it"),
    book(SECOND, imUrl=f"http://{HOST}/gone.jpg"),
    book(NOWHERE, imUrl=f"http://{HOST}/gone.jpg"),
    book(UNLISTED),
    book(UNNUMBERED, imUrl="http://g-ecx.images-amazon.com/images/G/01/x-site/icons/no-img-sm.gif"),
    book(REFUSED, imUrl=f"http://{HOST}/refused.jpg"),
    {"asin": "9999999999", "title": "In no review"},
]


class World:
    """The folder that looks to the stages like the root of the repository, and the server that is its mirror."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        self.params["http"] |= {"attempts": 1, "backoff": 0.01, "max_wait": 0.02}
        self.chosen["link"] |= {"min_user_interactions": 5, "min_item_interactions": 5}
        self.chosen["encoder"] |= {"model": "catalogue-clip", "pretrained": None, "epochs": 1, "batch_size": 4}
        self.chosen["kg"] |= {"min_relation_triplets": 2}
        server.answer("/raw.githubusercontent.com/RUCDM/KB4Rec/master/Linkage/ab2fb.txt", Answer(self.links().encode()))
        server.answer("/archive.org/download/freebase-rdf-latest/freebase-rdf-latest.gz", Answer(gzip.compress(self.dump().encode())))
        reviews = [
            {"reviewerID": user, "asin": asin, "overall": 4.0, "unixReviewTime": 7, "summary": "good"}
            for user in USERS
            for asin in [*BOOKS, "B00UNLINKED"]
        ]
        self.publish("reviews_Books_5.json.gz", "".join(f"{json.dumps(review)}\n" for review in [*reviews, reviews[0]]))
        self.describe(METADATA)

    @property
    def chosen(self) -> dict[str, Any]:
        found: dict[str, Any] = self.params["datasets"][DATASET]
        return found

    def publish(self, name: str, text: str) -> None:
        self.server.answer(f"{FOLDER}/{name}", Answer(gzip.compress(text.encode())))

    def describe(self, books: list[dict[str, Any]]) -> None:
        self.publish("meta_Books.json.gz", "".join(f"{described!r}\n" for described in books))

    def cover(self, address: str, seed: int) -> None:
        self.server.answer(address, Answer(picture(seed=seed)))

    @staticmethod
    def links() -> str:
        return "".join(f"{asin}\tm.0{number}\r\n" for number, asin in enumerate(BOOKS)) + "9999999999\tm.099\r\n"

    @staticmethod
    def dump() -> str:
        facts = [f"<{NS}m.0{number}>\t<{NS}book.written_work.author>\t<{NS}m.0ann>\t." for number in range(len(BOOKS) - 1)]
        return "\n".join([*facts, f'<{NS}m.0ann>\t<{NS}type.object.name>\t"Ann"@en\t.', ""])

    def run(self, *stages: Any) -> None:
        Path("params.yaml").write_text(yaml.safe_dump(self.params), encoding="utf-8")
        for stage in stages:
            stage.main(DATASET)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with serving() as server:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("MKG4REC_MIRROR", server.address(""))
        monkeypatch.setenv("MKG4REC_DOWNLOAD_CACHE", str(tmp_path / "downloads"))
        monkeypatch.setenv("MKG4REC_FEATURE_CACHE", str(tmp_path / "vectors"))
        yield World(server)


def open_library(asin: str) -> str:
    return f"/covers.openlibrary.org/b/isbn/{asin}-L.jpg?default=false"


def status(modality: str) -> dict[str, tuple[str, str, str]]:
    rows = tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist()
    return {row["item_id"]: (row["status"], row["reason"], row["address"]) for row in rows if row["modality"] == modality}


def test_covers_come_from_amazon_else_by_isbn_and_every_row_says_which(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.cover(f"/{HOST}/found.jpg", 1)
    world.server.answer(f"/{HOST}/refused.jpg", Answer(b"no", status=403))
    for seed, asin in enumerate((AT_AMAZON, SECOND, UNLISTED), start=2):
        world.cover(open_library(asin), seed)
    world.run(download, fetch_dump, prepare, link, fetch_media, encoder, build_kg, embed, split)
    printed = capsys.readouterr().out
    assert "96 interactions, 8 items; 1 ratings repeated" in printed
    assert "6 books of 7 lines, 0 repeated, 0 bad" in printed
    assert "84 positive interactions of 12 users and 7 items" in printed
    assert "1 items without a link left out with 12 positive interactions" in printed

    second = "https://covers.openlibrary.org/b/isbn/{}-L.jpg?default=false"
    visual = status("visual")
    assert visual[AT_AMAZON] == ("ok", "", f"http://{HOST}/found.jpg")
    assert visual[SECOND] == ("ok", "", second.format(SECOND))
    assert visual[UNLISTED] == ("ok", "", second.format(UNLISTED))
    not_found = "not found at its address"
    assert visual[NOWHERE] == ("missing", f"{HOST}: {not_found}; covers.openlibrary.org: {not_found}", second.format(NOWHERE))
    assert visual[REFUSED] == ("broken", f"{HOST}: the server refused it; covers.openlibrary.org: {not_found}", second.format(REFUSED))
    assert visual[UNNUMBERED] == ("missing", "no poster address is published, and the identifier is no ISBN-10", "")
    assert visual[UNDESCRIBED] == ("missing", not_found, second.format(UNDESCRIBED))
    # Nobody is asked for a second cover of a book that has one.
    assert not world.server.asked(open_library(AT_AMAZON))

    text = status("text")
    assert text[AT_AMAZON][0] == "ok"
    assert text[AT_AMAZON][2].endswith("/meta_Books.json.gz#L1")
    assert text[SECOND][:2] == ("missing", "the source has no description")
    assert text[UNDESCRIBED][:2] == ("missing", "the source has no line for the item")

    features = tables.FEATURES.read(LAYOUT.features("visual")).to_pylist()
    assert [row["item_id"] for row in features if row["vector"]] == sorted([AT_AMAZON, SECOND, UNLISTED])
    # Title and categories stand for a description; the book of which nothing is known has no text.
    features = tables.FEATURES.read(LAYOUT.features("text")).to_pylist()
    assert [row["item_id"] for row in features if row["item_id"] and not row["vector"]] == [UNDESCRIBED]
    assert sum(tables.INTERACTIONS.read(LAYOUT.split(part)).num_rows for part in ("train", "valid", "test")) == 84


def test_without_any_cover_the_text_is_embedded_all_the_same(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.run(download, fetch_dump, prepare, link, fetch_media, encoder, build_kg, embed)
    printed = capsys.readouterr().out
    assert "posters: 0 ok, 7 missing" in printed
    assert "0 pairs of poster and text, so trained on 6 texts alone, 1 epochs" in printed
    visual = tables.FEATURES.read(LAYOUT.features("visual"))
    assert visual["vector"].null_count == len(visual) == len(BOOKS)
    text = tables.FEATURES.read(LAYOUT.features("text")).to_pylist()
    assert sum(row["vector"] is not None for row in text if row["item_id"]) == 6


def test_too_few_covers_stop_the_stage_where_the_limit_says_so(world: World) -> None:
    world.chosen["media"]["max_missing_posters"] = 0.5
    world.run(download, prepare, link)
    with pytest.raises(PipelineError, match=r"7 of 7 posters .* datasets\.amazon-books\.media\.max_missing_posters"):
        world.run(fetch_media)


@pytest.mark.parametrize(
    ("sources", "relations"),
    [
        (["freebase"], {"book.written_work.author": 6}),
        (["metadata"], {"metadata.author": 6, "metadata.brand": 6, "metadata.category": 12}),
        (["freebase", "metadata"], {"book.written_work.author": 6, "metadata.author": 6, "metadata.brand": 6, "metadata.category": 12}),
    ],
)
def test_the_graph_is_made_from_the_sources_that_are_named(world: World, sources: list[str], relations: dict[str, int]) -> None:
    world.chosen["kg"]["sources"] = sources
    if "freebase" not in sources:
        world.chosen["sources"]["dump"] = None
    world.run(download, fetch_dump, prepare, link, build_kg)
    found = tables.RELATIONS.read(LAYOUT.relations).to_pydict()
    assert dict(zip(found["relation"], found["triplets"], strict=True)) == relations
    entities = tables.ENTITIES.read(LAYOUT.entities).to_pylist()
    names = {row["entity"]: row["name"] for row in entities if row["item_id"] is None}
    expected = {"m.0ann": "Ann"} if "freebase" in sources else {}
    if "metadata" in sources:
        kinds = {"category": ["Crime", "Fiction", "War"], "author": ["Ann Author"], "brand": ["Penguin"]}
        expected |= {f"metadata.{kind}:{name}": name for kind, of_kind in kinds.items() for name in of_kind}
    assert names == expected
    assert list(names) == sorted(names)


def test_metadata_changes_what_the_graph_follows_only_where_it_is_a_source(world: World) -> None:
    inputs = (LAYOUT.links, LAYOUT.linked_attributes)
    written: dict[str, list[list[bytes]]] = {"freebase": [], "metadata": []}
    for source, contents in written.items():
        for title in ("one", "two"):
            world.chosen["kg"]["sources"] = [source]
            world.describe([book(asin, title=title, author=title) for asin in BOOKS])
            shutil.rmtree("downloads", ignore_errors=True)
            world.run(download, prepare, link)
            contents.append([path.read_bytes() for path in inputs])
    assert written["freebase"][0] == written["freebase"][1]
    assert written["metadata"][0][0] == written["metadata"][1][0]
    assert written["metadata"][0][1] != written["metadata"][1][1]


@pytest.mark.mirror
def test_the_real_reviews_give_the_counted_sizes(mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MKG4REC_MIRROR", str(mirror))
    values = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for least, sizes in ((10, (18_072, 12_063, 441_383)), (5, (20_679, 19_990, 516_505))):
        values["datasets"][DATASET]["link"]["min_item_interactions"] = least
        Path("params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
        for stage in (link,) if LAYOUT.interactions.exists() else (download, prepare, link):
            stage.main(DATASET)
        positives, catalogue = tables.INTERACTIONS.read(LAYOUT.positives), tables.CATALOGUE.read(LAYOUT.catalogue)
        assert (len(positives["user_id"].unique()), len(catalogue), len(positives)) == sizes
    assert tables.INTERACTIONS.read(LAYOUT.interactions).num_rows == 895_826
