"""Descriptions by item, from MeLU's `movies_extrainfos.dat` (https://github.com/hoyeoplee/MeLU).

A line is a film, its fields stand between `::`; lines end with CRLF:

    item_id::title::year::rated::released::genres::directors::writers::actors::plot::poster
"""

import html
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mkg4rec.errors import PipelineError
from mkg4rec.sources.published import ItemId, item_id, published_text

SEPARATOR = "::"
FIELDS = 11
PLOT = 9
"""The place of the plot among the fields, from 0."""

PLACEHOLDERS = frozenset({"", "-", "n/a", "na", "nan", "none", "null"})
"""What publishers write, in lower case, where there is no description."""


@dataclass(frozen=True)
class Description:
    """One item's line: the number of the line (from 1) and the cleaned text, "" where the publisher has none."""

    line: int
    text: str


@dataclass(frozen=True)
class BrokenLine:
    """A line with a readable item id and a wrong number of fields."""

    line: int
    fields: int


@dataclass(frozen=True)
class Descriptions:
    """What a file of descriptions holds.

    Attributes:
        descriptions: by item.
        broken: the items that have a broken line and no whole one.
        unreadable: broken lines that do not even tell the item; they are passed over.
        repeated: lines of an item that had one before; the first whole one counts.
    """

    descriptions: dict[ItemId, Description]
    broken: dict[ItemId, BrokenLine]
    unreadable: int
    repeated: int


def read_descriptions(path: Path, identifier: pa.DataType) -> Descriptions:
    """Read the descriptions at `path`; single broken lines are counted and passed over.

    Args:
        path: UTF-8, 11 fields a line.
        identifier: the type of the catalogue's item ids; strings keep their leading zeros.

    Raises:
        PipelineError: not a text file, or none of its lines has the form above.
    """
    descriptions: dict[ItemId, Description] = {}
    broken: dict[ItemId, BrokenLine] = {}
    unreadable = repeated = 0
    # Not splitlines(), which would also split at characters that may stand within a plot, such as U+2028.
    lines = published_text(path).split("\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        fields = line.split(SEPARATOR)
        try:
            item = item_id(fields[0], pa.types.is_integer(identifier))
        except ValueError:
            unreadable += 1
            continue
        if item in descriptions or (item in broken and len(fields) != FIELDS):
            repeated += 1
        elif len(fields) == FIELDS:
            descriptions[item] = Description(number, cleaned(fields[PLOT]))
        else:
            broken[item] = BrokenLine(number, len(fields))
    if not descriptions:
        raise PipelineError(
            f"{path}: none of its {len(lines):,} lines has {FIELDS} fields between {SEPARATOR!r} of which the first is an item id; "
            f"it begins with {lines[0][:80]!r}. Check the address of this source in params.yaml."
        )
    return Descriptions(descriptions, {item: line for item, line in broken.items() if item not in descriptions}, unreadable, repeated)


def cleaned(text: str) -> str:
    """`text` as one line of plain text: HTML entities replaced, no control characters, single blanks; "" for a placeholder such as N/A."""
    printable = (character for character in html.unescape(text) if character.isspace() or unicodedata.category(character) != "Cc")
    plain = " ".join("".join(printable).split())
    return "" if plain.casefold() in PLACEHOLDERS else plain
