from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import FeatureRows, read_aligned, read_features, read_items, write_features
from mkg4rec.tables import ENTITIES, Modality

PROVENANCE = Provenance(Modality.TEXT, "model/tag", "ab" * 32, '{"version": 1}', "float32", 3)
VECTORS = np.arange(9, dtype=np.float32).reshape(3, 3)
ROWS = FeatureRows(
    # Items 10 and 30 share a MID; item 20 has no content; of the attributes only m.y has.
    entities=pa.array(["m.a", "m.b", "m.a", "m.y"]),
    item_ids=pa.array([10, 20, 30, None], pa.int64()),
    sha256=pa.array(["1", None, "3", "4"]),
    vectors=VECTORS,
)
GRAPH = pa.table(
    {
        "entity": ["m.a", "m.b", "m.a", "m.x", "m.y", "m.z"],
        "item_id": pa.array([10, 20, 30, None, None, None], pa.int64()),
        "name": ["A", "B", "A", None, "Y", None],
    }
)
ENTITIES.check(GRAPH, Path("graph"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "features" / "text.parquet"
    write_features(path, ROWS, PROVENANCE)
    return path


def test_rows_and_provenance_come_back(path: Path) -> None:
    table, provenance = read_features(path)
    assert provenance == PROVENANCE
    assert table["vector"].to_pylist() == [[0, 1, 2], None, [3, 4, 5], [6, 7, 8]]
    assert table["vector"].type == pa.list_(pa.float32(), 3)


def test_items_align_by_position_and_attributes_by_mid(path: Path) -> None:
    matrix = read_aligned(path, GRAPH)
    assert matrix.present.tolist() == [True, False, True, False, True, False]
    expected = torch.zeros(6, 3)
    expected[[0, 2, 4]] = torch.from_numpy(VECTORS)
    assert torch.equal(matrix.vectors, expected)


def test_the_same_rows_give_the_same_bytes(path: Path) -> None:
    first = path.read_bytes()
    write_features(path, ROWS, PROVENANCE)
    assert path.read_bytes() == first


def test_a_modality_that_nothing_has(tmp_path: Path) -> None:
    nothing = replace(ROWS, sha256=pa.nulls(4, pa.string()), vectors=np.empty((0, 3), np.float32))
    write_features(tmp_path / "text.parquet", nothing, PROVENANCE)
    assert not read_aligned(tmp_path / "text.parquet", GRAPH).present.any()


def test_string_item_ids(tmp_path: Path) -> None:
    items = pa.array(["000A", "000B", "000C", None])
    write_features(tmp_path / "text.parquet", replace(ROWS, item_ids=items), PROVENANCE)
    graph = GRAPH.set_column(1, "item_id", pa.concat_arrays([items, pa.nulls(2, pa.string())]))
    assert read_aligned(tmp_path / "text.parquet", graph).present.sum() == 3


@pytest.mark.parametrize("items", [[10, 20, None, None, None, None], [10, 20, 31, None, None, None], [20, 10, 30, None, None, None]])
def test_features_of_another_catalogue_are_an_error(path: Path, items: list[int | None]) -> None:
    with pytest.raises(PipelineError, match="items are not those"):
        read_aligned(path, GRAPH.set_column(1, "item_id", pa.array(items, pa.int64())))


def test_features_of_another_graph_are_an_error(path: Path) -> None:
    with pytest.raises(PipelineError, match="1 of its attribute entities"):
        read_aligned(path, GRAPH.slice(0, 4))


def test_a_file_without_provenance_is_an_error(path: Path) -> None:
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    with pytest.raises(PipelineError, match="metadata"):
        read_features(path)


def rewrite(path: Path, vectors: pa.Array) -> None:
    """As another writer would, which has lists of its own and does not mark what may be missing."""
    table = pq.read_table(path)
    schema = table.schema.set(0, pa.field("entity", pa.string(), nullable=False)).set(3, pa.field("vector", vectors.type))
    pq.write_table(pa.table([*table.columns[:3], vectors], schema=schema), path)


@pytest.mark.parametrize("type_", [pa.list_(pa.float32()), pa.list_(pa.field("element", pa.float32(), nullable=False), 3)])
def test_lists_of_another_writer_are_read(path: Path, type_: pa.DataType) -> None:
    before, items, aligned = read_features(path), read_items(path), read_aligned(path, GRAPH)
    rewrite(path, pa.array(before[0]["vector"].to_pylist(), type_))
    after = read_features(path)
    assert after[0].schema.equals(before[0].schema)
    assert after[0].equals(before[0])
    assert torch.equal(read_items(path).vectors, items.vectors)
    assert torch.equal(read_aligned(path, GRAPH).vectors, aligned.vectors)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        (pa.array([[0, 1, 2], None, [3], [6, 7, 8, 9]], pa.list_(pa.float32())), "1 to 4 numbers, and 3 by its metadata"),
        (pa.array([[0, 1], None, [3, 4], [6, 7]], pa.list_(pa.float32())), "2 numbers, and 3 by its metadata"),
        (pa.array([[0, 1], None, [3, 4], [6, 7]], pa.list_(pa.float32(), 2)), "2 numbers, and 3 by its metadata"),
    ],
)
def test_vectors_of_other_lengths_are_an_error(path: Path, vectors: pa.Array, said: str) -> None:
    rewrite(path, vectors)
    with pytest.raises(PipelineError, match=f"^{path}: its vectors have {said}"):
        read_features(path)


@pytest.mark.parametrize("type_", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2)])
def test_no_vector_has_no_wrong_length(path: Path, type_: pa.DataType) -> None:
    rewrite(path, pa.nulls(4, type_))
    assert read_features(path)[0]["vector"].type == pa.list_(pa.float32(), 3)
    assert not read_items(path).present.any()
