"""A built data set as RecBole reads it: its "atomic files", one folder a data set.

Tab-separated text, whose header gives each column a name and a type (https://recbole.io/docs/user_guide/data/atomic_files.html):

- `DATASET.train.inter`, `DATASET.valid.inter`, `DATASET.test.inter`: the split, chosen by RecBole's `benchmark_filename`;
- `DATASET.inter`: all of it, for a split of RecBole's own;
- `DATASET.item`: what is known of the items;
- `DATASET.kg`: the triplets, by published identifiers;
- `DATASET.link`: which item is which entity.
"""

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.export.built import BuiltDataset
from mkg4rec.files import replacing

PARTS = ["train", "valid", "test"]
COLUMNS = {
    "inter": {"user_id": "token", "item_id": "token", "rating": "float", "timestamp": "float"},
    "item": {"item_id": "token", "title": "token_seq", "year": "token", "genres": "token_seq", "description": "token_seq"},
    "kg": {"head_id": "token", "relation_id": "token", "tail_id": "token"},
    "link": {"item_id": "token", "entity_id": "token"},
}
"""The columns of each kind of file, with RecBole's types."""


def write(data: BuiltDataset, folder: Path) -> None:
    """Replace `folder` by the atomic files of `data`.

    Raises:
        PipelineError: the disk is full.
    """
    with replacing(folder) as temporary:
        temporary.mkdir()
        for part in PARTS:
            _write(data.parts[part], "inter", temporary / f"{data.name}.{part}.inter")
        everything = pa.concat_tables([data.parts[part] for part in PARTS])
        _write(everything.sort_by([("user_id", "ascending"), ("item_id", "ascending")]), "inter", temporary / f"{data.name}.inter")
        _write(described(data.catalogue, data.descriptions), "item", temporary / f"{data.name}.item")
        entities, relations = data.entities["entity"].combine_chunks(), data.relations["relation"].combine_chunks()
        _write(by_name(data.triplets, entities, relations), "kg", temporary / f"{data.name}.kg")
        _write(links(data.catalogue, data.triplets), "link", temporary / f"{data.name}.link")


def wrote(folder: Path, name: str) -> bool:
    """Whether all that is in `folder` may be what `write` left there of the data set `name`: the split is, which no published one has."""
    files = {f"{name}.{kind}" for kind in (*COLUMNS, *(f"{part}.inter" for part in PARTS))}
    return folder.is_dir() and {path.name for path in folder.iterdir()} == files


def by_name(triplets: pa.Table, entities: pa.Array, relations: pa.Array) -> pa.Table:
    """Triplets of row numbers as triplets of names, in their order; what is known of two items of one name stands there once."""
    names = {"head": entities, "relation": relations, "tail": entities}
    named = pa.table({column: names[column].take(triplets[column].combine_chunks()) for column in triplets.column_names})
    return named.group_by(named.column_names, use_threads=False).aggregate([])


def links(catalogue: pa.Table, triplets: pa.Table) -> pa.Table:
    """Item and entity of every item that is in a triplet.

    RecBole itself leaves the others out, but not where it is given a split.
    """
    entities = pa.array(range(len(catalogue)), pa.int32())
    connected = pc.or_(*(pc.is_in(entities, triplets[column].combine_chunks()) for column in ("head", "tail")))
    return catalogue.select(["item_id", "entity"]).filter(connected)


def described(catalogue: pa.Table, descriptions: pa.Table) -> pa.Table:
    """Title, year, genres and description of every item; genres of several words keep together by underscores."""
    position = pc.index_in(catalogue["item_id"].combine_chunks(), descriptions["item_id"].combine_chunks())
    genres = [" ".join("_".join(genre.split()) for genre in of_item) for of_item in catalogue["genres"].to_pylist()]
    return pa.table(
        {
            "item_id": catalogue["item_id"],
            "title": catalogue["title"],
            "year": catalogue["year"],
            "genres": pa.array(genres, pa.string()),
            "description": descriptions["text"].combine_chunks().take(position),
        }
    )


def _write(rows: pa.Table, kind: str, path: Path) -> None:
    """`rows` as text. A field with a tab, a quote or a line end in it is quoted as in CSV, which RecBole's reader (pandas) undoes."""
    columns = [_shortest(column).to_pylist() for column in rows.columns]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([f"{name}:{kind_of_value}" for name, kind_of_value in COLUMNS[kind].items()])
        writer.writerows(zip(*columns, strict=True))


def _shortest(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """float32 as the shortest text that gives it back: 0.1 and not the 0.10000000149… of the same number in float64."""
    return column.cast(pa.string()) if pa.types.is_float32(column.type) else column
