"""A data set of the user whose facts the Freebase dump tells."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mkg4rec import tables
from mkg4rec.export import recbole
from tests.stages.own.workplace import LAYOUT, Workplace, example_rows, texts

NS = "http://rdf.freebase.com/ns/"


@pytest.fixture
def linked(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """The example with a Parquet file of links and a Freebase dump in place of its triples; two books have no link."""
    monkeypatch.setenv("MKG4REC_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("MKG4REC_FACT_CACHE", str(tmp_path / "facts"))
    books = [row["book"] for row in example_rows("items.csv")]
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
    books = [row["book"] for row in example_rows("items.csv")]
    unlinked = [(book, f"item:{book}") for book in books[:2] if not drop_unlinked]
    assert texts(catalogue, "item_id", "entity") == {*unlinked, *((book, f"m.0b{book}") for book in books[2:])}
    built = recbole.by_name(
        tables.TRIPLETS.read(LAYOUT.triplets),
        tables.ENTITIES.read(LAYOUT.entities)["entity"].combine_chunks(),
        tables.RELATIONS.read(LAYOUT.relations)["relation"].combine_chunks(),
    )
    told = {(book, "book.written_work.author", f"m.0a{number % 7}") for number, book in enumerate(books) if number >= 2}
    assert {(head.removeprefix("m.0b"), relation, tail) for head, relation, tail in texts(built, "head", "relation", "tail")} == told
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
