"""What a source of ratings publishes, whatever its format, and how it becomes the tables of the pipeline.

A format is one module beside this one with a function that reads its files into `Published`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.tables import ATTRIBUTES, INTERACTIONS, ITEMS, untitled


@dataclass(frozen=True)
class Published:
    """Ratings and items as their source has them, already checked value by value.

    Attributes:
        ratings: the columns of `tables.INTERACTIONS`, row by row as published: in any order, a (user, item) perhaps repeated.
        items: the columns of `tables.ITEMS`, an item_id once, in any order.
        attributes: a table as `tables.ATTRIBUTES`.
        contents: a table as `tables.PUBLISHED_CONTENTS`.
    """

    ratings: pa.Table
    items: pa.Table
    attributes: pa.Table
    contents: pa.Table


def attribute_rows(facts: Iterable[tuple[int | str, str, str]], identifier: pa.DataType) -> pa.Table:
    """The table `tables.ATTRIBUTES` of facts (item_id, relation, name), in any order, perhaps repeated.

    Args:
        facts: what the metadata says.
        identifier: the type of the item ids.
    """
    rows = sorted(set(facts))
    types = (identifier, pa.string(), pa.string())
    schema = pa.schema([(column.name, kind) for column, kind in zip(ATTRIBUTES.columns, types, strict=True)])
    return pa.table([[row[column] for row in rows] for column in range(len(types))], schema=schema)


def latest_ratings(ratings: pa.Table) -> pa.Table:
    """One row per (user, item), sorted by user_id and item_id: the latest by time, of the same time the one published last."""
    order = [(name, "ascending") for name in ("user_id", "item_id", "timestamp")]
    # sort_indices is stable: rows of the same time stay in the order of the file.
    ordered = ratings.take(pc.sort_indices(ratings, sort_keys=order)).combine_chunks()
    last = np.ones(ordered.num_rows, dtype=bool)
    last[:-1] = _differs_from_next(ordered["user_id"]) | _differs_from_next(ordered["item_id"])
    return ordered.filter(pa.array(last)).select([column.name for column in INTERACTIONS.columns])


def described_items(items: pa.Table, ratings: pa.Table) -> pa.Table:
    """The published items and every other item that has a rating, sorted by item_id.

    An item that the source rates but does not describe stays, since its ratings are as good as any: it
    gets the title `item <id>`, no year and no genres.
    """
    rated = pc.unique(ratings["item_id"])
    undescribed = rated.filter(pc.invert(pc.is_in(rated, items["item_id"].combine_chunks())))
    placeholders = pa.table(
        [
            undescribed,
            [untitled(identifier) for identifier in undescribed.to_pylist()],
            pa.nulls(len(undescribed), pa.int32()),
            pa.array([[]] * len(undescribed), pa.list_(pa.string())),
        ],
        schema=items.schema,
    )
    complete = pa.concat_tables([items, placeholders]).sort_by("item_id")
    return complete.combine_chunks().select([column.name for column in ITEMS.columns])


def _differs_from_next(column: pa.ChunkedArray) -> np.ndarray:
    """(rows - 1,) whether each value but the last is another than the one after it."""
    different: np.ndarray = pc.not_equal(column.slice(0, max(len(column) - 1, 0)), column.slice(1)).to_numpy()
    return different
