"""Data sets that the user brings, from their files to the split and out again, stage by stage."""

import copy
import csv
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from pyarrow import csv as arrow_csv

from mkg4rec import tables
from mkg4rec.errors import PipelineError
from mkg4rec.export import recbole
from stages import bring, build_kg, download, fetch_dump, fetch_media, link, prepare, split, validate
from stages.built import built_dataset
from stages.layout import Layout
from tests.conftest import ROOT

NAME = "reading-club"
LAYOUT = Layout(NAME)
EXAMPLE = ROOT / "examples" / "own-data"
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
STAGES = (bring, download, fetch_dump, prepare, link, fetch_media, build_kg, split)


class Workplace:
    """A folder that looks to the stages like the root of the repository, with the example's files and parameters to change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own = folder / LAYOUT.own
        self.params: dict[str, Any] = copy.deepcopy(PARAMS)
        self.dataset: dict[str, Any] = yaml.safe_load((EXAMPLE / "dataset.yaml").read_text(encoding="utf-8"))[NAME]
        self.sources: dict[str, Any] = self.dataset["sources"]
        shutil.copytree(EXAMPLE, self.own)

    def write_params(self) -> None:
        self.params["datasets"] = {NAME: self.dataset}
        self.params["tuned"] = {NAME: {}}
        self.params["run"] |= {"datasets": [NAME], "models": ["ease"]}
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params, sort_keys=False), encoding="utf-8")

    def build(self) -> None:
        """Every stage up to the split; the parameters are checked first."""
        self.write_params()
        validate.main()
        for stage in STAGES:
            stage.main(NAME)

    def complaint(self) -> str:
        """What building says to something wrong."""
        with pytest.raises(PipelineError) as error:
            self.build()
        return str(error.value)

    def rewrite(self, name: str, change: Callable[[str], str]) -> None:
        path = self.own / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(tmp_path)
    return Workplace(tmp_path)


def _rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))


def _csv(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def _texts(table: pa.Table, *columns: str) -> set[tuple[Any, ...]]:
    return set(zip(*(table[column].to_pylist() for column in columns), strict=True))


def test_files_become_the_tables_of_the_pipeline(workplace: Workplace) -> None:
    workplace.build()
    liked = {
        (row["reader"], row["book"], float(row["stars"]), int(row["finished"])) for row in _rows("interactions.csv") if row["stars"] >= "3"
    }
    positives = tables.INTERACTIONS.read(LAYOUT.positives)
    assert _texts(positives, "user_id", "item_id", "rating", "timestamp") == liked
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    assert _texts(catalogue, "item_id", "entity", "title") == {(row["book"], row["book"], row["title"]) for row in _rows("items.csv")}
    assert set(tables.POSTERS.read(LAYOUT.posters)["item_id"].to_pylist()) == {path.stem for path in (EXAMPLE / "images").iterdir()}
    assert _texts(tables.DESCRIPTIONS.read(LAYOUT.descriptions), "item_id", "text") == {
        (row["book"], row["blurb"]) for row in _rows("items.csv") if row["blurb"]
    }
    built = recbole.by_name(
        tables.TRIPLETS.read(LAYOUT.triplets),
        tables.ENTITIES.read(LAYOUT.entities)["entity"].combine_chunks(),
        tables.RELATIONS.read(LAYOUT.relations)["relation"].combine_chunks(),
    )
    assert _texts(built, "head", "relation", "tail") == {tuple(row.values()) for row in _rows("triples.tsv")}
    attributes = tables.ENTITIES.read(LAYOUT.entities)
    named = {(row["entity"], row["name"]) for row in attributes.to_pylist() if row["item_id"] is None}
    assert named == {(row["entity"], row["name"]) for row in _rows("names.csv")}


def test_pages_come_from_a_column(workplace: Workplace) -> None:
    pages = {"001": "<p>A <i>page</i>.<sup class='reference'>[1]</sup></p>", "002": "N/A"}
    header, *rows = _csv((workplace.own / "items.csv").read_text(encoding="utf-8"))
    changed = [[*header, "article"], *([*row, pages.get(row[0], "")] for row in rows)]
    with (workplace.own / "items.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(changed)
    workplace.sources["items"]["page"] = "article"
    workplace.dataset["media"]["max_missing_pages"] = 0.5
    assert "29 of 30 pages (96.67%) are not there" in workplace.complaint()
    workplace.dataset["media"]["max_missing_pages"] = 1.0
    workplace.build()
    assert _texts(tables.PAGES.read(LAYOUT.pages), "item_id", "text") == {("001", "A page.")}
    status = {row["item_id"]: row for row in tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist() if row["modality"] == "web"}
    assert (status["001"]["status"], status["001"]["address"]) == ("ok", "items.csv#/001")
    assert status["002"]["reason"] == "the source has no page of the item"


def test_without_a_column_of_pages_there_are_none(workplace: Workplace) -> None:
    workplace.build()
    reasons = {row["reason"] for row in tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist() if row["modality"] == "web"}
    assert reasons == {"the data set has no source of pages"}


def test_media_status_names_files_and_not_places_on_this_machine(workplace: Workplace) -> None:
    workplace.build()
    status = {(row["item_id"], row["modality"]): row for row in tables.MEDIA_STATUS.read(LAYOUT.media_status).to_pylist()}
    assert status["001", "visual"]["address"] == "001.png"
    assert status["001", "text"]["address"] == "items.csv#L1"
    assert status["023", "visual"]["reason"] == "the folder of images has none of the item"
    assert status["017", "text"]["status"] == "missing"


def test_parquet_is_read_as_csv_is(workplace: Workplace) -> None:
    workplace.build()
    expected = tables.INTERACTIONS.read(LAYOUT.positives)
    text = dict.fromkeys(("reader", "book"), pa.string())
    rows = arrow_csv.read_csv(workplace.own / "interactions.csv", convert_options=arrow_csv.ConvertOptions(column_types=text))
    pq.write_table(rows, workplace.own / "interactions.parquet")
    workplace.sources["interactions"] |= {"file": "interactions.parquet", "separator": None}
    workplace.build()
    assert tables.INTERACTIONS.read(LAYOUT.positives).equals(expected)


def test_a_file_without_a_header_has_columns_by_position(workplace: Workplace) -> None:
    workplace.build()
    expected = tables.TRIPLETS.read(LAYOUT.triplets)
    workplace.rewrite("triples.tsv", lambda text: text.partition("\n")[2])
    workplace.sources["triples"] |= {"head": 1, "relation": 2, "tail": 3}
    workplace.build()
    assert tables.TRIPLETS.read(LAYOUT.triplets).equals(expected)


def test_images_texts_and_graph_may_be_absent(workplace: Workplace) -> None:
    workplace.sources |= {"items": None, "images": None, "triples": None, "names": None}
    workplace.sources["interactions"] |= {"rating": None, "time": None, "scale": None}
    workplace.dataset["link"]["min_rating"] = 1
    workplace.build()
    positives = tables.INTERACTIONS.read(LAYOUT.positives)
    assert len(positives) == len(_rows("interactions.csv"))
    assert _texts(positives, "rating", "timestamp") == {(1.0, 0)}
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    assert catalogue["title"].to_pylist()[0] == "item 001"
    assert len(tables.ENTITIES.read(LAYOUT.entities)) == len(catalogue)
    assert not any(len(table.read(path)) for table, path in ((tables.TRIPLETS, LAYOUT.triplets), (tables.POSTERS, LAYOUT.posters)))


NS = "http://rdf.freebase.com/ns/"


@pytest.fixture
def linked(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """The example with a Parquet file of links and a Freebase dump in place of its triples; two books have no link."""
    monkeypatch.setenv("MKG4REC_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("MKG4REC_FACT_CACHE", str(tmp_path / "facts"))
    books = [row["book"] for row in _rows("items.csv")]
    links = {"book": books[2:], "mid": [f"m.0b{book}" for book in books[2:]]}
    pq.write_table(pa.table(links), workplace.own / "links.parquet")
    lines = [f"<{NS}m.0b{book}>\t<{NS}book.written_work.author>\t<{NS}m.0a{number % 7}>\t." for number, book in enumerate(books)]
    lines += [f'<{NS}m.0a{number}>\t<{NS}type.object.name>\t"Author {number}"@en\t.' for number in range(7)]
    dump = tmp_path / "mirror" / "archive.org" / "freebase.gz"
    dump.parent.mkdir(parents=True)
    dump.write_bytes(gzip.compress("\n".join(lines).encode()))
    workplace.sources["links"] = {"file": "links.parquet", "separator": None, "item": "book", "entity": "mid", "drop_unlinked": False}
    workplace.sources |= {"triples": None, "names": None}
    workplace.sources["dump"] = {"address": "https://archive.org/freebase.gz", "checksum": None, "max_bytes": 1_000_000}
    workplace.dataset["kg"] |= {"sources": ["freebase"], "hops": 1}
    return workplace


@pytest.mark.parametrize("drop_unlinked", [False, True])
def test_the_dump_tells_of_linked_items(linked: Workplace, drop_unlinked: bool) -> None:
    linked.sources["links"]["drop_unlinked"] = drop_unlinked
    linked.build()
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    books = [row["book"] for row in _rows("items.csv")]
    unlinked = [(book, f"item:{book}") for book in books[:2] if not drop_unlinked]
    assert _texts(catalogue, "item_id", "entity") == {*unlinked, *((book, f"m.0b{book}") for book in books[2:])}
    built = recbole.by_name(
        tables.TRIPLETS.read(LAYOUT.triplets),
        tables.ENTITIES.read(LAYOUT.entities)["entity"].combine_chunks(),
        tables.RELATIONS.read(LAYOUT.relations)["relation"].combine_chunks(),
    )
    told = {(book, "book.written_work.author", f"m.0a{number % 7}") for number, book in enumerate(books) if number >= 2}
    assert {(head.removeprefix("m.0b"), relation, tail) for head, relation, tail in _texts(built, "head", "relation", "tail")} == told
    named = {row["name"] for row in tables.ENTITIES.read(LAYOUT.entities).to_pylist() if row["item_id"] is None}
    assert named == {f"Author {number}" for number in range(7)}


def test_a_link_that_is_no_mid_is_told(linked: Workplace) -> None:
    path = linked.own / "links.parquet"
    links = pq.read_table(path)
    pq.write_table(links.set_column(1, "mid", pa.array(["Q42", *links["mid"].to_pylist()[1:]])), path)
    assert "links.parquet: row 1: column mid is 'Q42': not a Freebase MID (m.… or g.…)" in linked.complaint()


def test_names_beside_a_dump_are_refused(linked: Workplace) -> None:
    linked.sources["names"] = {"file": "names.csv", "separator": ",", "entity": "entity", "name": "name"}
    assert "sources: names are those of triples; the dump has its own" in linked.complaint()


def test_identifiers_stay_as_they_are(workplace: Workplace) -> None:
    rows = [(user, item) for user in ("00 7", "7", "ünal") for item in ("a/b", "1e3", "1000", "x y", " 1")]
    (workplace.own / "interactions.csv").write_text("".join(f"{user};{item}\n" for user, item in rows), encoding="utf-8")
    workplace.sources |= {"items": None, "triples": None, "names": None}
    workplace.sources["interactions"] = {
        "file": "interactions.csv", "separator": ";", "user": 1, "item": 2, "rating": None, "time": None, "scale": None,
    }  # fmt: skip
    workplace.dataset["link"]["min_rating"] = 1
    workplace.dataset["media"]["max_missing_posters"] = 0.8
    shutil.copy(EXAMPLE / "images" / "001.png", workplace.own / "images" / "a%2Fb.png")
    shutil.copy(EXAMPLE / "images" / "001.png", workplace.own / "images" / "x y.PNG")
    workplace.build()
    assert _texts(tables.INTERACTIONS.read(LAYOUT.positives), "user_id", "item_id") == set(rows)
    assert tables.POSTERS.read(LAYOUT.posters)["item_id"].to_pylist() == ["a/b", "x y"]


def test_of_repeated_interactions_the_latest_counts(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    again = _rows("interactions.csv")[0]
    line = f"{again['reader']},{again['book']},{again['stars']},{int(again['finished']) + 1}\n"
    workplace.rewrite("interactions.csv", lambda text: text + line)
    workplace.build()
    assert "; 1 ratings repeated and dropped" in capsys.readouterr().out
    interactions = tables.INTERACTIONS.read(LAYOUT.interactions).to_pylist()
    (kept,) = (row for row in interactions if (row["user_id"], row["item_id"]) == (again["reader"], again["book"]))
    assert kept["timestamp"] == int(again["finished"]) + 1


def test_what_no_item_knows_is_counted(workplace: Workplace, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(EXAMPLE / "images" / "001.png", workplace.own / "images" / "999.png")
    (workplace.own / "images" / "002.webp").write_bytes(b"second")
    workplace.rewrite("triples.tsv", lambda text: text + "999\tshelf\tnowhere\n")
    workplace.build()
    told = capsys.readouterr().out
    assert "1 images of no item that takes part, 1 repeated" in told
    assert "96 of 97 facts near the items, 30 of 30 items in a fact" in told


@pytest.mark.parametrize("seconds", ["2024-03-01", "2024-03-01T00:00:00Z", "2024-03-01 00:00:00", "1709251200", "1709251200.7"])
def test_times_are_seconds_or_iso_8601(workplace: Workplace, seconds: str) -> None:
    (workplace.own / "interactions.csv").write_text(f"reader,book,stars,finished\n1,001,5,{seconds}\n", encoding="utf-8")
    workplace.write_params()
    for stage in (bring, download, prepare):
        stage.main(NAME)
    assert tables.INTERACTIONS.read(LAYOUT.interactions)["timestamp"].to_pylist() == [1709251200]


INTERACTIONS = "own/reading-club/interactions.csv"


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,001,500,0\n",
         f"{INTERACTIONS}:2: column stars is '500': not a rating from 1 to 5, the scale of this data set."),
        ("interactions.csv", "reader,book,stars,finished\n", 'reader,book,stars,finished\n"r\n01",001,5,0\n\nr2,001,nan,0\n',
         f"{INTERACTIONS}:5: column stars is 'nan': not a number."),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,,5,0\n",
         f"{INTERACTIONS}:2: column book is '': an identifier is missing."),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,001,5,1e15\n",
         f"{INTERACTIONS}:2: column finished is '1e15': not a time in seconds since 1970"),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,001,5\n",
         f"{INTERACTIONS}:2: 3 fields, where the first line has 4, in 'r01,001,5'."),
        ("interactions.csv", "reader,book", "user,book",
         f"{INTERACTIONS}:1: there is no column 'reader', in which params.yaml looks for the user; the file has the columns user, book,"),
        ("interactions.csv", "reader,book", "book,book", f"{INTERACTIONS}:1: there is no column 'reader'"),
        ("items.csv", "book,title,blurb", "book,title,title", "own/reading-club/items.csv:1: the column 'title' stands there twice"),
        ("items.csv", "002,", "001,", "own/reading-club/items.csv:3: column book is '001': the item has a row already"),
        ("names.csv", "entity,name", "entity;name", "own/reading-club/names.csv:1: there is no column 'entity'"),
        ("triples.tsv", "001\twritten_by\ta1", "001\t\ta1", "own/reading-club/triples.tsv:2: column relation is '': an identifier"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_line(workplace: Workplace, name: str, old: str, new: str, complaint: str) -> None:
    workplace.rewrite(name, lambda text: text.replace(old, new, 1))
    told = workplace.complaint()
    assert told.startswith(complaint)
    assert "orrect" in told
    assert "\n" not in told


def test_latin_1_is_told_by_line(workplace: Workplace) -> None:
    path = workplace.own / "items.csv"
    path.write_bytes(path.read_bytes().replace(b"The Tide", "The Tide à la carte".encode("latin-1")))
    assert workplace.complaint().startswith("own/reading-club/items.csv:3: not UTF-8 text (byte 0xe0). Save the file as UTF-8")


def test_the_wrong_separator_is_suspected(workplace: Workplace) -> None:
    workplace.sources["items"]["separator"] = ";"
    assert "Is the separator right?" in workplace.complaint()


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_told(workplace: Workplace, content: bytes) -> None:
    (workplace.own / "items.csv").write_bytes(content)
    assert workplace.complaint().startswith("own/reading-club/items.csv: the file ")


def test_a_header_alone_is_told(workplace: Workplace) -> None:
    workplace.rewrite("interactions.csv", lambda text: text.partition("\n")[0] + "\n")
    assert workplace.complaint().startswith(f"{INTERACTIONS}: there is no interaction below the header.")


def test_a_damaged_parquet_file_is_told(workplace: Workplace) -> None:
    (workplace.own / "interactions.parquet").write_bytes(b"PAR1 and no more")
    workplace.sources["interactions"] |= {"file": "interactions.parquet", "separator": None}
    assert workplace.complaint().startswith("own/reading-club/interactions.parquet: not a readable Parquet file")


@pytest.mark.parametrize("gone", ["items.csv", "images", ""])
def test_what_is_not_there_is_told(workplace: Workplace, gone: str) -> None:
    path = workplace.own / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert workplace.complaint().startswith(f"{(LAYOUT.own / gone).as_posix()}: there is no such f")


def test_triples_of_other_items_are_told(workplace: Workplace) -> None:
    workplace.rewrite("triples.tsv", lambda text: text.replace("0", "x"))
    assert "none of the 96 triples is of one of the 30 items." in workplace.complaint()


@pytest.mark.parametrize(
    ("group", "key", "value", "complaint"),
    [
        ("interactions", "file", "../interactions.csv", "sources.interactions.file: a path within the folder of the data set is needed"),
        ("interactions", "file", "/etc/passwd", "sources.interactions.file: a path within the folder of the data set is needed"),
        ("interactions", "separator", None, "sources.interactions: separator is null for Parquet, and one character for everything else"),
        ("interactions", "user", 1, "sources.interactions: columns are all names of a header or all positions"),
        ("interactions", "user", 0, "sources.interactions.user: a column is a name in the header, or in a file"),
        ("interactions", "users", "user", "sources.interactions.users: unknown key; correct its spelling or remove it"),
        ("interactions", "scale", [5, 1], "sources.interactions: scale is [least, greatest] of a column of ratings"),
        (None, "images", "../images", "sources.images: a path within the folder of the data set is needed"),
        (None, "triples", None, "sources: names and links belong to a graph; without triples or dump both are null"),
        (None, "dump", {"address": "https://a.invalid/b", "checksum": None, "max_bytes": 1}, "sources: the graph comes from"),
        (None, "format", "csv", "sources.format: Input should be 'movielens'"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_named_in_params_yaml(
    workplace: Workplace, group: str | None, key: str, value: object, complaint: str
) -> None:
    (workplace.sources[group] if group else workplace.sources)[key] = value
    told = workplace.complaint()
    assert any(line.split(": ", 1)[1].startswith(f"datasets.reading-club.{complaint}") for line in told.splitlines()), told
    assert all(line.startswith("params.yaml:") for line in told.splitlines())


def test_ratings_of_one_need_a_threshold_of_one(workplace: Workplace) -> None:
    workplace.sources["interactions"] |= {"rating": None, "scale": None}
    assert (
        "datasets.reading-club: without a column of ratings each is 1, and link.min_rating 3 leaves none; set it to 1"
        in workplace.complaint()
    )


# RecBole's atomic files

ATOMIC = {
    "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
    "item": "item_id:token\ttitle:token_seq\tdescription:token_seq\n",
    "kg": "head_id:token\trelation_id:token\ttail_id:token\n",
    "link": "item_id:token\tentity_id:token\n",
}


@pytest.fixture
def atomic(workplace: Workplace) -> Workplace:
    """Three users, four items of which one has no link, and a graph that reaches three steps far."""
    shutil.rmtree(workplace.own)
    workplace.own.mkdir(parents=True)
    rows: dict[str, list[tuple[object, ...]]] = {
        "inter": [(user, item, 4.5, 10 * ord(user) + int(item)) for user in "abc" for item in ("01", "1", "2", "30")],
        "item": [("01", 'The "first" one', "Long ago"), ("1", "Second", ""), ("2", "N/A", "x"), ("30", '"Quoted" from the start', "y z")],
        "kg": [("m.a", "likes", "m.x"), ("m.b", "likes", "m.x"), ("m.x", "in", "m.y"), ("m.y", "in", "m.z"), ("m.c", "next to", "m.a")],
        "link": [("01", "m.a"), ("1", "m.b"), ("2", "m.c")],
    }
    for kind, values in rows.items():
        with (workplace.own / f"tiny.{kind}").open("w", encoding="utf-8", newline="") as file:
            file.write(ATOMIC[kind])
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(values)
    workplace.sources.clear()
    workplace.sources.update(format="recbole", name="tiny", rating="rating", time="timestamp", scale=[0.5, 5.0])
    workplace.sources.update(title="title", description="description", images=None)
    workplace.dataset["kg"] |= {"hops": None, "min_entity_triplets": 1, "min_relation_triplets": 1}
    workplace.dataset["media"]["max_missing_descriptions"] = 0.5
    workplace.params["split"] |= {"valid": 0.25, "test": 0.25}
    return workplace


def test_a_round_trip_keeps_interactions_links_and_triples(atomic: Workplace) -> None:
    atomic.build()
    recbole.write(built_dataset(LAYOUT), Path("out") / NAME)
    given, written = atomic.own / "tiny", Path("out") / NAME / NAME
    for kind in ("kg", "link"):
        assert _atomic_rows(written, kind) == _atomic_rows(given, kind)
    assert _atomic_rows(written, "inter") == _atomic_rows(given, "inter")
    assert {row[:2] for row in _atomic_rows(written, "item")} == {row[:2] for row in _atomic_rows(given, "item")}
    parts = [_atomic_rows(written, f"{part}.inter") for part in ("train", "valid", "test")]
    assert set.union(*parts) == _atomic_rows(given, "inter")
    assert sum(map(len, parts)) == 12

    # What was written is read again, and comes out the same.
    shutil.rmtree(atomic.own)
    shutil.copytree(Path("out") / NAME, atomic.own)
    atomic.sources["name"] = NAME
    atomic.build()
    recbole.write(built_dataset(LAYOUT), Path("again") / NAME)
    for path in (Path("out") / NAME).iterdir():
        assert (Path("again") / NAME / path.name).read_bytes() == path.read_bytes()


def _atomic_rows(stem: Path, kind: str) -> set[tuple[str | float, ...]]:
    with Path(f"{stem}.{kind}").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    floats = [name.endswith(":float") for name in header]
    return {tuple(float(value) if is_float else value for value, is_float in zip(row, floats, strict=True)) for row in rows}


def test_an_item_without_a_link_stays_without_facts(atomic: Workplace) -> None:
    atomic.build()
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    assert dict(zip(catalogue["item_id"].to_pylist(), catalogue["entity"].to_pylist(), strict=True))["30"] == "item:30"


def test_interactions_alone_are_a_data_set(atomic: Workplace) -> None:
    for kind in ("item", "kg", "link"):
        (atomic.own / f"tiny.{kind}").unlink()
    atomic.sources |= {"title": None, "description": None}
    atomic.build()
    assert len(tables.INTERACTIONS.read(LAYOUT.positives)) == 12


@pytest.mark.parametrize(
    ("kind", "old", "new", "complaint"),
    [
        ("inter", "rating:float", "rating", "tiny.inter:1: the header has 'rating'; RecBole's atomic files say `name:type`"),
        ("inter", "rating:float", "rating:number", "tiny.inter:1: the header has 'rating:number'; RecBole's atomic files say"),
        ("kg", "head_id:token", "head:token", "tiny.kg:1: there is no column 'head_id', in which params.yaml looks for the head"),
        ("link", "1\tm.b", "01\tm.b", "tiny.link:3: column entity_id is 'm.b': item '01' is linked to 'm.a' by an earlier row"),
    ],
)
def test_bad_atomic_files_are_told(atomic: Workplace, kind: str, old: str, new: str, complaint: str) -> None:
    atomic.rewrite(
        f"tiny.{kind}", lambda text: text.replace(f"\n{old}", f"\n{new}") if old in text.partition("\n")[2] else text.replace(old, new)
    )
    assert atomic.complaint().startswith(f"own/reading-club/{complaint}")


def test_a_graph_without_its_links_is_told(atomic: Workplace) -> None:
    (atomic.own / "tiny.link").unlink()
    assert atomic.complaint().startswith("own/reading-club/tiny.link: there is no such file.")
