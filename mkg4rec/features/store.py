"""The Parquet file of one modality's vectors.

Rows are those of the FEATURES table: first the items, in catalogue order, then attribute entities that have
content. The file's metadata has the attributes of `Provenance` as keys: modality, encoder, weights_sha256,
preprocessing, precision, dimension.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.tables import FEATURES


@dataclass(frozen=True)
class FeatureMatrix:
    """One modality's vectors by entity index.

    Attributes:
        vectors: (entities, D) float32, zeros where the content is missing; of the items alone, where these were asked for.
        present: (entities,) bool.
    """

    vectors: Tensor
    present: Tensor


@dataclass(frozen=True)
class FeatureRows:
    """What to write, a row per item and then per attribute entity with content.

    Attributes:
        entities: (rows,) string.
        item_ids: (rows,) as in the catalogue, null for attribute entities.
        sha256: (rows,) string, of the embedded content, null where it is missing.
        vectors: (rows with content, D) float32.
    """

    entities: pa.Array
    item_ids: pa.Array
    sha256: pa.Array
    vectors: NDArray[np.float32]


def write_features(path: Path, rows: FeatureRows, provenance: Provenance) -> None:
    """Write the file `path`, all of it or nothing; the same rows give the same bytes.

    Raises:
        PipelineError: the rows break the FEATURES contract, or the disk is full.
    """
    present = rows.sha256.is_valid().to_numpy(zero_copy_only=False)
    matrix = np.zeros((len(rows.sha256), provenance.dimension), np.float32)
    matrix[present] = rows.vectors
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(matrix.ravel()), provenance.dimension, mask=pa.array(~present))
    table = pa.table({"entity": rows.entities, "item_id": rows.item_ids, "sha256": rows.sha256, "vector": vectors})
    FEATURES.write(table, path, provenance.to_metadata())


def read_features(path: Path) -> tuple[pa.Table, Provenance]:
    """The rows of the file `path` and how they were made; `vector` is a fixed_size_list, however the file's writer has its lists.

    Raises:
        PipelineError: no such file, or not one of features, or its vectors are not as long as its metadata says.
    """
    table = FEATURES.read(path)
    metadata = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    provenance = Provenance.from_metadata(metadata, path)
    return _with_fixed_lists(table, provenance.dimension, path), provenance


def _with_fixed_lists(table: pa.Table, dimension: int, path: Path) -> pa.Table:
    """The table with vectors of the type that `write_features` gives them, and with all columns nullable."""
    present = table["vector"].drop_null()
    lengths = sorted(pc.unique(pc.list_value_length(present)).to_pylist())
    if lengths not in ([], [dimension]):
        found = lengths[0] if len(lengths) == 1 else f"{lengths[0]} to {lengths[-1]}"
        raise PipelineError(f"{path}: its vectors have {found} numbers, and {dimension} by its metadata; make it again.")
    type_ = pa.list_(pa.float32(), dimension)
    vectors = table["vector"].cast(type_) if lengths else pa.nulls(len(table), type_)
    # Tables of several writers become one only where columns are alike, also in whether a value may be missing.
    return pa.table({**{name: table[name] for name in table.column_names}, "vector": vectors}, metadata=table.schema.metadata)


def read_aligned(path: Path, entities: pa.Table) -> FeatureMatrix:
    """The vectors of the file `path` by the row numbers of the ENTITIES table `entities`.

    Items are aligned by position, since item i is entity i and two items may share a MID; attribute
    entities by MID.

    Raises:
        PipelineError: the file was made for other items or other entities.
    """
    table, provenance = read_features(path)
    num_items = len(table) - table["item_id"].null_count
    items, of_items = entities["item_id"].combine_chunks(), table["item_id"].combine_chunks()
    if num_items != len(items) - items.null_count or not items[:num_items].equals(of_items[:num_items]):
        raise PipelineError(f"{path}: its items are not those of the knowledge graph; run `dvc repro` to make both from one catalogue.")
    attributes = pc.index_in(table["entity"].combine_chunks()[num_items:], entities["entity"].combine_chunks()[num_items:])
    if attributes.null_count:
        raise PipelineError(
            f"{path}: {attributes.null_count} of its attribute entities are not in the knowledge graph; run `dvc repro` to make it again."
        )
    rows = np.concatenate([np.arange(num_items), num_items + attributes.to_numpy()])  # the entity of each row
    return _placed(table["vector"], rows, len(entities), provenance.dimension)


def read_items(path: Path) -> FeatureMatrix:
    """The vectors of the items in the file `path`, row i for item i of the catalogue.

    Raises:
        PipelineError: no such file, or not one of features.
    """
    table, provenance = read_features(path)
    num_items = len(table) - table["item_id"].null_count
    return _placed(table["vector"][:num_items], np.arange(num_items), num_items, provenance.dimension)


def _placed(column: pa.ChunkedArray, rows: NDArray[np.int64], number: int, dimension: int) -> FeatureMatrix:
    """The vectors of `column` at `rows` of (number, D)."""
    values = column.combine_chunks()
    present = rows[values.is_valid().to_numpy(zero_copy_only=False)]
    vectors = np.zeros((number, dimension), np.float32)
    vectors[present] = values.flatten().to_numpy().reshape(-1, dimension)
    mask = np.zeros(number, bool)
    mask[present] = True
    return FeatureMatrix(torch.from_numpy(vectors), torch.from_numpy(mask))
