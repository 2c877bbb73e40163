"""Interactions from a table of one's own."""

import math
import re
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.errors import PipelineError
from mkg4rec.sources.own.columns import NUMBER, Columns, TableSource, is_text, read_columns

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
    if is_text(values.type):
        texts = pc.utf8_trim_whitespace(columns.texts("time"))
        # The first row says in which of the two forms all times are: a year alone would be either.
        if not pc.match_substring_regex(texts[:1], NUMBER)[0].as_py():
            return _iso_times(columns, texts)
    seconds = columns.numbers("time")
    good = pc.and_(pc.greater(seconds, _EARLIEST), pc.less(seconds, _LATEST))
    columns.check("time", good, "not a time in seconds since 1970 (milliseconds are to be divided by 1000)")
    return pc.floor(seconds).cast(pa.int64())


def _iso_times(columns: Columns, texts: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Seconds since 1970 of texts like 2024-05-31, 2024-05-31T12:00:00Z or 2024-05-31 14:00:00.123456789+02:00.

    Raises:
        PipelineError: one is none.
    """
    try:
        moments = pc.replace_substring_regex(texts, "Z$", "").cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        # Arrow reads times of one zone alone, in microseconds, and does not say where it stumbled.
        return pa.array([_iso_time(columns, row, text) for row, text in enumerate(texts.to_pylist())], pa.int64())
    return moments.cast(pa.timestamp("s"), safe=False).cast(pa.int64())


def _iso_time(columns: Columns, row: int, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        # Eight digits are a date to ISO 8601, and seconds to the other form.
        if re.fullmatch(NUMBER, text):
            raise ValueError
    except ValueError as error:
        problem = "not a time in ISO 8601 as 2024-05-31T12:00:00Z, nor are all times seconds since 1970"
        raise columns.error("time", row, problem) from error
    return math.floor((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
