"""Amazon's product metadata of 2014: a gzip file with a Python literal a line, a dict per product.

https://snap.stanford.edu/data/amazon/productGraph/. Of its keys `asin`, `title`, `description`, `imUrl`, `categories` (paths
from the general to the particular), `brand` and, where there is one, `author` are read; any but the first may be missing.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.sources.descriptions import cleaned
from mkg4rec.sources.gzip_lines import numbered_lines
from mkg4rec.sources.python_literals import parse_literal, without_syntax_warnings

MOST_BAD_LINES = 0.01
"""Of the lines that are parsed; with more of them the file is not what it should be."""

_ASIN_FIRST = re.compile(rb"""\{\s*["']asin["']\s*:\s*["']([A-Za-z0-9]+)["']\s*[,}]""")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_PLACEHOLDER = "/x-site/icons/no-img"
_BAD_LINES_TOLD = 5


class BadProductError(ValueError):
    """A literal does not describe a product; the message says why."""


@dataclass(frozen=True)
class Product:
    """A described product.

    Attributes:
        line: where it stands, from 1.
        title, description, cover: plain text, and an address; "" where there is none.
        categories: without the department, which is that of the file; each once, the general before the particular.
        authors, brands: each once.
    """

    line: int
    asin: str
    title: str
    description: str
    cover: str
    categories: tuple[str, ...]
    authors: tuple[str, ...]
    brands: tuple[str, ...]


@dataclass
class Metadata:
    """What was read.

    Attributes:
        products: by ASIN, those wanted; of a product that is described twice the first line counts.
        lines: all lines of the file.
        repeated: lines of a product that had one before.
        bad_lines: lines that do not describe a product; they are passed over.
        first_bad_lines: the first few of them, each as its number and what is wrong.
    """

    products: dict[str, Product] = field(default_factory=dict)
    lines: int = 0
    repeated: int = 0
    bad_lines: int = 0
    first_bad_lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        first = f" ({'; '.join(self.first_bad_lines)})" if self.bad_lines else ""
        counts = f"{len(self.products):,} books of {self.lines:,} lines, {self.repeated:,} repeated"
        return f"{counts}, {self.bad_lines:,} bad and passed over{first}"


def read_metadata(path: Path, wanted: Collection[str]) -> Metadata:
    """What the file `path` says of the products with the ASINs `wanted`.

    A line that begins with the ASIN of another product, as upstream every line does, is passed over unparsed: that takes
    a hundredth of the time. Bad lines are counted, since a product without metadata can still be recommended.

    Raises:
        PipelineError: no such file, not gzip, damaged or cut off (with the line); no line at all, or more than
            `MOST_BAD_LINES` of those parsed are bad.
    """
    found = Metadata()
    parsed = 0
    with without_syntax_warnings():
        for line, text in _lines(path):
            found.lines = line
            first = _ASIN_FIRST.match(text)
            if first and first[1].decode() not in wanted:
                continue
            parsed += 1
            try:
                product = _product(parse_literal(text), line)
            except ValueError as error:
                found.bad_lines += 1
                if len(found.first_bad_lines) < _BAD_LINES_TOLD:
                    found.first_bad_lines.append(f"{path}:{line}: {error}")
                continue
            if product.asin in found.products:
                found.repeated += 1
            elif product.asin in wanted:
                found.products[product.asin] = product
    _check(found, parsed, path)
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    for first, piece in numbered_lines(path):
        yield from enumerate(piece.removesuffix(b"\n").split(b"\n"), start=first)


def _check(found: Metadata, parsed: int, path: Path) -> None:
    if not found.lines:
        raise PipelineError(f"{path}:1: the file has no line. {DOWNLOAD_ANEW}")
    if found.bad_lines > max(1, MOST_BAD_LINES * parsed) or found.bad_lines == found.lines:
        raise PipelineError(
            f"{found.bad_lines:,} of the {parsed:,} lines that concern this data set are no metadata, the first: "
            f"{'; '.join(found.first_bad_lines)}. Check the address of this source in params.yaml; {DOWNLOAD_ANEW}"
        )


def _product(fields: object, line: int) -> Product:
    """
    Raises:
        BadProductError: not a dict with an ASIN, or a value of another kind than its key's.
    """
    if not isinstance(fields, dict):
        raise BadProductError(f"a {type(fields).__name__} in place of a dict")
    asin = fields.get("asin")
    if not isinstance(asin, str) or not asin.strip():
        raise BadProductError(f"asin is {asin!r:.80}, not a name" if "asin" in fields else "a dict without asin")
    cover = _text(fields, "imUrl")
    return Product(
        line,
        asin.strip(),
        _text(fields, "title"),
        _without_tags(_text(fields, "description")),
        "" if _PLACEHOLDER in cover else cover,
        _categories(fields),
        _names(fields, "author"),
        _names(fields, "brand"),
    )


def _text(fields: dict[object, object], key: str) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadProductError(f"{key} is {value!r:.80}, not a text")
    return _plain(value)


def _categories(fields: dict[object, object]) -> tuple[str, ...]:
    paths = fields.get("categories") or []
    if not isinstance(paths, list) or not all(isinstance(path, list) and all(isinstance(name, str) for name in path) for path in paths):
        raise BadProductError(f"categories is {paths!r:.80}, not a list of lists of names")
    return _distinct([name for path in paths for name in path[1:]])


def _names(fields: dict[object, object], key: str) -> tuple[str, ...]:
    value = fields.get(key) or []
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadProductError(f"{key} is {value!r:.80}, not a name or a list of names")
    return _distinct(names)


def _distinct(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain for name in names if (plain := _plain(name))))


def _without_tags(text: str) -> str:
    return " ".join(_TAG.sub(" ", text).split())


def _plain(text: str) -> str:
    r"""`text` on one line, with its accents: the file was written by Python 2, which spells UTF-8 byte by byte (`\xc3\xa9`)."""
    try:
        text = text.encode("latin-1").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        # Written right, or in latin-1; but half of a UTF-16 pair is no character.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return cleaned(text)
