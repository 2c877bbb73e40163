import csv
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.posters import PosterAddresses, read_posters


def read(folder: Path, content: str | bytes, identifier: pa.DataType | None = None) -> PosterAddresses:
    path = folder / "images.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_posters(path, identifier or pa.int64())


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_addresses_by_item(tmp_path: Path, end: str) -> None:
    content = end.join(["item_id,image", "3,https://host/3.jpg", '1,"https://host/1,2.jpg"', "2,", ""])
    posters = read(tmp_path, content)
    assert posters == PosterAddresses({3: "https://host/3.jpg", 1: "https://host/1,2.jpg", 2: ""}, unreadable=0, repeated=0)


def test_items_are_typed_as_in_the_catalogue(tmp_path: Path) -> None:
    content = "item_id,image\n0007,a\n"
    assert read(tmp_path, content, pa.string()).addresses == {"0007": "a"}
    assert read(tmp_path, content, pa.int64()).addresses == {7: "a"}


def test_further_columns_and_another_order(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffimage,title,item_id\na,A film,1\n").addresses == {1: "a"}


def test_rows_that_are_passed_over_are_counted(tmp_path: Path) -> None:
    posters = read(tmp_path, "item_id,image\n1,first\n1,second\nx,third\n,fourth\n\n2\n3,a,b,c\n")
    assert posters == PosterAddresses({1: "first", 2: "", 3: "a"}, unreadable=2, repeated=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("movie,image\n1,a\n", r"images\.csv:1: .*item_id is missing, its first line has movie, image"),
        ("", r"item_id and image is missing, its first line has nothing"),
        ("item_id\timage\n1\ta\n", r"item_id and image is missing"),
        ("<!doctype html>\n<html></html>", "HTML page"),
        ("item_id,image\n1,é\n".encode("latin-1"), r"images\.csv:2: not UTF-8"),
        ('item_id,image\n1,"never ends\n2,b\n', r"images\.csv:\d+: not CSV"),
    ],
)
def test_what_is_no_file_of_addresses(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        read(tmp_path, content)


@given(st.dictionaries(st.text(min_size=1).map(str.strip).filter(bool), st.text(max_size=20).map(str.strip), max_size=8))
def test_whatever_csv_can_write_is_read_back(tmp_path_factory: pytest.TempPathFactory, addresses: dict[str, str]) -> None:
    content = StringIO(newline="")
    csv.writer(content).writerows([("item_id", "image"), *addresses.items()])
    posters = read(tmp_path_factory.getbasetemp(), content.getvalue(), pa.string())
    assert (posters.addresses, posters.unreadable, posters.repeated) == (addresses, 0, 0)


@pytest.mark.mirror
def test_the_published_file(mirror: Path) -> None:
    posters = read_posters(mirror / "raw.githubusercontent.com/antonsteenvoorden/ml1m-images/master/ml1m_images.csv", pa.int64())
    assert (len(posters.addresses), posters.unreadable, posters.repeated) == (3260, 0, 0)
    assert all(address.startswith("https://") for address in posters.addresses.values())
