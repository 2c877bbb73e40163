"""Interactions from a table of one's own."""

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.errors import PipelineError
from mkg4rec.sources.own.columns import Columns, TableSource, read_columns

_EARLIEST, _LATEST = -(2**40), 2**40
"""Seconds since 1970 between which a time can be right: some 35,000 years to either side."""


def read_interactions(source: TableSource, scale: tuple[float, float] | None) -> pa.Table:
    """The columns of `tables.INTERACTIONS`, row by row; identifiers as strings.

    A rating is 1 where there is no column of ratings, a time 0 where there is none of times.

    Args:
        source: roles user, item and perhaps rating, time.
        scale: the least and the greatest rating that can be right; None for any finite one.

    Raises:
        PipelineError: a bad value, with file and line, or no row at all.
    """
    columns = read_columns(source)
    if not len(columns):
        raise PipelineError(f"{source.path}: there is no interaction below the header. Put the data there.")
    return pa.table(
        {
            "user_id": columns.identifiers("user"),
            "item_id": columns.identifiers("item"),
            "rating": _ratings(columns, scale),
            "timestamp": _times(columns),
        }
    )


def _ratings(columns: Columns, scale: tuple[float, float] | None) -> pa.ChunkedArray | pa.Array:
    if "rating" not in columns:
        return pa.array([1.0], pa.float32()).take(pa.nulls(len(columns), pa.int8()).fill_null(0))
    ratings = columns.numbers("rating")
    if scale is not None:
        least, greatest = scale
        good = pc.and_(pc.greater_equal(ratings, least), pc.less_equal(ratings, greatest))
        columns.check("rating", good, f"not a rating from {least:g} to {greatest:g}, the scale of this data set")
    narrow = ratings.cast(pa.float32())
    columns.check("rating", pc.is_finite(narrow), "too large for a rating")
    return narrow


def _times(columns: Columns) -> pa.ChunkedArray | pa.Array:
    if "time" not in columns:
        return pa.nulls(len(columns), pa.int64()).fill_null(0)
    values = columns.table["time"]
    if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
        columns.check("time", values.is_valid(), "a time is missing")
        return values.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
    if (parsed := _iso_times(values)) is not None:
        return parsed
    seconds = columns.numbers("time")
    good = pc.and_(pc.greater(seconds, _EARLIEST), pc.less(seconds, _LATEST))
    columns.check("time", good, "not a time in seconds since 1970 (milliseconds are to be divided by 1000)")
    return pc.floor(seconds).cast(pa.int64())


def _iso_times(values: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Seconds since 1970 of texts like 2024-05-31 or 2024-05-31T12:00:00Z; None where not all are."""
    if not pa.types.is_string(values.type):
        return None
    try:
        moments = pc.replace_substring_regex(values, "Z$", "").cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        return None
    return moments.cast(pa.timestamp("s"), safe=False).cast(pa.int64())
