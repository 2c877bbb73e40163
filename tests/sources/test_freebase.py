"""The scan against a slow, literal reading of the dump: a regular expression, line by line."""

import gzip
import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.freebase import Scan
from mkg4rec.sources.freebase_names import NameStore

IRI = r"<[^\t]*>"
TRIPLE = re.compile(rf'({IRI})\t({IRI})\t({IRI}|"(?:[^"\\]|\\.)*"(?:@[A-Za-z]+(?:-[A-Za-z0-9]+)*|\^\^{IRI})?)\t\.')
ENTITY = re.compile(r"<http://rdf\.freebase\.com/ns/([mg]\.\w+)>")
PREDICATE = re.compile(r"<http://rdf\.freebase\.com/ns/(.*)>")
DROPPED = ("type.", "common.")

Fact = tuple[str, str, str]

with_and_without_sieve = pytest.mark.parametrize("sieved_from", [0, 1 << 40], ids=["sieved", "unsieved"])
"""Every dump with the sieve that large ones get, and without."""


@dataclass
class Reading:
    """What a dump says, read slowly."""

    facts: list[Fact]
    names: dict[str, list[str]]
    lines: int
    bad_lines: list[int]


def read_slowly(text: bytes, mids: Container[str]) -> Reading:
    reading = Reading([], {}, 0, [])
    lines = text.replace(b"\r\n", b"\n").split(b"\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], start=1):
        reading.lines += 1
        try:
            triple = None if b"\r" in line else TRIPLE.fullmatch(line.decode("utf-8"))
        except UnicodeDecodeError:
            triple = None
        if not triple:
            reading.bad_lines.append(number)
            continue
        head, predicate, tail = (
            pattern.fullmatch(part) for pattern, part in zip((ENTITY, PREDICATE, ENTITY), triple.groups(), strict=True)
        )
        if head and predicate and predicate[1] == "type.object.name":
            reading.names.setdefault(head[1], []).append(triple[3])
        if head and tail and predicate and not predicate[1].startswith(DROPPED) and (head[1] in mids or tail[1] in mids):
            reading.facts.append((head[1], predicate[1], tail[1]))
    return reading


class Names(NameStore):
    """Remembers what a scan gave it."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, list[str]] = {}

    def add(self, entities: pa.ChunkedArray, literals: pa.ChunkedArray) -> None:
        for entity, literal in zip(entities.to_pylist(), literals.to_pylist(), strict=True):
            self.given.setdefault(entity, []).append(literal)


def ns(name: str) -> str:
    return f"<http://rdf.freebase.com/ns/{name}>"


def line(subject: str, predicate: str, object_: str) -> bytes:
    return f"{subject}\t{predicate}\t{object_}\t.".encode()


entities = st.sampled_from([ns(name) for name in ("m.0a", "m.0b", "m.0c", "g.1d", "m.0ab")])
subjects = entities | st.sampled_from([ns("film.film"), "<http://example.org/m.0a>", ns("m."), ns("m.0a b")])
predicates = st.sampled_from(
    [
        *(ns(name) for name in ("film.film.directed_by", "film.film.genre", "type.object.type", "type.object.name", "common.topic.image")),
        "<http://www.w3.org/2000/01/rdf-schema#label>",
        "<http://rdf.freebase.com/key/wikipedia.en>",
    ]
)
texts = st.text(st.characters(exclude_characters='\n\r\t"\\', exclude_categories=["Cs"]), max_size=8)
literals = st.builds(
    lambda parts, suffix: '"' + "".join(parts) + '"' + suffix,
    st.lists(texts | st.sampled_from([r"\"", r"\\", r"\n", r"\u00e9"]), max_size=3),
    st.sampled_from(["", "@en", "@de", "@es-419", "^^<http://www.w3.org/2001/XMLSchema#date>"]),
)
triples = st.builds(line, subjects, predicates, subjects | literals)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A triple with a few bytes lost, and a few others in their place."""
    good = draw(triples)
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 3)))
    inserted = draw(st.sampled_from([b"", b"\t", b"\r", b'"', b"<", b">", b"\\", b" ", b".", b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\0"]))
    return good[:start] + inserted + good[end:]


odd_lines = st.sampled_from([b"", b" ", b"# comment", b"\t\t\t.", b"<>\t<>\t<>\t.", b"<html>", b"a\tb\tc\t.", b'<a>\t<b>\t"\t.', b"\r"])
odd_lines |= st.binary(max_size=20).map(lambda content: content.replace(b"\n", b""))
dumps = st.builds(
    lambda lines, ends, final: b"".join(text + end for text, end in zip(lines, ends, strict=False)) + final,
    st.lists(triples | triples | damaged() | odd_lines, max_size=25),
    st.lists(st.sampled_from([b"\n", b"\n", b"\n", b"\r\n"]), min_size=25, max_size=25),
    st.just(b"") | triples,
)


@with_and_without_sieve
@settings(max_examples=300, deadline=None)
@example(
    text=line(ns("m.0a"), ns("film.film.genre"), ns("m.0b")) + b"\n" + line(ns("m.0a"), ns("type.object.name"), '"a\tb"@en'),
    piece_bytes=300,
    cut=0,
)
@given(text=dumps, piece_bytes=st.integers(1, 300) | st.just(1 << 20), cut=st.integers(0, 500))
def test_the_scan_is_the_slow_reading(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, piece_bytes: int, cut: int, sieved_from: int
) -> None:
    mids = ["m.0a", "g.1d"]
    expected = read_slowly(text, mids)
    path = tmp_path_factory.mktemp("dump") / "dump.gz"
    path.write_bytes(gzip.compress(text[:cut]) + gzip.compress(text[cut:]))
    scan = Scan(path, pa.array(mids), DROPPED, piece_bytes=piece_bytes, sieved_from=sieved_from)
    if len(expected.bad_lines) == expected.lines:
        with pytest.raises(PipelineError, match=f"none of its {expected.lines} lines is a triple"):
            list(scan)
        return
    with Names() as scan.names:
        assert facts_of(scan) == expected.facts
        assert {entity: literals for entity, literals in scan.names.given.items() if ENTITY.fullmatch(ns(entity))} == expected.names
    assert (scan.lines, scan.bad_lines) == (expected.lines, len(expected.bad_lines))
    assert scan.first_bad_lines == expected.bad_lines[:5]


@with_and_without_sieve
@pytest.mark.parametrize("bad_at", [[0], [4999], [2500], [0, 1, 2, 3, 4, 5, 6], [17, 2500, 2501, 4999], list(range(0, 5000, 100))])
def test_bad_lines_among_many_cost_no_good_line(tmp_path: Path, bad_at: list[int], sieved_from: int) -> None:
    lines = [line(ns(f"m.{number:04d}"), ns("film.film.genre"), ns("m.0a")) for number in range(5000)]
    for position, bad in zip(bad_at, [b"", b"\xff\xfe", b"<a>\t<b>", lines[0] + b"\t", b"x" + lines[0]] * 10, strict=False):
        lines[position] = bad
    dump = write_dump(tmp_path, lines)
    expected = read_slowly(gzip.decompress(dump.read_bytes()), ["m.0a"])
    assert expected.bad_lines == [position + 1 for position in bad_at]
    scan = Scan(dump, pa.array(["m.0a"]), sieved_from=sieved_from)
    assert facts_of(scan) == expected.facts
    assert scan.bad_lines == len(bad_at)
    assert scan.first_bad_lines == expected.bad_lines[:5]


@with_and_without_sieve
def test_lines_longer_than_any_buffer_are_read(tmp_path: Path, sieved_from: int) -> None:
    long = '"' + 20_000 * "é" + '"@en'
    lines = [
        line(ns("m.0a"), ns("film.film.genre"), ns("m.0b")),
        line(ns("m.0a"), ns("film.film.tagline"), long),
        line(ns("m.0a"), ns("film.film.genre"), ns("m.0" + 20_000 * "c")),
        line(ns("m.0z"), ns("film.film.tagline"), long + "!"),
        line(ns("m.0z"), ns("film.film.tagline"), long),
        line(ns("m.0d"), ns("film.film.genre"), ns("m.0a")),
    ]
    scan = Scan(write_dump(tmp_path, lines), pa.array(["m.0a"]), sieved_from=sieved_from)
    assert facts_of(scan) == read_slowly(b"\n".join(lines), ["m.0a"]).facts
    assert (scan.lines, scan.first_bad_lines) == (6, [4])


GOOD = line(ns("m.0a"), ns("film.film.genre"), ns("m.0b"))


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        GOOD.replace(b"\t", b" "),
        GOOD[:-2],
        GOOD + b"\t",
        GOOD + b" ",
        GOOD[1:],
        GOOD.replace(b">\t<", b"\t<", 1),
        GOOD[:-1] + b"!",
        b"<a>\tb\t<c>\t.",
        GOOD + b"\r" + GOOD,
        GOOD + b"\r\r",
        b"\xef\xbb\xbf" + GOOD,
        GOOD.replace(b"genre", b"g\xe9nre"),
        b'<a>\t<b>\t"open\t.',
        b'<a>\t<b>\t"open\\"\t.',
        b'<a>\t<b>\t"a"b"\t.',
        b'<a>\t<b>\t"a"@\t.',
        b'<a>\t<b>\t"a"@e5\t.',
        b'<a>\t<b>\t"a"@en-\t.',
        b'<a>\t<b>\t"a"^^<b\t.',
        b'<a>\t<b>\t"a"^<b>\t.',
        b"<a>\t<b>\t<c\td>\t.",
        b"<a>\t<b>\t<c\rd>\t.",
        b"<a>\t<b>\tplain\t.",
    ],
)
@with_and_without_sieve
@pytest.mark.parametrize("piece_bytes", [1, 1 << 20])
@pytest.mark.parametrize(("linked", "facts"), [("m.0a", 2), ("m.0z", 0)])
def test_what_is_no_triple_is_skipped_and_counted(
    tmp_path: Path, bad: bytes, linked: str, facts: int, piece_bytes: int, sieved_from: int
) -> None:
    """As the first line of the dump, in the middle, and as the last; alone in its piece and among good lines, of use or not."""
    assert read_slowly(bad + b"\n", []).bad_lines == [1]
    dump = write_dump(tmp_path, [bad, GOOD, bad, GOOD, bad])
    scan = Scan(dump, pa.array([linked]), piece_bytes=piece_bytes, sieved_from=sieved_from)
    assert len(facts_of(scan)) == facts
    assert (scan.lines, scan.bad_lines, scan.first_bad_lines) == (5, 3, [1, 3, 5])


@with_and_without_sieve
def test_either_side_may_be_linked(tmp_path: Path, sieved_from: int) -> None:
    path = write_dump(
        tmp_path,
        [
            line(ns("m.0film"), ns("film.film.directed_by"), ns("m.0person")),
            line(ns("m.0person"), ns("film.director.film"), ns("m.0film")),
            line(ns("m.0film"), ns("film.film.tagline"), '"Be afraid"@en'),
            line(ns("m.0film"), ns("film.film.kind"), ns("film.film")),
            line(ns("m.0film"), ns("type.object.type"), ns("m.0kind")),
            line(ns("m.0other"), ns("film.film.directed_by"), ns("m.0person")),
            line(ns("m.0film2"), ns("film.film.directed_by"), ns("m.0person")),
        ],
    )
    assert facts_of(Scan(path, pa.array(["m.0film"]), DROPPED, sieved_from=sieved_from)) == [
        ("m.0film", "film.film.directed_by", "m.0person"),
        ("m.0person", "film.director.film", "m.0film"),
    ]


@with_and_without_sieve
def test_all_entities_are_named_whether_linked_or_not(tmp_path: Path, sieved_from: int) -> None:
    lines = [
        line(ns("m.0z"), ns("type.object.name"), '"Night"@en'),
        line(ns("m.0y"), ns("type.object.kind"), '"no name"@en'),
        line(ns("m.0x"), ns("type.object.name"), r'"The \"Day\""@en'),
    ]
    with Names() as names:
        scan = Scan(write_dump(tmp_path, lines), pa.array(["m.0a"]), names=names, sieved_from=sieved_from)
        assert facts_of(scan) == []
    assert names.given == {"m.0z": ['"Night"@en'], "m.0x": [r'"The \"Day\""@en']}


def test_a_scan_can_be_read_again(tmp_path: Path) -> None:
    scan = Scan(write_dump(tmp_path, [line(ns("m.0a"), ns("film.film.genre"), ns("m.0b")), b"bad"]), pa.array(["m.0a"]))
    assert facts_of(scan) == facts_of(scan) == [("m.0a", "film.film.genre", "m.0b")]
    assert (scan.lines, scan.bad_lines, scan.first_bad_lines) == (2, 1, [2])


def test_an_empty_dump_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"dump\.gz: none of its 0 lines is a triple"):
        list(Scan(write_dump(tmp_path, []), pa.array(["m.0a"])))


