"""What is written down of a table: all of its content, and nothing of its encoding."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.schemas import ColumnSchema, TableSchema, describe

COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "item_id": (pa.int64(), [10, 20, None, 40]),
    "title": (pa.string(), ["one", "", None, "vier – 4"]),
    "genres": (pa.list_(pa.string()), [["a", "b"], [], None, ["", "ab"]]),
    "vector": (pa.list_(pa.float32(), 2), [[1, 2], None, [3, 4], [5, 6]]),
    "image": (pa.binary(), [b"\0", b"", None, b"\xff\0"]),
    "hit": (pa.bool_(), [True, False, None, True]),
}


def table(columns: dict[str, tuple[pa.DataType, list[Any]]] = COLUMNS) -> pa.Table:
    return pa.table({name: pa.array(values, type_) for name, (type_, values) in columns.items()})


def described(rows: pa.Table, path: Path, **options: Any) -> TableSchema:
    pq.write_table(rows, path, **options)
    return describe(path)


def test_rows_columns_types_and_missing_values(tmp_path: Path) -> None:
    schema = described(table().replace_schema_metadata({"encoder": "a model"}), tmp_path / "t.parquet")
    assert schema.rows == 4
    assert schema.columns == [
        ColumnSchema("item_id", "int64", 1),
        ColumnSchema("title", "string", 1),
        ColumnSchema("genres", "list<string>", 1),
        ColumnSchema("vector", "fixed_size_list<float>[2]", 1),
        ColumnSchema("image", "binary", 1),
        ColumnSchema("hit", "bool", 1),
    ]
    assert schema.metadata == {"encoder": "a model"}
    assert schema.bytes == 3 * 8 + len("onevier – 4".encode()) + 4 + 6 * 4 + 3 + 3
    assert json.loads(schema.to_json())["columns"][0] == {"name": "item_id", "type": "int64", "missing": 1}


@given(compression=st.sampled_from(["zstd", "snappy", "none"]), rows=st.integers(1, 5), dictionary=st.booleans(), cut=st.integers(0, 4))
def test_the_encoding_makes_no_difference(
    tmp_path_factory: pytest.TempPathFactory, compression: str, rows: int, dictionary: bool, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("tables")
    chunks = pa.concat_tables([table()[:cut], table()[cut:]])
    options = {"compression": compression, "row_group_size": rows, "use_dictionary": dictionary, "data_page_version": "2.0"}
    assert described(chunks, folder / "a.parquet", **options) == described(table(), folder / "b.parquet")


@pytest.mark.parametrize(
    "change",
    [
        {"item_id": (pa.int64(), [10, 20, None, 41])},
        {"item_id": (pa.int32(), [10, 20, None, 40])},
        {"item_id": (pa.int64(), [10, None, 20, 40])},
        {"title": (pa.string(), ["on", "e", None, "vier – 4"])},
        {"title": (pa.string(), ["one", None, "", "vier – 4"])},
        {"genres": (pa.list_(pa.string()), [["a"], ["b"], None, ["", "ab"]])},
        {"genres": (pa.list_(pa.string()), [["a", "b"], [], None, ["a", "b"]])},
        {"vector": (pa.list_(pa.float32(), 2), [[1, 2], [3, 4], None, [5, 6]])},
        {"image": (pa.binary(), [b"", b"\0", None, b"\xff\0"])},
    ],
)
def test_every_change_of_the_content_shows(tmp_path: Path, change: dict[str, tuple[pa.DataType, list[Any]]]) -> None:
    before = described(table(), tmp_path / "a.parquet")
    assert described(table(COLUMNS | change), tmp_path / "b.parquet").sha256 != before.sha256


def test_rows_in_many_batches(tmp_path: Path) -> None:
    many = pa.concat_tables([table()] * 700)
    assert described(many, tmp_path / "a.parquet", row_group_size=7) == described(many, tmp_path / "b.parquet")


def test_what_is_no_table_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 or so")
    with pytest.raises(PipelineError, match=r"t\.parquet: not a readable Parquet file"):
        describe(tmp_path / "t.parquet")
