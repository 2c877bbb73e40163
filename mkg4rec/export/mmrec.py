"""A built data set as MMRec reads it (https://github.com/enoche/MMRec, Zhou, MM Asia 2023 Workshops, https://arxiv.org/abs/2302.03497).

One folder a data set; users and items are numbers from 0 without gaps:

- `DATASET.inter`: userID, itemID, rating, timestamp, x_label (0 train, 1 valid, 2 test), tab-separated with a header;
- `image_feat.npy`, `text_feat.npy`: float32, row i the vector of item i. An item without content gets the mean of the others, as
  MMRec's own preprocessing does; which these are is told by `missing_image_feat.csv` and `missing_text_feat.csv`. A modality that no
  item has gets no file, and MMRec goes without. It reads these two alone: there is no place for web pages;
- `u_id_mapping.csv`, `i_id_mapping.csv`: the published identifier of each number;
- `DATASET.yaml`: to be put into MMRec's `src/configs/dataset/`.
"""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mkg4rec.export.built import BuiltDataset
from mkg4rec.files import replacing
from mkg4rec.tables import Modality

LABELS = {"train": 0, "valid": 1, "test": 2}
FEATURES = {Modality.VISUAL: "image_feat", Modality.TEXT: "text_feat"}
"""What MMRec calls the vectors of a modality."""

_CONFIGURATION = """\
USER_ID_FIELD: userID
ITEM_ID_FIELD: itemID
TIME_FIELD: timestamp
inter_splitting_label: x_label
filter_out_cod_start_users: True
inter_file_name: '{name}.inter'
vision_feature_file: 'image_feat.npy'
text_feature_file: 'text_feat.npy'
user_graph_dict_file: 'user_graph_dict.npy'
field_separator: "\\t"
"""


def write(data: BuiltDataset, folder: Path) -> None:
    """Replace `folder` by MMRec's files of `data`.

    Raises:
        PipelineError: the disk is full.
    """
    items = data.catalogue["item_id"].combine_chunks()
    users = pc.unique(pa.chunked_array([chunk for part in data.parts.values() for chunk in part["user_id"].chunks])).sort()
    with replacing(folder) as temporary:
        temporary.mkdir()
        rows = [row for part, label in LABELS.items() for row in _labelled(data.parts[part], users, items, label)]
        _write(temporary / f"{data.name}.inter", ["userID", "itemID", "rating", "timestamp", "x_label"], sorted(rows))
        _write(temporary / "u_id_mapping.csv", ["user_id", "userID"], zip(users.to_pylist(), range(len(users)), strict=True))
        _write(temporary / "i_id_mapping.csv", ["item_id", "itemID"], zip(items.to_pylist(), range(len(items)), strict=True))
        for modality, name in FEATURES.items():
            vectors, missing = item_vectors(data.features[modality], len(items))
            if len(missing) < len(items):
                np.save(temporary / f"{name}.npy", vectors)
            _write(temporary / f"missing_{name}.csv", ["itemID"], ([number] for number in missing))
        (temporary / f"{data.name}.yaml").write_text(_CONFIGURATION.format(name=data.name), encoding="utf-8")


def wrote(folder: Path, name: str) -> bool:
    """Whether all that is in `folder` may be what `write` left there of the data set `name`; others keep the configuration apart."""
    always = {
        f"{name}.inter",
        f"{name}.yaml",
        "u_id_mapping.csv",
        "i_id_mapping.csv",
        *(f"missing_{file}.csv" for file in FEATURES.values()),
    }
    return folder.is_dir() and {path.name for path in folder.iterdir()} - {f"{file}.npy" for file in FEATURES.values()} == always


def item_vectors(features: pa.Table, num_items: int) -> tuple[NDArray[np.float32], list[int]]:
    """The vectors of one modality as (num_items, D), the mean of those that are there where one is missing, and the items where it is."""
    column = features["vector"].slice(0, num_items).combine_chunks()
    present = column.is_valid().to_numpy(zero_copy_only=False)
    found = column.drop_null().flatten().to_numpy().reshape(int(present.sum()), column.type.list_size)
    vectors = np.empty((num_items, column.type.list_size), np.float32)
    vectors[present] = found
    vectors[~present] = found.mean(axis=0) if len(found) else 0
    return vectors, np.flatnonzero(~present).tolist()


def _labelled(rows: pa.Table, users: pa.Array, items: pa.Array, label: int) -> list[tuple[object, ...]]:
    numbers = (pc.index_in(rows[name].combine_chunks(), known).to_pylist() for name, known in (("user_id", users), ("item_id", items)))
    ratings = rows["rating"].cast(pa.string()).to_pylist()
    return list(zip(*numbers, ratings, rows["timestamp"].to_pylist(), [label] * len(rows), strict=True))


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
