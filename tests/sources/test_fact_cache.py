"""What was found is not looked for again, unless anything that decides about it has changed."""

from pathlib import Path

import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.sources import fact_cache
from mkg4rec.sources.fact_cache import FactCache, look_up
from mkg4rec.sources.neighbourhoods import Neighbourhood, find
from tests.sources.test_freebase import DROPPED, line, ns, write_dump
from tests.sources.test_neighbourhoods import around

A, B = around(1, "m.0a"), around(1, "m.0b", "m.0c")


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    facts = [line(ns(film), ns("film.film.genre"), ns("m.0genre")) for film in ("m.0a", "m.0b", "m.0c")]
    return write_dump(tmp_path, [*facts, b"bad", line(ns("m.0genre"), ns("type.object.name"), '"Western"@en')])


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many neighbourhoods each scan from here on looks."""
    scans: list[int] = []

    def counted(dump: Path, wanted: list[Neighbourhood], dropped: list[str]) -> object:
        scans.append(len(wanted))
        return find(dump, wanted, dropped)

    monkeypatch.setattr("mkg4rec.sources.fact_cache.find", counted)
    return scans


def cache(folder: Path, dump: str = "d", dropped: tuple[str, ...] = DROPPED) -> FactCache:
    return FactCache(folder / "cache", dump, dropped)


def test_one_scan_serves_all_that_were_asked_for(dump: Path, tmp_path: Path, asked: list[int]) -> None:
    first, from_cache = look_up(lambda: dump, A, [B], DROPPED, cache(tmp_path))
    assert (first, from_cache) == (find(dump, [A], DROPPED)[0], False)
    assert look_up(lambda: dump, B, [A], DROPPED, cache(tmp_path)) == (find(dump, [B], DROPPED)[0], True)
    assert asked == [2]


def test_what_is_there_is_not_looked_for_again(dump: Path, tmp_path: Path, asked: list[int]) -> None:
    look_up(lambda: dump, A, [], DROPPED, cache(tmp_path))
    look_up(lambda: dump, B, [A], DROPPED, cache(tmp_path))
    assert asked == [1, 1]


def test_the_order_of_items_makes_no_difference(dump: Path, tmp_path: Path) -> None:
    look_up(lambda: dump, B, [], DROPPED, cache(tmp_path))
    assert cache(tmp_path).read(around(1, "m.0c", "m.0b", "m.0b")) is not None


def test_another_dump_list_item_hop_or_code_is_another_entry(dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    look_up(lambda: dump, A, [], DROPPED, cache(tmp_path))
    assert cache(tmp_path).read(A) is not None
    assert cache(tmp_path, dump="e").read(A) is None
    assert cache(tmp_path, dropped=DROPPED[:1]).read(A) is None
    assert cache(tmp_path).read(around(1, "m.0a", "m.0b")) is None
    assert cache(tmp_path).read(around(2, "m.0a")) is None
    monkeypatch.setattr(fact_cache, "_code", lambda: "changed")
    assert cache(tmp_path).read(A) is None


@pytest.mark.parametrize("kind", ["facts", "names"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_entry_is_made_again(dump: Path, tmp_path: Path, asked: list[int], kind: str, damage: str) -> None:
    expected, _ = look_up(lambda: dump, A, [], DROPPED, cache(tmp_path))
    (path,) = (tmp_path / "cache").glob(f"*.{kind}.parquet")
    content = bytearray(path.read_bytes())
    content[40] ^= 0xFF
    path.write_bytes({"cut": bytes(content[:60]), "flipped": bytes(content), "empty": b""}[damage])
    assert look_up(lambda: dump, A, [], DROPPED, cache(tmp_path)) == (expected, False)
    assert look_up(lambda: dump, A, [], DROPPED, cache(tmp_path)) == (expected, True)
    assert asked == [1, 1]


def test_a_folder_that_cannot_be_written_is_named_before_the_scan(dump: Path, tmp_path: Path, asked: list[int]) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(PipelineError, match=r"cache: the fact cache cannot be written .*MKG4REC_FACT_CACHE"):
        look_up(lambda: dump, A, [], DROPPED, cache(tmp_path))
    assert asked == []


def test_what_mentions_nothing_is_kept_too(dump: Path, tmp_path: Path, asked: list[int]) -> None:
    nothing = Neighbourhood(pa.array(["m.0nobody"]), 1)
    for _ in range(2):
        found, _ = look_up(lambda: dump, nothing, [], DROPPED, cache(tmp_path))
        assert (len(found.facts), len(found.names), found.bad_lines, found.first_bad_lines) == (0, 0, 1, [4])
    assert asked == [1]
