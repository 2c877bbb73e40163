"""Web pages by item: a JSON object from item id to the page's text or HTML.

For MovieLens-1M: https://github.com/asash/ml1m_dbpedia_abstracts (DBpedia's abstracts, which are how the articles of Wikipedia begin).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.progress import progress
from mkg4rec.sources.descriptions import PLACEHOLDERS
from mkg4rec.sources.page_text import page_text
from mkg4rec.sources.published import ItemId, item_id, published_text

LARGEST_PAGE = 5_000_000
"""Characters; what is longer is no article."""

_STUB = re.compile(r"Abstract not found\.|Movie: .*, Genres: \[.*\]", re.DOTALL)
"""What https://github.com/asash/ml1m_dbpedia_abstracts has where DBpedia has no abstract."""

_REPAIR = f"Check the address of this source in params.yaml; {DOWNLOAD_ANEW}"


@dataclass(frozen=True)
class Pages:
    """What a file of pages holds.

    Attributes:
        pages: by item, the page's plain text, "" where the publisher has none.
        broken: by item that has no page, what stands in the place of its text.
        too_large: by item that has no page, the characters of one that is too large.
        unreadable: keys that are no item id; they are passed over.
        repeated: pages of an item that had one before; the first that is a text of possible length counts.
    """

    pages: dict[ItemId, str] = field(default_factory=dict)
    broken: dict[ItemId, str] = field(default_factory=dict)
    too_large: dict[ItemId, int] = field(default_factory=dict)
    unreadable: int = 0
    repeated: int = 0


def read_pages(path: Path, identifier: pa.DataType) -> Pages:
    """Read the pages at `path`; what is wrong with a single one is told, and the others count.

    Args:
        path: UTF-8, one JSON object.
        identifier: the type of the catalogue's item ids; strings keep their leading zeros.

    Raises:
        PipelineError: not a text file, not JSON, not an object, or none of its keys is an item id with a text.
    """
    pairs = _read_object(path)
    items: list[tuple[ItemId, object]] = []
    for key, value in pairs:
        try:
            items.append((item_id(key, pa.types.is_integer(identifier)), value))
        except ValueError:
            continue
    found = pages_of(items)
    if not found.pages:
        begin = ", ".join(repr(key[:40]) for key, _ in pairs[:3])
        raise PipelineError(
            f"{path}: none of its {len(pairs):,} keys is an item id with a text; it begins with {begin or 'nothing'}. "
            "Check the address of this source in params.yaml."
        )
    return Pages(found.pages, found.broken, found.too_large, len(pairs) - len(items), found.repeated)


def pages_of(items: Iterable[tuple[ItemId, object]]) -> Pages:
    """The pages of `items`, each with what is published of it: a text, None, or something else in its place."""
    raw: dict[ItemId, str] = {}
    broken: dict[ItemId, str] = {}
    too_large: dict[ItemId, int] = {}
    repeated = 0
    for item, value in items:
        repeated += item in raw or item in broken or item in too_large
        if isinstance(value, str) and len(value) > LARGEST_PAGE:
            too_large[item] = len(value)
        elif value is None or isinstance(value, str):
            raw.setdefault(item, value or "")
        else:
            broken[item] = _KINDS[type(value)]
    pages = {item: _text(page) for item, page in progress(raw.items(), "pages", len(raw), "page")}
    for item in pages:
        broken.pop(item, None)
        too_large.pop(item, None)
    return Pages(pages, broken, too_large, repeated=repeated)


def _text(page: str) -> str:
    text = page_text(page)
    return "" if text.casefold() in PLACEHOLDERS or _STUB.fullmatch(text) else text


class _Object(list[tuple[str, object]]):
    """The keys and values of a JSON object, also of a key that it has twice."""


_KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    _Object: "an object",
    str: "a text",
    type(None): "null",
}


def _read_object(path: Path) -> _Object:
    text = published_text(path)
    try:
        content = json.loads(text, object_pairs_hook=_Object)
    except json.JSONDecodeError as error:
        problem = f"not JSON ({error.msg})"
        raise PipelineError(f"{path}:{error.lineno}: {problem}. {_REPAIR}") from error
    except RecursionError as error:
        raise PipelineError(f"{path}: lists within lists, or objects within objects, too deep to be read. {_REPAIR}") from error
    except ValueError as error:
        raise PipelineError(f"{path}: not JSON that can be read ({error}). {_REPAIR}") from error
    if not isinstance(content, _Object):
        raise PipelineError(f"{path}: a JSON object from item id to page is expected, this is {_KINDS[type(content)]}. {_REPAIR}")
    return content
