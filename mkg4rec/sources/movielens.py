"""MovieLens as GroupLens publishes it: a zip with `ratings.dat` and `movies.dat`, their fields separated by `::`.

https://files.grouplens.org/datasets/movielens/ml-1m-README.txt
"""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mkg4rec.download.archive import unpacked
from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.sources.ratings import Published, attribute_rows

RATING_FIELDS = ("UserID", "MovieID", "Rating", "Timestamp")
MOVIE_FIELDS = ("MovieID", "Title", "Genres")
NO_GENRES = "(no genres listed)"
GENRE = "metadata.genre"

_LARGEST = 2**63 - 1
_NUMBER = re.compile(rb"[0-9]+")
_TITLE_AND_YEAR = re.compile(r"(?P<title>.*\S)\s*\((?P<year>[0-9]{4})\)")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")
_RATINGS_SCHEMA = pa.schema([("user_id", pa.int64()), ("item_id", pa.int64()), ("rating", pa.float32()), ("timestamp", pa.int64())])
_ITEMS_SCHEMA = pa.schema([("item_id", pa.int64()), ("title", pa.string()), ("year", pa.int32()), ("genres", pa.list_(pa.string()))])
# Poster addresses and plots are published elsewhere.
_CONTENTS = pa.schema([("item_id", pa.int64()), ("line", pa.int64()), ("cover", pa.string()), ("description", pa.string())])


def read(archive: Path) -> Published:
    """The ratings and films in the zip `archive`.

    Raises:
        PipelineError: not a sound zip, without one of the two files, or with a bad line in one of them (the first is named).
    """
    with unpacked(archive) as folder:
        ratings = parse_ratings(*_member(folder, "ratings.dat", archive))
        items = parse_movies(*_member(folder, "movies.dat", archive))
    facts = (
        (item, GENRE, genre)
        for item, genres in zip(*(items[name].to_pylist() for name in ("item_id", "genres")), strict=True)
        for genre in genres
    )
    return Published(ratings, items, attribute_rows(facts, pa.int64()), _CONTENTS.empty_table())


def parse_ratings(content: bytes, where: str) -> pa.Table:
    """The lines `UserID::MovieID::Rating::Timestamp` as a table, row by row; ratings are whole stars from 1 to 5.

    Args:
        content: the file; lines end with LF or CRLF.
        where: names the file in errors.

    Raises:
        PipelineError: empty, or a line with too few or too many fields or a field that is no number of its range.
    """
    content = _checked_lines(content, where)
    fast = _parse_ratings_at_once(content)
    return fast if fast is not None else _parse_ratings_line_by_line(content, where)


def parse_movies(content: bytes, where: str) -> pa.Table:
    """The lines `MovieID::Title (Year)::Genre|Genre` as a table, row by row.

    A title without `(Year)` at its end has no year; no genre at all is an empty list. Text is latin-1, as
    published, or UTF-8, as in re-encoded copies.

    Args:
        content: the file; lines end with LF or CRLF.
        where: names the file in errors.

    Raises:
        PipelineError: empty, or a line with too few or too many fields, a bad or repeated MovieID, an empty title or genre.
    """
    lines: dict[int, int] = {}
    rows = []
    for line, text in enumerate(_checked_lines(content, where).split(b"\n"), start=1):
        identifier, title, genres = _fields(text, MOVIE_FIELDS, where, line)
        item = _number(identifier, "MovieID", where, line)
        if item in lines:
            raise _bad_line(where, line, f"MovieID {item} already stands in line {lines[item]}")
        lines[item] = line
        rows.append((item, *_title_and_year(title, where, line), _genres(genres, where, line)))
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=_ITEMS_SCHEMA)


def _member(folder: Path, name: str, archive: Path) -> tuple[bytes, str]:
    """The content of the one file called `name`, and how errors call it."""
    found = sorted(path for path in folder.rglob(name) if path.is_file())
    if len(found) != 1:
        raise PipelineError(
            f"{archive}: expected one {name} in the archive, found {len(found)}. "
            f"Check the address of this source in params.yaml; {DOWNLOAD_ANEW}"
        )
    return found[0].read_bytes(), f"{archive}: {found[0].relative_to(folder).as_posix()}"


