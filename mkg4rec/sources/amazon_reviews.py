"""Amazon's product reviews of 2014: a gzip file with a JSON object a line (McAuley et al., SIGIR 2015).

https://snap.stanford.edu/data/amazon/productGraph/: `reviewerID` and `asin` (strings), `overall` (1 to 5 stars) and
`unixReviewTime` (seconds since 1970) are read of each line; what else it has is passed over.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.sources.gzip_lines import numbered_lines

FEWEST_STARS, MOST_STARS = 1, 5

_FIELDS = pa.schema([("reviewerID", pa.string()), ("asin", pa.string()), ("overall", pa.float64()), ("unixReviewTime", pa.int64())])
_RATINGS = pa.schema([("user_id", pa.string()), ("item_id", pa.string()), ("rating", pa.float32()), ("timestamp", pa.int64())])
_LARGEST_TIME = 2**53


class BadReviewError(Exception):
    """A line is no review; the message says why."""


def read_reviews(path: Path) -> pa.Table:
    """The reviews in the file `path` as ratings (user_id, item_id, rating, timestamp), row by row.

    Raises:
        PipelineError: no such file, not gzip, damaged, cut off, empty, or a line that is no review; with the line.
    """
    tables = [_parse(piece, path, line) for line, piece in numbered_lines(path)]
    if not tables:
        raise PipelineError(f"{path}:1: the file has no line. {DOWNLOAD_ANEW}")
    return pa.concat_tables(tables)


def _parse(piece: bytes, path: Path, first_line: int) -> pa.Table:
    fast = _parse_at_once(piece)
    rows = fast if fast is not None else pa.Table.from_pylist(list(_parse_line_by_line(piece, path, first_line)), _FIELDS)
    return pa.table(rows.columns, _FIELDS.names).rename_columns(_RATINGS.names).cast(_RATINGS)


def _parse_at_once(piece: bytes) -> pa.Table | None:
    """All lines with Arrow's JSON reader, or None where anything is unusual, for the careful reading that can say what."""
    try:
        rows = pa_json.read_json(
            pa.BufferReader(piece),
            pa_json.ReadOptions(block_size=len(piece) + 1),
            pa_json.ParseOptions(explicit_schema=_FIELDS, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    # Arrow passes over blank lines, and takes two objects in a line for two lines.
    if len(rows) != piece.count(b"\n") + (not piece.endswith(b"\n")) or any(column.null_count for column in rows.columns):
        return None
    usual = (
        pc.not_equal(rows["reviewerID"], ""),
        pc.not_equal(rows["asin"], ""),
        # No comparison with NaN is true.
        pc.greater_equal(rows["overall"], FEWEST_STARS),
        pc.less_equal(rows["overall"], MOST_STARS),
        pc.greater_equal(rows["unixReviewTime"], 0),
        pc.less_equal(rows["unixReviewTime"], _LARGEST_TIME),
    )
    return rows if all(pc.all(condition).as_py() for condition in usual) else None


def _parse_line_by_line(piece: bytes, path: Path, first_line: int) -> Iterator[dict[str, str | float | int]]:
    for line, text in enumerate(piece.removesuffix(b"\n").split(b"\n"), start=first_line):
        try:
            yield _review(text)
        except BadReviewError as error:
            raise PipelineError(f"{path}:{line}: {error}. {DOWNLOAD_ANEW}") from error


def _review(text: bytes) -> dict[str, str | float | int]:
    """
    Raises:
        BadReviewError: the line is no review; the message says why.
    """
    if not text.strip():
        raise BadReviewError("an empty line, or one of more than 16 MiB, in place of a review")
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadReviewError(f"not a JSON object: {_quoted(text)}") from error
    if not isinstance(fields, dict):
        raise BadReviewError(f"not a JSON object: {_quoted(text)}")
    return {
        "reviewerID": _name(fields, "reviewerID"),
        "asin": _name(fields, "asin"),
        "overall": _stars(fields),
        "unixReviewTime": _time(fields),
    }


def _name(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value or not _is_text(value):
        raise BadReviewError(f"{key} is {_shown(fields, key)}, not a name")
    return value


def _stars(fields: dict[str, Any]) -> float:
    value = fields.get("overall")
    if isinstance(value, bool) or not isinstance(value, int | float) or not FEWEST_STARS <= value <= MOST_STARS:
        raise BadReviewError(f"overall is {_shown(fields, 'overall')}, not a number from {FEWEST_STARS} to {MOST_STARS}")
    return float(value)


def _time(fields: dict[str, Any]) -> int:
    value = fields.get("unixReviewTime")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_TIME or value % 1:
        raise BadReviewError(f"unixReviewTime is {_shown(fields, 'unixReviewTime')}, not seconds since 1970")
    return int(value)


def _is_text(value: str) -> bool:
    """Whether `value` has no half of a UTF-16 pair, which JSON can spell and UTF-8 cannot."""
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def _shown(fields: dict[str, Any], key: str) -> str:
    return f"{fields[key]!r:.80}" if key in fields else "missing"


def _quoted(text: bytes) -> str:
    """The beginning of a bad line, fit for a message of one line."""
    return repr(text[:80]).removeprefix("b")
