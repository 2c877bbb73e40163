"""A built data set as RecBole reads it: its "atomic files", one folder a data set.

Tab-separated text, whose header gives each column a name and a type (https://recbole.io/docs/user_guide/data/atomic_files.html):

- `DATASET.train.inter`, `DATASET.valid.inter`, `DATASET.test.inter`: the split, chosen by RecBole's `benchmark_filename`;
- `DATASET.kg`: the triplets, by published identifiers;
- `DATASET.link`: which item is which entity.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mkg4rec.files import replacing
from mkg4rec.tables import CATALOGUE, ENTITIES, INTERACTIONS, RELATIONS, TRIPLETS
from stages.layout import Layout

PARTS = ["train", "valid", "test"]
COLUMNS = {
    "inter": ["user_id", "item_id"],
    "kg": ["head_id", "relation_id", "tail_id"],
    "link": ["item_id", "entity_id"],
}
"""The columns of each kind of file; all are identifiers, RecBole's type `token`."""


def write(layout: Layout, folder: Path) -> None:
    """Replace `folder` by the atomic files of a built data set.

    Raises:
        PipelineError: the data set is not built.
    """
    parts = {part: INTERACTIONS.read(layout.split(part), COLUMNS["inter"]) for part in PARTS}
    triplets = TRIPLETS.read(layout.triplets)
    entities = ENTITIES.read(layout.entities)["entity"].combine_chunks()
    relations = RELATIONS.read(layout.relations)["relation"].combine_chunks()
    with replacing(folder) as temporary:
        temporary.mkdir()
        for part, interactions in parts.items():
            _write(interactions, "inter", temporary / f"{layout.dataset}.{part}.inter")
        _write(by_name(triplets, entities, relations), "kg", temporary / f"{layout.dataset}.kg")
        _write(links(CATALOGUE.read(layout.catalogue), triplets), "link", temporary / f"{layout.dataset}.link")


def by_name(triplets: pa.Table, entities: pa.Array, relations: pa.Array) -> pa.Table:
    """Triplets of row numbers as triplets of names."""
    names = {"head": entities, "relation": relations, "tail": entities}
    return pa.table({column: names[column].take(triplets[column].combine_chunks()) for column in triplets.column_names})


def links(catalogue: pa.Table, triplets: pa.Table) -> pa.Table:
    """Item and entity of every item that is in a triplet.

    RecBole itself leaves the others out, but not where it is given a split.
    """
    entities = pa.array(range(len(catalogue)), pa.int32())
    connected = pc.or_(*(pc.is_in(entities, triplets[column].combine_chunks()) for column in ("head", "tail")))
    return catalogue.select(["item_id", "entity"]).filter(connected)


def _write(rows: pa.Table, kind: str, path: Path) -> None:
    header = [f"{column}:token" for column in COLUMNS[kind]]
    options = csv.WriteOptions(delimiter="\t", quoting_header="none", quoting_style="none")
    csv.write_csv(rows.rename_columns(header), path, options)
