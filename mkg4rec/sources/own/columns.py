"""Chosen columns of a table in a local file, text or Parquet, and where in it a bad value stands."""

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv as arrow_csv

from mkg4rec.errors import PipelineError

_BLOCK_BYTES = 16 << 20
_LONGEST_FIELD = 1 << 24
_ATOMIC_TYPES = ("token", "token_seq", "float", "float_seq")
NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class TableSource:
    """Where a table is and how it is read.

    Attributes:
        path: the file.
        separator: between the fields of a text; None for Parquet.
        columns: by role, the name of its column in the header, or its position from 1 where there is no header.
        typed_header: whether names in the header are followed by a type, as `user_id:token` in RecBole's atomic files.
    """

    path: Path
    separator: str | None
    columns: Mapping[str, str | int]
    typed_header: bool = False

    @property
    def has_header(self) -> bool:
        return not any(isinstance(column, int) for column in self.columns.values())


@dataclass(frozen=True)
class Columns:
    """The columns of a `TableSource` by role; texts as they are, the columns of Parquet in their own types."""

    source: TableSource
    table: pa.Table

    def __contains__(self, role: str) -> bool:
        return role in self.table.column_names

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def identifiers(self, role: str) -> pa.ChunkedArray:
        """The values of a column as strings, exactly as they stand there.

        Raises:
            PipelineError: one is empty, or the column of a Parquet file is neither strings nor whole numbers.
        """
        values = self.table[role]
        if not (is_text(values.type) or pa.types.is_integer(values.type)):
            raise self.error(role, None, f"identifiers are strings or whole numbers, but the column is {values.type}")
        texts = values.cast(pa.string())
        filled = pc.fill_null(texts, "")
        self.check(role, pc.not_equal(pc.utf8_trim_whitespace(filled), ""), "an identifier is missing")
        self.check(role, pc.invert(pc.match_substring(filled, "\0")), "an identifier has a character that no text has (NUL)")
        return texts

    def texts(self, role: str) -> pa.ChunkedArray:
        """The values of a column as strings, "" where one is missing.

        Raises:
            PipelineError: the column of a Parquet file is not of strings.
        """
        values = self.table[role]
        if not (is_text(values.type) or pa.types.is_null(values.type)):
            raise self.error(role, None, f"texts are strings, but the column is {values.type}")
        return pc.fill_null(values.cast(pa.string()), "")

    def numbers(self, role: str) -> pa.ChunkedArray:
        """The values of a column as float64.

        Raises:
            PipelineError: one is missing or not a finite number.
        """
        values = self.table[role]
        if is_text(values.type):
            values = pc.utf8_trim_whitespace(pc.fill_null(values.cast(pa.string()), ""))
            self.check(role, pc.match_substring_regex(values, NUMBER), "not a number")
        elif not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
            raise self.error(role, None, f"numbers are needed, but the column is {values.type}")
        numbers = values.cast(pa.float64(), safe=False)
        self.check(role, pc.fill_null(pc.is_finite(numbers), False), "not a finite number")
        return numbers

    def check(self, role: str, good: pa.ChunkedArray, problem: str) -> None:
        """Hold a value of the column against a condition.

        Raises:
            PipelineError: `good` is false somewhere; the first such row is named with its value.
        """
        row = pc.index(good, False).as_py()
        if row >= 0:
            raise self.error(role, row, problem)

    def error(self, role: str, row: int | None, problem: str) -> PipelineError:
        """What is wrong with the column, in the row (from 0) where one is given."""
        value = "" if row is None else f" is {str(self.table[role][row].as_py())[:80]!r}"
        place = self.source.path if row is None else self.place(row)
        return PipelineError(
            f"{place}: column {self.source.columns[role]}{value}: {problem}. Correct the file, or its description in params.yaml."
        )

    def place(self, row: int) -> str:
        """`file:line` of a row (from 0); of Parquet, which has no lines, the row (from 1)."""
        if self.source.separator is None:
            return f"{self.source.path}: row {row + 1}"
        rows = _careful_rows(self.source)
        line = next(line for number, (line, _) in enumerate(rows) if number == row + self.source.has_header)
        return f"{self.source.path}:{line}"


def read_columns(source: TableSource) -> Columns:
    """Read the columns of `source`.

    Raises:
        PipelineError: no such file, empty, not of the form described (with the line), or a column is not there.
    """
    if not source.path.is_file():
        raise PipelineError(f"{source.path}: there is no such file. Put it there, or correct its description in params.yaml.")
    if not source.path.stat().st_size:
        raise PipelineError(f"{source.path}: the file is empty. Put the data there, or describe it as null in params.yaml.")
    table = _read_parquet(source) if source.separator is None else _read_text(source)
    return Columns(source, table)


