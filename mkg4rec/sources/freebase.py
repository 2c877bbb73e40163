"""Facts from the Freebase dump, in a streamed pass of constant memory.

The dump (https://developers.google.com/freebase, 31 GB of gzip, 3 billion lines) is N-Triples, a tab between the
fields, sorted by subject:

    <http://rdf.freebase.com/ns/m.0abc>⇥<http://rdf.freebase.com/ns/film.film.directed_by>⇥<http://rdf.freebase.com/ns/m.0def>⇥.

Of a large dump, a sieve passes over triples that say nothing of what is looked for (`triple_sieve`), some nine in ten.
Arrow's CSV reader splits the others, many lines at a time, and vectorised tests tell whether all of them are triples. Where
one is not, the lines are halved until what is bad stands in a few lines, and only there each line is held against a
regular expression: a bad line costs milliseconds and no good line is lost.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

from mkg4rec.cores import available_cores
from mkg4rec.errors import PipelineError
from mkg4rec.sources.freebase_names import NameStore
from mkg4rec.sources.gzip_lines import PIECE_BYTES, whole_lines

if TYPE_CHECKING:
    from mkg4rec.sources.triple_sieve import Sieve

FACTS = pa.schema([("head", pa.string()), ("relation", pa.string()), ("tail", pa.string())])
"""Facts between entities: MIDs (`m.…`, `g.…`) and the predicate's name (`film.film.directed_by`)."""

_NAMESPACE = "<http://rdf.freebase.com/ns/"
_NAME = f"{_NAMESPACE}type.object.name>"
_ENTITY = rf"^{re.escape(_NAMESPACE)}[mg]\.\w+>$"
_LITERAL = r'"[^"\\]*(?:\\.[^"\\]*)*"(?:@[A-Za-z]+(?:-[A-Za-z0-9]+)*|\^\^<[^\t]*>)?'
_TRIPLE = re.compile(rf"(<[^\t]*>)\t(<[^\t]*>)\t(<[^\t]*>|{_LITERAL})\t(\.)")
_FIELDS = pa.schema([(name, pa.string()) for name in ("subject", "predicate", "object", "end")])
_BAD_LINES_TOLD = 5
_FEW_BYTES = 1 << 14
_MAX_WORKERS = 8


@dataclass
class Scan:
    """One pass over a dump: iterating gives the facts that touch `mids`, a table (schema `FACTS`) for each piece of the dump.

    Memory does not grow with the dump. To serve several data sets in one pass, give the union of their MIDs
    (`mkg4rec.sources.neighbourhoods`).

    Attributes:
        dump: the gzip file.
        mids: a fact is kept if its subject or its object is one of these, and both are entities.
        drop_predicates: facts whose predicate begins with one of these are left out, as are predicates outside Freebase's namespace.
        names: where to keep the names of all entities that the pass meets; None keeps none.
        piece_bytes: unpacked bytes to work on at a time.
        sieved_from: bytes of the packed dump from which on a sieve is worth the seconds that its compiler takes to load.
        lines: lines read in the pass.
        bad_lines: of these, lines that are not triples; they were skipped.
        first_bad_lines: the numbers (from 1) of the first few.
    """

    dump: Path
    mids: pa.Array
    drop_predicates: Sequence[str] = ()
    names: NameStore | None = None
    piece_bytes: int = PIECE_BYTES
    sieved_from: int = 64 << 20
    lines: int = field(default=0, init=False)
    bad_lines: int = field(default=0, init=False)
    first_bad_lines: list[int] = field(default_factory=list, init=False)

    def __iter__(self) -> Iterator[pa.Table]:
        """Read the dump.

        Raises:
            PipelineError: the dump is missing, not gzip, damaged, or without a single triple.
        """
        self.lines, self.bad_lines, self.first_bad_lines = 0, 0, []
        touched = pc.binary_join_element_wise(_NAMESPACE, pc.unique(self.mids), ">", "")
        examine = partial(_examine, sieve=self._sieve(touched), touched=touched, drop_predicates=self.drop_predicates)
        for findings in _in_order(examine, whole_lines(self.dump, self.piece_bytes)):
            self._count(findings)
            if self.names is not None:
                self.names.add(findings.named["entity"], findings.named["literal"])
            yield findings.facts
        if self.bad_lines == self.lines:
            raise PipelineError(
                f"{self.dump}: none of its {self.lines:,} lines is a triple; it should be the Freebase RDF dump, "
                "lines of `<subject>`, `<predicate>`, `<object>` and `.` with a tab between them. Check its address in params.yaml."
            )

    def _sieve(self, touched: pa.Array) -> "Sieve | None":
        if not self.dump.is_file() or self.dump.stat().st_size < self.sieved_from:
            return None
        from mkg4rec.sources.triple_sieve import Sieve

        return Sieve(touched.cast(pa.binary()).to_pylist(), _NAME.encode())

    def _count(self, findings: "_Findings") -> None:
        told = len(self.first_bad_lines)
        self.first_bad_lines += [self.lines + position + 1 for position in findings.bad[: _BAD_LINES_TOLD - told]]
        self.lines += findings.lines
        self.bad_lines += len(findings.bad)


