"""RecBole's atomic files, to the letter of their documentation (https://recbole.io/docs/user_guide/data/atomic_files.html)."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from mkg4rec.export import recbole
from mkg4rec.export.built import BuiltDataset

ITEMS, MIDS = ["B00A", "B00B", "B00C"], ["m.01", "m.02", "m.03"]


def _interactions(*pairs: tuple[int, int]) -> pa.Table:
    users, items = zip(*pairs, strict=True)
    columns = {"user_id": pa.array(users, pa.int64()), "item_id": pa.array([ITEMS[item] for item in items])}
    return pa.table(columns | {"rating": pa.array([3.1] * len(pairs), pa.float32()), "timestamp": pa.array([7] * len(pairs), pa.int64())})


def _data() -> BuiltDataset:
    """Four users and three items; the last item is in no triplet."""
    genres = pa.array([["Science Fiction", "Drama"], [], []], pa.list_(pa.string()))
    catalogue = {
        "item_id": ITEMS,
        "entity": MIDS,
        "title": ['"Tab"\there', "Two", "Three"],
        "year": pa.array([1999, None, None], pa.int32()),
    }
    text = "What it is about"
    return BuiltDataset(
        name="tiny",
        parts={
            "train": _interactions((1, 0), (1, 1), (2, 0), (3, 2), (4, 1)),
            "valid": _interactions((2, 1), (3, 0)),
            "test": _interactions((4, 2)),
        },
        catalogue=pa.table(catalogue | {"genres": genres}),
        descriptions=pa.table({"item_id": ["B00B"], "text": [text], "sha256": [hashlib.sha256(text.encode()).hexdigest()]}),
        entities=pa.table({"entity": [*MIDS, "m.0x"], "item_id": [*ITEMS, None], "name": pa.nulls(4, pa.string())}),
        relations=pa.table({"relation": ["film.film.genre", "film.film.sequel"], "triplets": [1, 1]}),
        triplets=pa.table(
            {name: pa.array(values, pa.int32()) for name, values in (("head", [0, 0]), ("relation", [0, 1]), ("tail", [3, 1]))}
        ),
        features={},
    )


def test_the_atomic_files_are_as_recbole_documents_them(tmp_path: Path) -> None:
    recbole.write(_data(), tmp_path / "tiny")
    head = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    train = ["1\tB00A\t3.1\t7\n", "1\tB00B\t3.1\t7\n", "2\tB00A\t3.1\t7\n", "3\tB00C\t3.1\t7\n", "4\tB00B\t3.1\t7\n"]
    valid, test = ["2\tB00B\t3.1\t7\n", "3\tB00A\t3.1\t7\n"], ["4\tB00C\t3.1\t7\n"]
    assert {path.name: path.read_text() for path in (tmp_path / "tiny").iterdir()} == {
        "tiny.train.inter": head + "".join(train),
        "tiny.valid.inter": head + "".join(valid),
        "tiny.test.inter": head + "".join(test),
        "tiny.inter": head + "".join(sorted(train + valid + test)),
        "tiny.item": (
            "item_id:token\ttitle:token_seq\tyear:token\tgenres:token_seq\tdescription:token_seq\n"
            'B00A\t"""Tab""\there"\t1999\tScience_Fiction Drama\t\n'
            "B00B\tTwo\t\t\tWhat it is about\n"
            "B00C\tThree\t\t\t\n"
        ),
        "tiny.kg": "head_id:token\trelation_id:token\ttail_id:token\nm.01\tfilm.film.genre\tm.0x\nm.01\tfilm.film.sequel\tm.02\n",
        "tiny.link": "item_id:token\tentity_id:token\nB00A\tm.01\nB00B\tm.02\n",
    }


def test_what_two_items_of_an_entity_have_in_common_stands_there_once(tmp_path: Path) -> None:
    data = _data()
    entities = pa.table({"entity": ["m.01", "m.01", "m.03", "m.0x"], "item_id": [*ITEMS, None], "name": pa.nulls(4, pa.string())})
    ends = {"head": [0, 0, 1, 1, 2], "relation": [0, 1, 0, 1, 0], "tail": [3, 2, 3, 2, 3]}
    triplets = pa.table({name: pa.array(values, pa.int32()) for name, values in ends.items()})
    catalogue = data.catalogue.set_column(1, "entity", pa.array(["m.01", "m.01", "m.03"]))
    recbole.write(replace(data, catalogue=catalogue, entities=entities, triplets=triplets), tmp_path / "tiny")
    facts = (tmp_path / "tiny" / "tiny.kg").read_text().splitlines()[1:]
    assert facts == ["m.01\tfilm.film.genre\tm.0x", "m.01\tfilm.film.sequel\tm.03", "m.03\tfilm.film.genre\tm.0x"]
    assert (tmp_path / "tiny" / "tiny.link").read_text().splitlines()[1:] == ["B00A\tm.01", "B00B\tm.01", "B00C\tm.03"]


def test_only_what_was_written_is_known_as_such(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    assert not recbole.wrote(folder, "tiny")
    recbole.write(_data(), folder)
    assert recbole.wrote(folder, "tiny")
    assert not recbole.wrote(folder, "other")
    (folder / "tiny.user").touch()
    assert not recbole.wrote(folder, "tiny")
    for name in ("tiny.user", "tiny.train.inter", "tiny.valid.inter", "tiny.test.inter"):
        (folder / name).unlink()
    # As a data set that RecBole publishes, or that somebody brings.
    assert not recbole.wrote(folder, "tiny")
