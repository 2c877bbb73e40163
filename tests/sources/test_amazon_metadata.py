"""Amazon's metadata: Python literals from elsewhere, of which only what is wanted is parsed."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources import amazon_metadata
from mkg4rec.sources.amazon_metadata import Metadata, read_metadata
from mkg4rec.sources.python_literals import LONGEST, parse_literal

BOOK: dict[str, Any] = {
    "asin": "0001055178",
    "title": "Master &amp; Georgie",
    "description": "<P>Of a &lt;b&gt;war</b><br/>where 1 < 2.\n  Caf\xc3\xa9s",
    "imUrl": "http://ecx.images-amazon.com/images/I/51.jpg",
    "categories": [["Books", "Fiction", "War"], ["Books", "Fiction"], ["Kindle Store", "Kindle eBooks"]],
    "brand": "Abacus",
    "author": ["Beryl Bainbridge", "Beryl Bainbridge"],
    "price": 16.95,
    "salesRank": {"Books": 1},
    "related": {"also_bought": ["0002115808"]},
}


def packed(folder: Path, *lines: object) -> Path:
    path = folder / "meta.json.gz"
    texts = (line if isinstance(line, bytes) else repr(line).encode() for line in lines)
    path.write_bytes(gzip.compress(b"".join(text + b"\n" for text in texts)))
    return path


def read(folder: Path, *lines: object) -> Metadata:
    """All books asked for."""
    return read_metadata(packed(folder, *lines), {BOOK["asin"], "2", "3"})


def test_a_book_is_read_with_all_that_it_has(tmp_path: Path) -> None:
    (book,) = read(tmp_path, BOOK).products.values()
    assert (book.line, book.asin, book.title, book.cover) == (1, BOOK["asin"], "Master & Georgie", BOOK["imUrl"])
    assert book.description == "Of a war where 1 < 2. Cafés"
    assert book.categories == ("Fiction", "War", "Kindle eBooks")
    assert (book.authors, book.brands) == (("Beryl Bainbridge",), ("Abacus",))


@pytest.mark.parametrize("key", [key for key in BOOK if key != "asin"])
def test_anything_but_the_asin_may_be_missing(tmp_path: Path, key: str) -> None:
    without = {name: value for name, value in BOOK.items() if name != key}
    whole, partial = read(tmp_path, BOOK), read(tmp_path, without)
    assert partial.bad_lines == 0
    field = {"imUrl": "cover", "author": "authors", "brand": "brands"}.get(key, key)
    for name in ("title", "description", "cover", "categories", "authors", "brands"):
        found = getattr(partial.products[BOOK["asin"]], name)
        assert found == (getattr(whole.products[BOOK["asin"]], name) if name != field else type(found)())


def test_one_author_may_be_a_name_and_a_placeholder_is_no_cover(tmp_path: Path) -> None:
    no_image = "http://g-ecx.images-amazon.com/images/G/01/x-site/icons/no-img-sm._CB192198896_.gif"
    (book,) = read(tmp_path, BOOK | {"author": "A. N. Author", "imUrl": no_image, "brand": None, "categories": []}).products.values()
    assert (book.authors, book.cover, book.brands, book.categories) == (("A. N. Author",), "", (), ())


def test_the_first_of_two_lines_counts_and_lines_are_numbered(tmp_path: Path) -> None:
    found = read(
        tmp_path, {"asin": "9"}, {"asin": "2", "title": "first"}, {"title": "any order", "asin": "3"}, {"asin": "2", "title": "again"}
    )
    assert [(book.asin, book.title, book.line) for book in found.products.values()] == [("2", "first", 2), ("3", "any order", 3)]
    assert (found.lines, found.repeated, found.bad_lines) == (4, 1, 0)


def test_only_books_that_are_wanted_are_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def parse(text: bytes) -> object:
        parsed.append(text)
        return parse_literal(text)

    monkeypatch.setattr(amazon_metadata, "parse_literal", parse)
    others = [{"asin": str(number), "title": "'asin': '2'"} for number in range(10, 60)]
    assert read(tmp_path, *others, {"asin": "2"}).products.keys() == {"2"}
    assert parsed == [b"{'asin': '2'}"]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"", "no Python literal"),
        (b"{'asin': '2'", "no Python literal"),
        (b'{"asin": "2", "price": null}', "no Python literal"),
        (b"{'asin': '2', 'x': __import__('os').system('touch gotcha')}", "no Python literal"),
        (b"{'asin': '2', 'x': 9**9**9}", "no Python literal"),
        (b"{'asin': '2', 'x': " + b"[" * 100_000 + b"]" * 100_000 + b"}", "no Python literal"),
        (b"{'asin': '2', 'x': " + b"-" * 100_000 + b"1}", "no Python literal"),
        (b"{'asin': '2', 'x': 1" + b"+1" * 100_000 + b"}", "no Python literal"),
        (b"{'asin': '2', 'x': " + b"9" * 100_000 + b"}", "no Python literal"),
        (b"{'asin': '2', 'x': '" + b"x" * LONGEST + b"'}", f"longer than {LONGEST:,} bytes"),
        (b"{'asin': '2', 'x': '\xff'}", "not UTF-8 text (byte 0xff)"),
        (b"{'asin': '2', 'x': '\x00'}", "no Python literal"),
        (b"['asin', '2']", "a list in place of a dict"),
        (b"{'title': 'nameless'}", "a dict without asin"),
        (b"{'asin': 2}", "asin is 2, not a name"),
        (b"{'asin': '2', 'title': 7}", "title is 7, not a text"),
        (b"{'asin': '2', 'categories': ['Books']}", "categories is ['Books'], not a list of lists of names"),
        (b"{'asin': '2', 'author': [1]}", "author is [1], not a name or a list of names"),
    ],
)
def test_a_bad_line_is_counted_and_named(tmp_path: Path, line: bytes, complaint: str) -> None:
    found = read(tmp_path, {"asin": "3"}, line, BOOK)
    assert found.products.keys() == {"3", BOOK["asin"]}
    assert found.bad_lines == 1
    assert found.first_bad_lines == [f"{tmp_path / 'meta.json.gz'}:2: {complaint}"]
    assert not Path("gotcha").exists()


def test_many_bad_lines_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"2 of the 3 lines .* no metadata, the first: .*meta\.json\.gz:2: no Python literal"):
        read(tmp_path, BOOK, b"{", b"}")


@pytest.mark.parametrize("lines", [(), (b'{"asin": null}',)])
def test_a_file_without_a_book_is_an_error(tmp_path: Path, lines: tuple[bytes, ...]) -> None:
    with pytest.raises(PipelineError, match=r"meta\.json\.gz:1"):
        read(tmp_path, *lines)


def test_a_cut_off_file_is_named_with_the_line(tmp_path: Path) -> None:
    path = packed(tmp_path, *[BOOK | {"asin": str(number)} for number in range(3000)])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PipelineError, match=r"meta\.json\.gz:(2\d\d\d|300[01]): from this line on the file cannot be unpacked"):
        read_metadata(path, {"2"})


@pytest.mark.filterwarnings("error")
def test_escapes_that_python_does_not_know_stand_for_themselves(tmp_path: Path) -> None:
    (book,) = read(tmp_path, b"{'asin': '2', 'title': 'C\\dogs'}").products.values()
    assert book.title == "C\\dogs"


texts = st.text(st.characters(codec="utf-8"), max_size=12)
literals = st.recursive(
    st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.none(), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(literals)
def test_a_literal_is_what_it_was(value: object) -> None:
    assert parse_literal(repr(value).encode()) == value


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([key for key in BOOK if key != "asin"]), literals), st.binary(max_size=30))
def test_any_values_make_a_book_or_a_bad_line(tmp_path_factory: pytest.TempPathFactory, fields: dict[str, object], noise: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    found = read(folder, BOOK, {"asin": "2"} | fields, noise.replace(b"\n", b" ").replace(b"{", b""), *[{"asin": "3"}] * 300)
    assert {BOOK["asin"], "3"} <= found.products.keys()
    assert found.bad_lines == 1 + ("2" not in found.products)
