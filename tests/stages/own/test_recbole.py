"""RecBole's atomic files as a data set of the user, read, written and read again."""

import csv
import shutil
from pathlib import Path

import pytest

from mkg4rec import tables
from mkg4rec.export import recbole
from stages.built import built_dataset
from tests.stages.own.workplace import LAYOUT, NAME, Workplace

ATOMIC = {
    "inter": "user_id:token\titem_id:token\trating:float\ttimestamp:float\n",
    "item": "item_id:token\ttitle:token_seq\tdescription:token_seq\trelease_year:token\tclass:token_seq\n",
    "kg": "head_id:token\trelation_id:token\ttail_id:token\n",
    "link": "item_id:token\tentity_id:token\n",
}


@pytest.fixture
def atomic(workplace: Workplace) -> Workplace:
    """Three users, four items of which one has no link, and a graph that reaches three steps far."""
    shutil.rmtree(workplace.own)
    workplace.own.mkdir(parents=True)
    rows: dict[str, list[tuple[object, ...]]] = {
        "inter": [(user, item, 4.5, 10 * ord(user) + int(item)) for user in "abc" for item in ("01", "1", "2", "30")],
        "item": [
            ("01", 'The "first" one', "Long ago", "1995", "Drama Sci-Fi Drama"),
            ("1", "Second", "", "V", ""),
            ("2", "", "x", "1996.0", "War"),
            ("30", '"Quoted" from the start', "y z", "", ""),
        ],
        "kg": [("m.a", "likes", "m.x"), ("m.b", "likes", "m.x"), ("m.x", "in", "m.y"), ("m.y", "in", "m.z"), ("m.c", "next to", "m.a")],
        "link": [("01", "m.a"), ("1", "m.b"), ("2", "m.c")],
    }
    for kind, values in rows.items():
        with (workplace.own / f"tiny.{kind}").open("w", encoding="utf-8", newline="") as file:
            file.write(ATOMIC[kind])
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows(values)
    workplace.sources.clear()
    workplace.sources.update(format="recbole", name="tiny", rating="rating", time="timestamp", scale=[0.5, 5.0])
    workplace.sources.update(title="title", description="description", year="release_year", genres="class", images=None)
    workplace.dataset["kg"] |= {"hops": None, "min_entity_triplets": 1, "min_relation_triplets": 1}
    workplace.dataset["media"]["max_missing_descriptions"] = 0.5
    workplace.params["split"] |= {"valid": 0.25, "test": 0.25}
    return workplace


def test_a_round_trip_keeps_interactions_links_and_triples(atomic: Workplace) -> None:
    atomic.build()
    recbole.write(built_dataset(LAYOUT), Path("out") / NAME)
    given, written = atomic.own / "tiny", Path("out") / NAME / NAME
    for kind in ("kg", "link"):
        assert _atomic_rows(written, kind) == _atomic_rows(given, kind)
    assert _atomic_rows(written, "inter") == _atomic_rows(given, "inter")
    assert _atomic_rows(written, "item") == {
        ("01", 'The "first" one', "1995", "Drama Sci-Fi", "Long ago"),
        ("1", "Second", "", "", ""),
        ("2", "item 2", "1996", "War", "x"),
        ("30", '"Quoted" from the start', "", "", "y z"),
    }
    parts = [_atomic_rows(written, f"{part}.inter") for part in ("train", "valid", "test")]
    assert set.union(*parts) == _atomic_rows(given, "inter")
    assert sum(map(len, parts)) == 12

    # What was written is read again, and comes out the same.
    shutil.rmtree(atomic.own)
    shutil.copytree(Path("out") / NAME, atomic.own)
    atomic.sources |= {"name": NAME, "year": "year", "genres": "genres"}
    atomic.build()
    recbole.write(built_dataset(LAYOUT), Path("again") / NAME)
    for path in (Path("out") / NAME).iterdir():
        assert (Path("again") / NAME / path.name).read_bytes() == path.read_bytes()


def _atomic_rows(stem: Path, kind: str) -> set[tuple[str | float, ...]]:
    with Path(f"{stem}.{kind}").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    floats = [name.endswith(":float") for name in header]
    return {tuple(float(value) if is_float else value for value, is_float in zip(row, floats, strict=True)) for row in rows}


def test_an_item_without_a_link_stays_without_facts(atomic: Workplace) -> None:
    atomic.build()
    catalogue = tables.CATALOGUE.read(LAYOUT.catalogue)
    assert dict(zip(catalogue["item_id"].to_pylist(), catalogue["entity"].to_pylist(), strict=True))["30"] == "item:30"


def test_interactions_alone_are_a_data_set(atomic: Workplace) -> None:
    for kind in ("item", "kg", "link"):
        (atomic.own / f"tiny.{kind}").unlink()
    atomic.sources |= {"title": None, "description": None, "year": None, "genres": None}
    atomic.build()
    assert len(tables.INTERACTIONS.read(LAYOUT.positives)) == 12


@pytest.mark.parametrize(
    ("kind", "old", "new", "complaint"),
    [
        ("inter", "rating:float", "rating", "tiny.inter:1: the header has 'rating'; RecBole's atomic files say `name:type`"),
        ("inter", "rating:float", "rating:number", "tiny.inter:1: the header has 'rating:number'; RecBole's atomic files say"),
        ("kg", "head_id:token", "head:token", "tiny.kg:1: there is no column 'head_id', in which params.yaml looks for the head"),
        ("link", "1\tm.b", "01\tm.b", "tiny.link:3: column entity_id is 'm.b': item '01' is linked to 'm.a' by an earlier row"),
    ],
)
def test_bad_atomic_files_are_told(atomic: Workplace, kind: str, old: str, new: str, complaint: str) -> None:
    atomic.rewrite(
        f"tiny.{kind}", lambda text: text.replace(f"\n{old}", f"\n{new}") if old in text.partition("\n")[2] else text.replace(old, new)
    )
    assert atomic.complaint().startswith(f"own/reading-club/{complaint}")


def test_a_graph_without_its_links_is_told(atomic: Workplace) -> None:
    (atomic.own / "tiny.link").unlink()
    assert atomic.complaint().startswith("own/reading-club/tiny.link: there is no such file.")
