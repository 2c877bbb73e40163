"""Titles, descriptions, web pages, years and genres of items from a table of one's own, and the pictures of a folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.sources.descriptions import Description, Descriptions, cleaned
from mkg4rec.sources.own.columns import Columns, TableSource, is_text, read_columns
from mkg4rec.sources.pages import Pages, pages_of
from mkg4rec.tables import DESCRIBED_ITEMS, untitled

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
    columns_of_texts = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    return pa.table({"item_id": identifiers} | columns_of_texts | {"year": _years(columns), "genres": _genres(columns)})


def titled_items(items: pa.Table) -> pa.Table:
    """The items of which title, year or genres are known, with the columns of `tables.ITEMS`."""
    known = pc.or_(pc.not_equal(items["title"], ""), pc.or_(items["year"].is_valid(), pc.greater(pc.list_value_length(items["genres"]), 0)))
    told = items.filter(known)
    rows = zip(told["item_id"].to_pylist(), told["title"].to_pylist(), strict=True)
    titles = pa.array([title or untitled(item) for item, title in rows], pa.string())
    return pa.table({"item_id": told["item_id"], "title": titles, "year": told["year"], "genres": told["genres"]})


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


def _years(columns: Columns) -> pa.ChunkedArray | pa.Array:
    """The years, null where there is none, or what stands there is no whole number from 1 to 9999."""
    if "year" not in columns:
        return pa.nulls(len(columns), pa.int32())
    values = columns.table["year"]
    if not (is_text(values.type) or pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_null(values.type)):
        raise columns.error("year", None, f"years are whole numbers, but the column is {values.type}")
    # As `release_year:float` 1995 is written 1995.0.
    texts = pc.replace_substring_regex(pc.utf8_trim_whitespace(values.cast(pa.string())), r"\.0*$", "")
    return pc.if_else(pc.match_substring_regex(texts, "^0*[1-9][0-9]{0,3}$"), texts, None).cast(pa.int32())


def _genres(columns: Columns) -> pa.Array:
    """The genres of each row, each once."""
    kind = pa.list_(pa.string())
    if "genres" not in columns:
        return pa.array([[]] * len(columns), kind)
    values = columns.table["genres"]
    if pa.types.is_list(values.type) and is_text(values.type.value_type):
        lists = values.to_pylist()
    else:
        separator = " " if columns.source.typed_header else "|"
        lists = [text.split(separator) for text in columns.texts("genres").to_pylist()]
    return pa.array([list(dict.fromkeys(name.strip() for name in names or () if name and name.strip())) for names in lists], kind)


def _check_once(columns: Columns, identifiers: list[str]) -> None:
    first: dict[str, int] = {}
    for row, item in enumerate(identifiers):
        if first.setdefault(item, row) != row:
            raise columns.error("item", row, f"the item has a row already, {columns.place(first[item])}")