def _checked_lines(content: bytes, where: str) -> bytes:
    """`content` with LF between lines and none after the last."""
    if not content:
        raise PipelineError(f"{where}: the file is empty. {DOWNLOAD_ANEW}")
    return content.replace(b"\r\n", b"\n").removesuffix(b"\n")


def _parse_ratings_at_once(content: bytes) -> pa.Table | None:
    """All lines with Arrow's CSV reader, or None where anything is unusual, for the careful reading that can say what."""
    # Arrow takes signs, blanks, hexadecimal digits and more; with digits alone it accepts what we accept.
    if content.translate(None, b"0123456789:\n"):
        return None
    try:
        numbers = csv.read_csv(
            pa.BufferReader(content.replace(b"::", b",")),
            # A thread of Arrow's that still held Python's bytes at the end of the process would abort it.
            read_options=csv.ReadOptions(use_threads=False, column_names=_RATINGS_SCHEMA.names),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(_RATINGS_SCHEMA.names, pa.int64()), null_values=[], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    stars = pc.min_max(numbers["rating"]).as_py()
    return numbers.cast(_RATINGS_SCHEMA) if stars["min"] >= 1 and stars["max"] <= 5 else None


def _parse_ratings_line_by_line(content: bytes, where: str) -> pa.Table:
    rows = []
    for line, text in enumerate(content.split(b"\n"), start=1):
        fields = _fields(text, RATING_FIELDS, where, line)
        user, item, stars, time = (_number(value, name, where, line) for name, value in zip(RATING_FIELDS, fields, strict=True))
        if not 1 <= stars <= 5:
            raise _bad_line(where, line, f"Rating is {stars}, not a whole number from 1 to 5")
        rows.append((user, item, float(stars), time))
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=_RATINGS_SCHEMA)


def _fields(text: bytes, names: tuple[str, ...], where: str, line: int) -> list[bytes]:
    fields = text.split(b"::")
    if len(fields) != len(names):
        raise _bad_line(where, line, f"{len(fields)} fields, not {len(names)} ({'::'.join(names)}), in {_quoted(text)}")
    return fields


def _number(value: bytes, name: str, where: str, line: int) -> int:
    if not _NUMBER.fullmatch(value):
        raise _bad_line(where, line, f"{name} is {_quoted(value)}, not a whole number")
    # A number of more digits than this is too large, whatever its value: int() is slow on very many.
    if len(value.lstrip(b"0")) > len(str(_LARGEST)) or int(value) > _LARGEST:
        raise _bad_line(where, line, f"{name} is {_quoted(value)}, larger than {_LARGEST}")
    return int(value)


def _title_and_year(value: bytes, where: str, line: int) -> tuple[str, int | None]:
    text = _decoded(value).strip()
    if not text:
        raise _bad_line(where, line, "Title is empty")
    if _CONTROL_CHARACTER.search(text):
        raise _bad_line(where, line, f"Title is {_quoted(value)}, which has a control character")
    match = _TITLE_AND_YEAR.fullmatch(text)
    return (match["title"], int(match["year"])) if match else (text, None)


def _genres(value: bytes, where: str, line: int) -> list[str]:
    text = _decoded(value).strip()
    if text in ("", NO_GENRES):
        return []
    genres = text.split("|")
    if not all(genres) or _CONTROL_CHARACTER.search(text):
        raise _bad_line(where, line, f"Genres is {_quoted(value)}, which has an empty genre or a control character")
    return genres


def _decoded(value: bytes) -> str:
    """Latin-1, unless the bytes are UTF-8, which latin-1 text beyond ASCII hardly ever is."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _quoted(value: bytes) -> str:
    """The beginning of a bad value, fit for a message of one line."""
    return repr(value[:80]).removeprefix("b")


def _bad_line(where: str, line: int, problem: str) -> PipelineError:
    return PipelineError(f"{where}:{line}: {problem}. {DOWNLOAD_ANEW}")
