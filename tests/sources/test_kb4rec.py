"""Reading KB4Rec's link files."""

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.kb4rec import Links, read_links

entities = st.from_regex(r"[mg]\.[0-9a-z_]{1,9}", fullmatch=True)


WHOLE_NUMBERS, STRINGS = pa.int64(), pa.string()


def links_of(folder: Path, content: bytes, identifier: pa.DataType = WHOLE_NUMBERS) -> Links:
    path = folder / "links.txt"
    path.write_bytes(content)
    return read_links(path, identifier)


@given(st.dictionaries(st.integers(0, 10**6), entities, min_size=1), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_every_well_formed_file_is_read_exactly(
    tmp_path_factory: pytest.TempPathFactory, links: dict[int, str], line_end: str, ends_with_line_end: bool
) -> None:
    content = line_end.join(f"{item}\t{entity}" for item, entity in links.items()) + line_end * ends_with_line_end
    read = links_of(tmp_path_factory.mktemp("links"), content.encode())
    assert read.table.to_pydict() == {"item_id": sorted(links), "entity": [links[item] for item in sorted(links)]}
    assert read.table.schema.types == [pa.int64(), pa.string()]
    assert read.repeats == 0


def test_book_numbers_keep_their_leading_zeros(tmp_path: Path) -> None:
    read = links_of(tmp_path, b"0001047566\tm.04t37rh\r\n000102521X\tg.11b60d50tp\r\n", STRINGS)
    assert read.table.to_pydict() == {"item_id": ["000102521X", "0001047566"], "entity": ["g.11b60d50tp", "m.04t37rh"]}
    assert read.table.schema.field("item_id").type == pa.string()


def test_two_items_may_be_the_same_entity(tmp_path: Path) -> None:
    assert links_of(tmp_path, b"1\tm.0a\n2\tm.0a\n").table["entity"].to_pylist() == ["m.0a", "m.0a"]


def test_a_link_that_stands_twice_counts_once(tmp_path: Path) -> None:
    read = links_of(tmp_path, b"1\tm.0a\n2\tm.0b\n1\tm.0a\n1\tm.0a\n")
    assert read.table["item_id"].to_pylist() == [1, 2]
    assert read.repeats == 2


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"5", r"1 fields, not 2 \(item id, tab, MID\), in '5'"),
        (b"5 m.0a", "1 fields, not 2"),
        (b"5\tm.0a\tm.0b", "3 fields, not 2"),
        (b"", "1 fields, not 2"),
        (b"\tm.0a", "'' is no item id"),
        (b"tt0001\tm.0a", "'tt0001' is no item id"),
        (b"-5\tm.0a", "'-5' is no item id"),
        (b"5\t/m/0a", "'/m/0a' is no Freebase MID"),
        (b"5\tx.0a", "'x.0a' is no Freebase MID"),
        (b"5\tm.", "'m.' is no Freebase MID"),
        (b"5\tm.0A", "'m.0A' is no Freebase MID"),
        (b"5\tm.0a ", "'m.0a ' is no Freebase MID"),
        (b"5\t", "'' is no Freebase MID"),
        (b"1\tm.0b", "item 1 is linked to m.0b, but to m.0a in line 1"),
        (b"5\t\xff", "not UTF-8 text"),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_value(tmp_path: Path, line: bytes, complaint: str) -> None:
    with pytest.raises(PipelineError, match=f"links.txt:2: {complaint}"):
        links_of(tmp_path, b"1\tm.0a\r\n" + line + b"\r\n7\tnonsense\r\n")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"links\.txt: the file is empty"):
        links_of(tmp_path, b"")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"links\.txt: there is no such file"):
        read_links(tmp_path / "links.txt", pa.int64())


@pytest.mark.mirror
def test_the_published_files_are_read_whole(mirror: Path) -> None:
    linkage = mirror / "raw.githubusercontent.com/RUCDM/KB4Rec/master/Linkage"
    assert read_links(linkage / "ml2fb.txt", pa.int64()).table.num_rows == 25_982
    assert read_links(linkage / "ab2fb.txt", pa.string()).table.num_rows == 109_671
