"""Several data sets in one pass: each gets what it would have found alone."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mkg4rec.sources import neighbourhoods
from mkg4rec.sources.freebase import Scan
from mkg4rec.sources.neighbourhoods import Findings, Neighbourhood, find
from tests.sources.test_freebase import DROPPED, line, ns, triples, write_dump


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A row for each pass over a dump that is made from here on."""
    made: list[Path] = []

    class Counted(Scan):
        def __iter__(self) -> Iterator[pa.Table]:
            made.append(self.dump)
            return super().__iter__()

    monkeypatch.setattr(neighbourhoods, "Scan", Counted)
    return made


def around(hops: int, *mids: str) -> Neighbourhood:
    return Neighbourhood(pa.array(mids, pa.string()), hops)


@given(
    lines=st.lists(triples, min_size=1, max_size=30),
    asked=st.lists(
        st.builds(around, st.integers(1, 3), st.sampled_from(["m.0a", "m.0b", "m.0c", "g.1d"]), st.sampled_from(["m.0ab", "m.0none"])),
        min_size=1,
        max_size=4,
    ),
)
@settings(deadline=None, max_examples=60)
def test_together_each_finds_what_it_finds_alone(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], asked: list[Neighbourhood]
) -> None:
    dump = write_dump(tmp_path_factory.mktemp("dump"), lines)
    assert find(dump, asked, DROPPED) == [find(dump, [each], DROPPED)[0] for each in asked]


def test_all_share_a_pass_for_each_hop(tmp_path: Path, passes: list[Path]) -> None:
    dump = _chain(tmp_path)
    find(dump, [around(1, "m.0a"), around(1, "m.0c"), around(1, "m.0b")], DROPPED)
    assert len(passes) == 1
    find(dump, [around(1, "m.0a"), around(2, "m.0c")], DROPPED)
    assert len(passes) == 1 + 2


@pytest.mark.parametrize(("hops", "reached"), [(1, ["m.0b"]), (2, ["m.0b", "m.0c"]), (3, ["m.0b", "m.0c", "m.0d"])])
def test_each_hop_reaches_one_step_further(tmp_path: Path, hops: int, reached: list[str]) -> None:
    (found,) = find(_chain(tmp_path), [around(hops, "m.0a")], DROPPED)
    assert found.facts["tail"].to_pylist() == reached
    assert found.lines == 3


@pytest.mark.parametrize("hops", [1, 2])
def test_a_name_may_stand_before_what_keeps_its_entity(tmp_path: Path, hops: int) -> None:
    dump = write_dump(
        tmp_path,
        [
            line(ns("m.0a"), ns("type.object.name"), r'"R\u00e9gie \"1\""@en'),
            line(ns("m.0b"), ns("type.object.name"), '"Nacht"@de'),
            line(ns("m.0b"), ns("film.film.directed_by"), ns("m.0a")),
            line(ns("m.0b"), ns("type.object.name"), '"Night"@en'),
            line(ns("m.0b"), ns("type.object.name"), ns("m.0a")),
            line("<http://rdf.example.org/nsp/m.0b>", ns("type.object.name"), '"Another"@en'),
            line(ns("m.0far"), ns("type.object.name"), '"Far"@en'),
        ],
    )
    found: Findings = find(dump, [around(hops, "m.0b"), around(1, "m.0far")], DROPPED)[0]
    assert found.names_of(pa.array(["m.0b", "m.0a", "m.0c"])).to_pylist() == ["Night", 'Régie "1"', None]
    assert found.names["entity"].to_pylist() == ["m.0b", "m.0a"]


def _chain(folder: Path) -> Path:
    """a → b → c → d"""
    return write_dump(
        folder, [line(ns(one), ns("book.book.sequel"), ns(other)) for one, other in pairwise(["m.0a", "m.0b", "m.0c", "m.0d"])]
    )