def test_an_html_page_in_gzip_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"none of its 3 lines is a triple.*params\.yaml"):
        list(Scan(write_dump(tmp_path, [b"<html>", b"<body>Sign in</body>", b"</html>"]), pa.array(["m.0a"])))


@pytest.mark.mirror
@with_and_without_sieve
def test_the_real_dump_is_read_as_slowly(mirror: Path, sieved_from: int) -> None:
    links = mirror / "raw.githubusercontent.com/RUCDM/KB4Rec/master/Linkage/ml2fb.txt"
    dump = mirror / "archive.org/download/freebase-rdf-latest/freebase-rdf-latest.gz"
    mids = [row.split("\t")[1].strip() for row in links.read_text().splitlines()]
    expected = read_slowly(gzip.decompress(dump.read_bytes()), frozenset(mids))
    scan = Scan(dump, pa.array(mids), DROPPED, piece_bytes=1 << 20, sieved_from=sieved_from)
    assert facts_of(scan) == expected.facts
    assert (scan.lines, scan.bad_lines) == (expected.lines, len(expected.bad_lines)) == (281_591, 0)


def facts_of(scan: Scan) -> list[Fact]:
    return [(row["head"], row["relation"], row["tail"]) for facts in scan for row in facts.to_pylist()]


def write_dump(folder: Path, lines: list[bytes]) -> Path:
    path = folder / "dump.gz"
    path.write_bytes(gzip.compress(b"".join(text + b"\n" for text in lines)))
    return path
