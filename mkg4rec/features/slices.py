"""Part of a file of features, and several files as one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import ItemId
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import read_features


def of_items(table: pa.Table, items: Sequence[ItemId], where: object) -> pa.Table:
    """The rows of a FEATURES table for `items`, in their order.

    Raises:
        PipelineError: the table has no such item; `where` is named as its place.
    """
    # Not by Arrow, whose integers are shorter than what may be asked for.
    row_of = {item: row for row, item in reversed(list(enumerate(table["item_id"].to_pylist())))}
    unknown = [item for item in items if item not in row_of]
    if unknown:
        raise PipelineError(f"{where}: it has no item {unknown[0]!r} ({len(unknown)} of the {len(items)} that were asked for).")
    return table.take([row_of[item] for item in items])


def without_attributes(table: pa.Table) -> pa.Table:
    """The rows of the items."""
    return table.filter(pc.is_valid(table["item_id"]))


def with_content(table: pa.Table) -> pa.Table:
    """The rows that have a vector."""
    return table.filter(pc.is_valid(table["vector"]))


def merge(paths: Sequence[Path], last_wins: bool = False) -> tuple[pa.Table, Provenance]:
    """One FEATURES table of several files whose vectors were made alike: first all items, then all attribute entities.

    A row is an item's by its item_id and an attribute entity's by its MID; the first file with it decides on its place.
    One that has a vector wins over one that has none.

    Args:
        paths: the files.
        last_wins: where two files have different contents for a row, whether the later one counts; otherwise that is an error.

    Raises:
        PipelineError: a file is not one of features, was made in another way or for other identifiers than the first, or
            has another content for a row.
    """
    tables, provenances = zip(*(read_features(path) for path in paths), strict=True)
    _check_alike(paths, tables, provenances)
    everything = pa.concat_tables([table.replace_schema_metadata(None) for table in tables])
    origin = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    entities, items, sha256 = (everything[name].to_pylist() for name in ("entity", "item_id", "sha256"))
    chosen: dict[ItemId | tuple[str], int] = {}
    for row, (entity, item) in enumerate(zip(entities, items, strict=True)):
        key = (entity,) if item is None else item
        other = chosen.setdefault(key, row)
        if sha256[row] is None or sha256[other] == sha256[row]:
            continue
        if sha256[other] is not None and not last_wins:
            name = f"entity {entity}" if item is None else f"item {item}"
            raise PipelineError(
                f"{paths[origin[row]]}: its content of {name} is another one than in {paths[origin[other]]} "
                f"(sha256 {sha256[row][:12]}…, {sha256[other][:12]}…); `--last-wins` takes the later one."
            )
        chosen[key] = row
    merged = everything.take(list(chosen.values()))
    return pa.concat_tables([without_attributes(merged), merged.filter(pc.is_null(merged["item_id"]))]), provenances[0]


def _check_alike(paths: Sequence[Path], tables: Sequence[pa.Table], provenances: Sequence[Provenance]) -> None:
    """
    Raises:
        PipelineError: the vectors of a file were made in another way than those of the first, or for identifiers of another type.
    """
    for path, table, provenance in zip(paths, tables, provenances, strict=True):
        if differences := provenances[0].differences(provenance):
            raise PipelineError(
                f"{path}: its vectors cannot stand beside those of {paths[0]}, they were made in another way: {'; '.join(differences)}."
            )
        if table["item_id"].type != tables[0]["item_id"].type:
            raise PipelineError(f"{path}: its item_id is {table['item_id'].type}, that of {paths[0]} is {tables[0]['item_id'].type}.")
