"""Titles, descriptions and web pages of items from a table of one's own, and the pictures of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.sources.descriptions import Description, Descriptions, cleaned
from mkg4rec.sources.own.columns import Columns, TableSource, read_columns
from mkg4rec.sources.pages import Pages, pages_of
from mkg4rec.tables import DESCRIBED_ITEMS

PICTURES = (".jpg", ".jpeg", ".png", ".webp")
"""Endings of pictures, in capitals, too."""


def read_items(source: TableSource | None) -> pa.Table:
    """The rows of `source` as `tables.DESCRIBED_ITEMS`, in their order; no row where there is no source.

    Raises:
        PipelineError: a bad row, or one of an item that an earlier row has described, with file and line.
    """
    if source is None:
        return DESCRIBED_ITEMS.without_rows()
    columns = read_columns(source)
    identifiers = columns.identifiers("item")
    _check_once(columns, identifiers.to_pylist())
    titles = [" ".join(title.split()) for title in _texts(columns, "title")]
    descriptions = [cleaned(text) for text in _texts(columns, "description")]
    texts = {"title": titles, "description": descriptions, "page": _texts(columns, "page")}
    return pa.table({"item_id": identifiers} | {name: pa.array(values, pa.string()) for name, values in texts.items()})


def titled_items(items: pa.Table) -> pa.Table:
    """The items that have a title, with the columns of `tables.ITEMS`: neither year nor genres are known."""
    titled = items.filter(pc.not_equal(items["title"], ""))
    genres = pa.array([[]] * len(titled), pa.list_(pa.string()))
    return pa.table({"item_id": titled["item_id"], "title": titled["title"], "year": pa.nulls(len(titled), pa.int32()), "genres": genres})


def descriptions_of(items: pa.Table) -> Descriptions:
    """The descriptions in a table as `tables.DESCRIBED_ITEMS`, "" where an item has none."""
    rows = zip(items["item_id"].to_pylist(), items["description"].to_pylist(), strict=True)
    return Descriptions({item: Description(row, text) for row, (item, text) in enumerate(rows, start=1)}, {}, unreadable=0, repeated=0)


def pages_in(items: pa.Table) -> Pages:
    """The web pages in a table as `tables.DESCRIBED_ITEMS`, "" where an item has none."""
    return pages_of(zip(items["item_id"].to_pylist(), items["page"].to_pylist(), strict=True))


@dataclass(frozen=True)
class Pictures:
    """The pictures of a folder.

    Attributes:
        of_items: by item, the path of its picture.
        unknown: pictures of no item.
        repeated: pictures of an item that has one already, by the order of their names.
    """

    of_items: dict[str, Path]
    unknown: int
    repeated: int


def picture_files(folder: Path) -> list[Path]:
    """The pictures in `folder`, by name; not those in folders within."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES and path.is_file())


def find_pictures(folder: Path, items: Sequence[str]) -> Pictures:
    """The picture of each of `items` that has one: the file named by its identifier.

    In the name of the file, characters that no name can have stand as in an address: `a/b` has `a%2Fb.png`.
    """
    by_stem = {quote(item, safe=""): item for item in items} | {item: item for item in items}
    of_items: dict[str, Path] = {}
    unknown = repeated = 0
    for path in picture_files(folder):
        item = by_stem.get(path.stem)
        if item is None:
            unknown += 1
        elif item in of_items:
            repeated += 1
        else:
            of_items[item] = path
    return Pictures(of_items, unknown, repeated)


def _texts(columns: Columns, role: str) -> list[str]:
    return columns.texts(role).to_pylist() if role in columns else [""] * len(columns)


def _check_once(columns: Columns, identifiers: list[str]) -> None:
    first: dict[str, int] = {}
    for row, item in enumerate(identifiers):
        if first.setdefault(item, row) != row:
            raise columns.error("item", row, f"the item has a row already, {columns.place(first[item])}")
