"""What a table holds, in a few lines that git can compare: rows, columns, types, missing values, and a hash of the content."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mkg4rec.errors import PipelineError

_BATCH_ROWS = 512
"""Rows that are in memory at a time."""


@dataclass(frozen=True)
class ColumnSchema:
    """A column: its name, its Arrow type as text, and how many of its values are missing."""

    name: str
    type: str
    missing: int


@dataclass(frozen=True)
class TableSchema:
    """A table as git sees it.

    Attributes:
        rows: how many there are.
        bytes: of the values, without Parquet's encoding.
        sha256: of names, types and values in order. The same for the same table, whichever version of
            Arrow wrote it with whichever compression and row groups.
        columns: in order.
        metadata: what the file says of how it was made.
    """

    rows: int
    bytes: int
    sha256: str
    columns: list[ColumnSchema]
    metadata: dict[str, str]

    def to_json(self) -> str:
        """A value a line, so that a difference shows what changed."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def describe(path: Path) -> TableSchema:
    """What the Parquet file `path` holds.

    Raises:
        PipelineError: no such file, not Parquet, or with a column of a type that no table of the pipeline has.
    """
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            contents = [_ColumnContent() for _ in schema]
            for batch in file.iter_batches(_BATCH_ROWS):
                for content, values in zip(contents, batch.columns, strict=True):
                    content.add(values)
            rows = file.metadata.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise PipelineError(f"{path}: not a readable Parquet file ({error}); delete it and run `dvc repro`.") from error
    columns = [ColumnSchema(field.name, _type(field.type), content.missing) for field, content in zip(schema, contents, strict=True)]
    digest = hashlib.sha256()
    for column, content in zip(columns, contents, strict=True):
        digest.update(json.dumps([column.name, column.type, content.digest()]).encode())
    metadata = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items() if not key.startswith(b"ARROW:")}
    return TableSchema(rows, sum(content.size for content in contents), digest.hexdigest(), columns, dict(sorted(metadata.items())))


@dataclass
class _ColumnContent:
    """A digest of values that come in batches, wherever these are cut: which are missing, how long they are, and what they are."""

    missing: int = 0
    size: int = 0
    _validity: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _lengths: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _values: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _children: "list[_ColumnContent]" = field(default_factory=list)

    def add(self, values: pa.Array) -> None:
        self.missing += values.null_count
        self._validity.update(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
        present = values.drop_null()
        if _is_list(values.type):
            if not self._children:
                self._children.append(_ColumnContent())
            (child,) = self._children
            before = child.size
            self._lengths.update(pc.list_value_length(present).to_numpy(zero_copy_only=False).astype("<i8").tobytes())
            child.add(present.flatten())
            self.size += child.size - before
        elif pa.types.is_string(values.type) or pa.types.is_binary(values.type):
            texts = present.cast(pa.binary())
            self._lengths.update(np.array([len(text) for text in texts.to_pylist()], "<i8").tobytes())
            self._add_values(b"".join(texts.to_pylist()))
        else:
            self._add_values(_little_endian(present.to_numpy(zero_copy_only=False)).tobytes())

    def _add_values(self, data: bytes) -> None:
        self._values.update(data)
        self.size += len(data)

    def digest(self) -> list[str]:
        own = [part.hexdigest() for part in (self._validity, self._lengths, self._values)]
        return own + [part for child in self._children for part in child.digest()]


def _little_endian(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values.astype(values.dtype.newbyteorder("<"), copy=False)


def _is_list(type_: pa.DataType) -> bool:
    return bool(pa.types.is_list(type_) or pa.types.is_fixed_size_list(type_))


def _type(type_: pa.DataType) -> str:
    """`fixed_size_list<float>[512]`: as Arrow writes it, without the name of the element, which writers choose."""
    if pa.types.is_fixed_size_list(type_):
        return f"fixed_size_list<{_type(type_.value_type)}>[{type_.list_size}]"
    return f"list<{_type(type_.value_type)}>" if pa.types.is_list(type_) else str(type_)