def _read_parquet(source: TableSource) -> pa.Table:
    try:
        found = pq.read_schema(source.path).names
        _check_columns(source, found, "")
        # Two roles may stand in one column.
        read = pq.read_table(source.path, columns=list({str(column) for column in source.columns.values()}), partitioning=None)
        return pa.table({role: read[str(column)] for role, column in source.columns.items()})
    except (pa.ArrowInvalid, OSError) as error:
        raise PipelineError(f"{source.path}: not a readable Parquet file ({error}). Write it anew.") from error


def _read_text(source: TableSource) -> pa.Table:
    line, header = _first_row(source)
    fields = header if source.has_header else [str(position + 1) for position in range(len(header))]
    names = [name.rpartition(":")[0] for name in fields] if source.typed_header else fields
    _check_columns(source, names, f":{line}")
    wanted = {role: names.index(str(column)) for role, column in source.columns.items()}
    # Two roles may stand in one column, and other columns may have one name: Arrow gets numbers for names.
    numbered = [str(position) for position in range(len(names))]
    try:
        read = arrow_csv.read_csv(
            # Of a path Arrow would take the ending `.gz` for its word.
            pa.OSFile(str(source.path)),
            arrow_csv.ReadOptions(
                # To Arrow a blank line above the header would be the header.
                column_names=numbered,
                skip_rows=line - 1,
                skip_rows_after_names=int(source.has_header),
                block_size=_BLOCK_BYTES,
            ),
            arrow_csv.ParseOptions(delimiter=source.separator, newlines_in_values=True),
            arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(numbered, pa.string()),
                include_columns=sorted({str(position) for position in wanted.values()}),
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        _explain_bad_line(source, len(names))
        raise PipelineError(f"{source.path}: not a table with {source.separator!r} between its fields ({error}).") from error
    return pa.table({role: read[str(position)] for role, position in wanted.items()})


def _check_columns(source: TableSource, found: list[str], line: str) -> None:
    for role, column in source.columns.items():
        name = str(column)
        if found.count(name) == 1:
            continue
        problem = f"there is no column {column!r}" if name not in found else f"the column {column!r} stands there twice"
        hint = " Is the separator right?" if len(found) == 1 and source.separator is not None else ""
        listed = f"{len(found)} columns" if not source.has_header else f"the columns {', '.join(found)[:200]}"
        raise PipelineError(
            f"{source.path}{line}: {problem}, in which params.yaml looks for the {role}; the file has {listed}.{hint} "
            "Correct the name in params.yaml, or the file."
        )


def _first_row(source: TableSource) -> tuple[int, list[str]]:
    """Its line and its fields."""
    line, row = next(_careful_rows(source), (0, []))
    if not row:
        raise PipelineError(f"{source.path}: the file has no line with text. Put the data there, or describe it as null in params.yaml.")
    _check_utf8(source, line, row)
    if source.typed_header:
        for field in row:
            name, _, kind = field.rpartition(":")
            if not name or kind not in _ATOMIC_TYPES:
                raise PipelineError(
                    f"{source.path}:{line}: the header has {field[:80]!r}; RecBole's atomic files say `name:type` with one of the types "
                    f"{', '.join(_ATOMIC_TYPES)}, and a tab between the fields. Correct the header."
                )
    return line, row


def _check_utf8(source: TableSource, line: int, row: list[str]) -> None:
    for field in row:
        if bad := re.search("[\0\udc80-\udcff]", field):
            raise PipelineError(
                f"{source.path}:{line}: not UTF-8 text (byte 0x{ord(bad[0]) & 0xFF:02x}). "
                "Save the file as UTF-8, for instance by `iconv -f latin1 -t utf8`; unpack it, if it is compressed."
            )


def _careful_rows(source: TableSource) -> Iterator[tuple[int, list[str]]]:
    """Line (from 1) and fields of every row that is not blank, the header included; bytes that are not UTF-8 stay as surrogates."""
    assert source.separator is not None
    csv.field_size_limit(_LONGEST_FIELD)
    with source.path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, delimiter=source.separator)
        try:
            begin = 1
            for row in rows:
                if row:
                    yield begin, row
                begin = rows.line_num + 1
        except csv.Error as error:
            raise PipelineError(f"{source.path}:{rows.line_num}: not a table of text ({error}). Correct the line.") from error


def _explain_bad_line(source: TableSource, width: int) -> None:
    for line, row in _careful_rows(source):
        if len(row) != width:
            text = (source.separator or "").join(row)[:80]
            raise PipelineError(
                f"{source.path}:{line}: {len(row)} fields, where the first line has {width}, in {text!r}. "
                "Correct the line; a field with the separator in it needs quotes around it."
            )
        _check_utf8(source, line, row)


def is_text(kind: pa.DataType) -> bool:
    """Whether values are strings, in any of the forms that writers of Parquet choose."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))
