import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from mkg4rec import tables
from mkg4rec.errors import PipelineError
from mkg4rec.media.contents import (
    POSTERS_PER_BATCH,
    description_outcomes,
    description_rows,
    fetch_candidates,
    poster_candidates,
    poster_outcomes,
    poster_rows,
)
from mkg4rec.media.fetching import Poster
from mkg4rec.media.status import Failure, Outcome, Status
from mkg4rec.sources.descriptions import BrokenLine, Description, Descriptions
from mkg4rec.sources.posters import PosterAddresses
from mkg4rec.sources.published import ItemId
from tests.media.pictures import picture

SOURCE = "https://host/films.dat"
TORN = Failure(Status.BROKEN, "torn")


def kept(folder: Path, name: str, content: bytes) -> Poster:
    path = folder / name
    path.write_bytes(content)
    return Poster(path, hashlib.sha256(content).hexdigest(), 24, 36)


def test_posters_in_catalogue_order_two_items_of_one_address_and_those_without(tmp_path: Path) -> None:
    items = pa.array([9, 2, 5, 7, 4])
    addresses: dict[ItemId, str] = {
        2: "https://host/a",
        4: "https://host/a",
        5: "https://host/torn",
        7: "",
        9: "https://host/b",
        1000: "https://host/c",
    }
    published = PosterAddresses(addresses, unreadable=0, repeated=0)
    first, second = picture(seed=1), picture(seed=2)
    fetched: dict[str, Poster | Failure] = {
        "https://host/a": kept(tmp_path, "a", first),
        "https://host/b": kept(tmp_path, "b", second),
        "https://host/torn": TORN,
    }

    outcomes = poster_outcomes(items.to_pylist(), poster_candidates(items.to_pylist(), published, None), fetched)
    assert [outcome.status for outcome in outcomes] == [Status.OK, Status.OK, Status.BROKEN, Status.MISSING, Status.OK]
    assert outcomes[2] == Outcome(Status.BROKEN, "torn", "https://host/torn")
    assert outcomes[3].address == "" != outcomes[3].reason

    rows = poster_rows(items, outcomes, fetched)
    tables.POSTERS.check(rows, tmp_path)
    assert rows["item_id"].to_pylist() == [9, 2, 4]
    assert rows["image"].to_pylist() == [second, first, first]
    assert rows["sha256"].to_pylist() == [hashlib.sha256(image).hexdigest() for image in (second, first, first)]
    assert (rows["width"].to_pylist(), rows["height"].to_pylist()) == ([24] * 3, [36] * 3)


def test_many_posters_come_in_batches_and_none_is_lost(tmp_path: Path) -> None:
    items = pa.array([f"{number:05}" for number in range(2 * POSTERS_PER_BATCH + 1)])
    fetched: dict[str, Poster | Failure] = {f"https://host/{item}": kept(tmp_path, item, item.encode()) for item in items.to_pylist()}
    outcomes = [Outcome.ok(f"https://host/{item}") for item in items.to_pylist()]
    rows = poster_rows(items, outcomes, fetched)
    assert rows["item_id"].to_pylist() == items.to_pylist()
    assert rows["image"].to_pylist() == [item.encode() for item in items.to_pylist()]
    assert rows["image"].num_chunks == 3


def test_no_poster_at_all_is_an_empty_table(tmp_path: Path) -> None:
    rows = poster_rows(pa.array(["a"]), [Outcome.failed(TORN, "https://host/a")], {"https://host/a": TORN})
    tables.POSTERS.check(rows, tmp_path)
    assert rows.num_rows == 0


def test_a_file_that_changed_after_it_was_decoded_is_an_error(tmp_path: Path) -> None:
    poster = kept(tmp_path, "a", picture(seed=1))
    poster.path.write_bytes(picture(seed=2))
    with pytest.raises(PipelineError, match="changed"):
        poster_rows(pa.array([1]), [Outcome.ok("https://host/a")], {"https://host/a": poster})


def test_descriptions_and_where_each_comes_from(tmp_path: Path) -> None:
    items = pa.array(["b", "a", "c", "d"])
    published = Descriptions({"a": Description(4, "A film."), "b": Description(1, "")}, {"c": BrokenLine(3, 10)}, unreadable=0, repeated=0)
    outcomes = description_outcomes(items.to_pylist(), published, SOURCE)
    assert [(outcome.status, outcome.address) for outcome in outcomes] == [
        (Status.MISSING, f"{SOURCE}#L1"),
        (Status.OK, f"{SOURCE}#L4"),
        (Status.BROKEN, f"{SOURCE}#L3"),
        (Status.MISSING, SOURCE),
    ]
    assert [bool(outcome.reason) for outcome in outcomes] == [True, False, True, True]
    assert "10 fields" in outcomes[2].reason
    rows = description_rows(items, outcomes, published)
    tables.DESCRIPTIONS.check(rows, tmp_path)
    assert rows.to_pylist() == [{"item_id": "a", "text": "A film.", "sha256": hashlib.sha256(b"A film.").hexdigest()}]


def test_a_second_address_is_asked_only_for_items_without_a_poster(tmp_path: Path) -> None:
    items: list[int | str] = ["0306406152", "080442957X", "0001055178", "B00X"]
    published = PosterAddresses({items[0]: "https://a/1", items[1]: "https://a/torn", items[3]: "https://a/torn"}, unreadable=0, repeated=0)
    candidates = poster_candidates(items, published, "https://b/{isbn}")
    assert list(candidates.values()) == [
        ["https://a/1", "https://b/0306406152"],
        ["https://a/torn", "https://b/080442957X"],
        ["https://b/0001055178"],
        ["https://a/torn"],
    ]
    there = {"https://a/1": kept(tmp_path, "1", picture(seed=1)), "https://b/080442957X": kept(tmp_path, "2", picture(seed=2))}
    asked: list[list[str]] = []

    def fetch(addresses: list[str]) -> dict[str, Poster | Failure]:
        asked.append(addresses)
        return {address: there.get(address, TORN) for address in addresses}

    fetched = fetch_candidates(candidates, fetch)
    assert asked == [["https://a/1", "https://a/torn", "https://b/0001055178"], ["https://b/080442957X"]]
    outcomes = poster_outcomes(items, candidates, fetched)
    assert [outcome.address for outcome in outcomes] == ["https://a/1", "https://b/080442957X", "https://b/0001055178", "https://a/torn"]
    assert [outcome.status for outcome in outcomes] == [Status.OK, Status.OK, Status.BROKEN, Status.BROKEN]
    assert fetch_candidates({}, fetch) == {}


def test_the_reasons_of_all_addresses_are_told() -> None:
    gone, torn = Failure(Status.MISSING, "gone"), TORN
    fetched = {"https://a/1": gone, "https://b/1": torn, "https://b/2": gone, "http://[bad": gone}
    candidates: dict[int | str, list[str]] = {
        1: ["https://a/1", "https://b/1"],
        2: ["https://a/1", "https://b/2"],
        3: ["http://[bad", "https://b/2"],
        4: [],
    }
    nowhere = Failure(Status.MISSING, "nowhere")
    outcomes = poster_outcomes([1, 2, 3, 4], candidates, fetched, nowhere)
    assert outcomes == [
        Outcome(Status.BROKEN, "a: gone; b: torn", "https://b/1"),
        Outcome(Status.MISSING, "a: gone; b: gone", "https://b/2"),
        Outcome(Status.MISSING, "http://[bad: gone; b: gone", "https://b/2"),
        Outcome(Status.MISSING, "nowhere", ""),
    ]
