"""Tables in the forms in which people's programs write them."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.sources.own.columns import TableSource, read_columns


def text_source(folder: Path, content: bytes, columns: Sequence[str | int] = ("user", "item"), name: str = "table.csv") -> TableSource:
    (folder / name).write_bytes(content)
    return TableSource(folder / name, ",", dict(zip(("user", "item"), columns, strict=True)))


def complaint(source: TableSource) -> str:
    with pytest.raises(PipelineError) as error:
        read_columns(source).identifiers("user")
    return str(error.value)


@pytest.mark.parametrize("blank", ["\n", "\r\n\r\n", "\ufeff\n"])
@pytest.mark.parametrize("columns", [("user", "item"), (1, 2)])
def test_blank_lines_at_the_top_are_passed_over(tmp_path: Path, blank: str, columns: Sequence[str | int]) -> None:
    source = text_source(tmp_path, f"{blank}user,item\na,x\n".encode(), columns)
    read = read_columns(source)
    header = [] if source.has_header else ["user"]
    assert read.identifiers("user").to_pylist() == [*header, "a"]
    assert read.place(0).endswith(f":{blank.count(chr(10)) + 1 + source.has_header}")


def test_what_is_no_utf_8_is_told_of_the_header_too(tmp_path: Path) -> None:
    assert ":1: not UTF-8 text (byte 0xff)." in complaint(text_source(tmp_path, "user,item\na,x\n".encode("utf-16")))
    assert ":1: not UTF-8 text (byte 0x00)." in complaint(text_source(tmp_path, "user,item\na,x\n".encode("utf-16-le")))


def test_a_compressed_text_is_told_and_a_plain_one_read_whatever_its_name(tmp_path: Path) -> None:
    assert "unpack it" in complaint(text_source(tmp_path, gzip.compress(b"user,item\na,x\n"), name="table.csv.gz"))
    assert read_columns(text_source(tmp_path, b"user,item\na,x\n", name="table.csv.gz")).identifiers("item").to_pylist() == ["x"]


def test_two_roles_may_stand_in_one_column(tmp_path: Path) -> None:
    assert read_columns(text_source(tmp_path, b"user,item\na,x\n", ("user", "user"))).identifiers("item").to_pylist() == ["a"]
    pq.write_table(pa.table({"user": ["a"], "item": ["x"]}), tmp_path / "table.parquet")
    read = read_columns(TableSource(tmp_path / "table.parquet", None, {"user": "user", "item": "user"}))
    assert [read.identifiers(role).to_pylist() for role in ("user", "item")] == [["a"], ["a"]]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.large_string())])
def test_strings_of_parquet_are_strings_in_whichever_form(tmp_path: Path, kind: pa.DataType) -> None:
    values = pa.array(["007", "4.5"]).cast(kind.value_type if pa.types.is_dictionary(kind) else kind)
    values = values.dictionary_encode() if pa.types.is_dictionary(kind) else values
    pq.write_table(pa.table({"user": values}), tmp_path / "table.parquet")
    read = read_columns(TableSource(tmp_path / "table.parquet", None, {"user": "user"}))
    assert read.identifiers("user").to_pylist() == read.texts("user").to_pylist() == ["007", "4.5"]
    assert read.numbers("user").to_pylist() == [7, 4.5]