@dataclass(frozen=True)
class _Findings:
    """What a piece of the dump holds: facts, named entities, the number of lines, and the positions of bad ones."""

    facts: pa.Table
    named: pa.Table
    lines: int
    bad: list[int]


@dataclass(frozen=True)
class _Triples:
    """The triples among some lines, the number of lines, and the positions of those that are no triples."""

    triples: pa.Table
    lines: int
    bad: list[int]


def _in_order(function: Callable[[bytes], _Findings], pieces: Iterable[bytes]) -> Iterator[_Findings]:
    """`map` on all cores that are free to use (Arrow releases the GIL), never more than a few pieces ahead of the caller."""
    workers = min(available_cores(), _MAX_WORKERS)
    pending: deque[Future[_Findings]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for piece in pieces:
            pending.append(pool.submit(function, piece))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def _examine(piece: bytes, sieve: "Sieve | None", touched: pa.Array, drop_predicates: Sequence[str]) -> _Findings:
    lines = piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece
    read = _read(lines) if sieve is None else _sieved(lines, sieve)
    named = read.triples.filter(pc.equal(read.triples["predicate"], _NAME))
    named = named.filter(pc.starts_with(named["subject"], _NAMESPACE))
    names = pa.table({"entity": _local(named["subject"]), "literal": named["object"]})
    return _Findings(_facts(read.triples, touched, drop_predicates), names, read.lines, read.bad)


def _sieved(lines: bytes, sieve: "Sieve") -> _Triples:
    """Of all lines, the triples that stay in the sieve."""
    if not _is_utf8(lines):
        return _by_halves(lines, partial(_sieved, sieve=sieve))
    kept = sieve.keep(lines)
    read = _Triples(_split(kept.text), kept.lines, []) if kept.plain else _read(kept.text)
    return _Triples(read.triples, kept.lines, kept.positions[read.bad].tolist())


def _read(lines: bytes) -> _Triples:
    """Tell triples from bad lines."""
    triples = _parse(lines)
    return _by_halves(lines, _read) if triples is None else _Triples(triples, len(triples), [])


def _by_halves(lines: bytes, read: Callable[[bytes], _Triples]) -> _Triples:
    """Read each half of lines that cannot be read together, and few lines one by one."""
    middle = lines.find(b"\n", len(lines) // 2) + 1
    if len(lines) <= _FEW_BYTES or middle in (0, len(lines)):
        return _read_one_by_one(lines)
    first, second = read(lines[:middle]), read(lines[middle:])
    return _Triples(
        pa.concat_tables([first.triples, second.triples]),
        first.lines + second.lines,
        first.bad + [first.lines + position for position in second.bad],
    )


def _read_one_by_one(text: bytes) -> _Triples:
    fields = [_fields(line) for line in text.removesuffix(b"\n").split(b"\n")]
    good = [dict(zip(_FIELDS.names, triple, strict=True)) for triple in fields if triple]
    bad = [position for position, triple in enumerate(fields) if not triple]
    return _Triples(pa.Table.from_pylist(good, _FIELDS), len(fields), bad)


def _parse(lines: bytes) -> pa.Table | None:
    """The four fields of every line, or None if some line is not a triple.

    Agrees with `_fields`, as the field that may hold anything, the literal, is held against the same expression; but a tab in it, which
    only that knows, is a line to be read by itself.
    """
    # Arrow would take a byte order mark away and cut a line at a carriage return.
    if not lines.startswith(b"<") or b"\r" in lines:
        return None
    try:
        triples = _split(lines)
    except pa.ArrowInvalid:
        return None
    subject, predicate, object_, end = triples.columns
    is_iri = _is_iri(object_)
    others = object_.filter(pc.invert(is_iri))
    conditions = (_is_iri(subject), _is_iri(predicate), pc.match_substring_regex(others, f"^{_LITERAL}$"), pc.equal(end, "."))
    return triples if all(pc.all(condition, min_count=0).as_py() for condition in conditions) else None


def _fields(line: bytes) -> tuple[str, ...]:
    """The four fields of a triple, or none."""
    try:
        triple = None if b"\r" in line else _TRIPLE.fullmatch(line.decode())
    except UnicodeDecodeError:
        triple = None
    return triple.groups() if triple else ()


def _split(lines: bytes) -> pa.Table:
    """The tab-separated fields of `lines` as UTF-8 columns.

    Raises:
        pa.ArrowInvalid: a line has not four fields, or is not UTF-8.
    """
    if not lines:
        return _FIELDS.empty_table()
    return csv.read_csv(
        pa.BufferReader(lines),
        csv.ReadOptions(use_threads=False, block_size=len(lines) + 1, column_names=_FIELDS.names),
        csv.ParseOptions(delimiter="\t", quote_char=False, ignore_empty_lines=False),
        csv.ConvertOptions(column_types=_FIELDS),
    )


def _is_utf8(text: bytes) -> bool:
    """Whether these bytes are UTF-8, without making a text of them."""
    offsets = pa.py_buffer(np.array([0, len(text)], np.int32))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(text)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _is_iri(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.and_(pc.starts_with(values, "<"), pc.ends_with(values, ">"))


def _local(iris: pa.ChunkedArray) -> pa.ChunkedArray:
    """The names within Freebase's namespace: `m.0abc` of `<http://rdf.freebase.com/ns/m.0abc>`."""
    return pc.utf8_slice_codeunits(iris, len(_NAMESPACE), -1)


def _facts(triples: pa.Table, touched: pa.Array, drop_predicates: Sequence[str]) -> pa.Table:
    """The triples between entities with an end in `touched` and a predicate that is not to be dropped."""
    # One look-up for both ends, as each call of `is_in` builds the hash table of `touched` anew.
    ends = pa.chunked_array([*triples["subject"].chunks, *triples["object"].chunks], pa.string())
    is_near = pc.is_in(ends, touched)
    near = triples.filter(pc.or_(is_near[: len(triples)], is_near[len(triples) :]))
    dropped = [pc.starts_with(near["predicate"], _NAMESPACE + prefix) for prefix in drop_predicates]
    wanted = (
        pc.starts_with(near["predicate"], _NAMESPACE),
        pc.match_substring_regex(near["subject"], _ENTITY),
        pc.match_substring_regex(near["object"], _ENTITY),
        *map(pc.invert, dropped),
    )
    facts = near.filter(reduce(pc.and_, wanted))
    return pa.table([_local(facts[column]) for column in ("subject", "predicate", "object")], schema=FACTS)
