"""KB4Rec: which Freebase entity is an item of a recommendation data set (Zhao et al., 2019).

https://github.com/RUCDM/KB4Rec: lines `item id<TAB>MID`, where a MID is `m.…` or `g.…`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.sources.published import ItemId, item_id, published_text

_MID = re.compile(r"[mg]\.[0-9a-z_]+")


@dataclass(frozen=True)
class Links:
    """Which entity every linked item is.

    Attributes:
        table: item_id and entity, sorted by item_id, an item once; two items may be the same entity.
        repeats: how many lines said again what an earlier one had said.
    """

    table: pa.Table
    repeats: int


def read_links(path: Path, identifier: pa.DataType) -> Links:
    """The links in the file `path`, LF or CRLF after each line.

    Args:
        path: the published file.
        identifier: the type of the data set's item ids; strings keep their leading zeros.

    Raises:
        PipelineError: no such file, not text, empty, or a line without the two fields, with a bad item id
            or MID, or that links an item to another entity than an earlier line.
    """
    text = published_text(path)
    if not text:
        raise PipelineError(f"{path}: the file is empty. {DOWNLOAD_ANEW}")
    lines = text.removesuffix("\n").split("\n")
    first: dict[ItemId, tuple[str, int]] = {}
    for line, content in enumerate(lines, start=1):
        item, entity = _parse(content.removesuffix("\r"), path, line, whole_numbers=pa.types.is_integer(identifier))
        known, known_line = first.setdefault(item, (entity, line))
        if known != entity:
            raise _bad_line(path, line, f"item {item!r} is linked to {entity}, but to {known} in line {known_line}")
    items = sorted(first.items())
    table = pa.table({"item_id": pa.array([item for item, _ in items], identifier), "entity": [entity for _, (entity, _) in items]})
    return Links(table, repeats=len(lines) - len(first))


def _parse(content: str, path: Path, line: int, whole_numbers: bool) -> tuple[ItemId, str]:
    fields = content.split("\t")
    if len(fields) != 2:
        raise _bad_line(path, line, f"{len(fields)} fields, not 2 (item id, tab, MID), in {content[:80]!r}")
    try:
        item = item_id(fields[0], whole_numbers)
    except ValueError as error:
        raise _bad_line(path, line, str(error)) from error
    if not _MID.fullmatch(fields[1]):
        raise _bad_line(path, line, f"{fields[1][:80]!r} is no Freebase MID (m.… or g.…)")
    return item, fields[1]


def _bad_line(path: Path, line: int, problem: str) -> PipelineError:
    return PipelineError(f"{path}:{line}: {problem}. {DOWNLOAD_ANEW}")
