"""MMRec's files, read back as MMRec's own loaders read them (`src/utils/dataset.py`, `src/common/abstract_recommender.py`)."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from mkg4rec.export import mmrec
from mkg4rec.export.built import BuiltDataset
from mkg4rec.tables import Modality

USERS, ITEMS = ["01", "1", "a b"], ["x", "y", "z"]
PARTS = {"train": [("01", "x"), ("1", "y"), ("a b", "z")], "valid": [("01", "y")], "test": [("1", "x"), ("a b", "x")]}
VECTORS = [[0.6, 0.8], None, [0.0, 1.0]]


def _interactions(pairs: list[tuple[str, str]]) -> pa.Table:
    users, items = zip(*pairs, strict=True)
    ratings, times = pa.array([4.1] * len(pairs), pa.float32()), pa.array(range(len(pairs)), pa.int64())
    return pa.table({"user_id": users, "item_id": items, "rating": ratings, "timestamp": times})


def _features(vectors: list[list[float] | None]) -> pa.Table:
    """The items', and that of an attribute after them."""
    rows = [*vectors, [1.0, 0.0]]
    columns = {"entity": [*ITEMS, "genre"], "item_id": [*ITEMS, None], "sha256": [vector and "0" for vector in rows]}
    return pa.table({**columns, "vector": pa.array(rows, pa.list_(pa.float32(), 2))})


@pytest.fixture
def written(tmp_path: Path) -> Path:
    nothing = pa.table({})
    data = BuiltDataset(
        name="tiny",
        parts={part: _interactions(pairs) for part, pairs in PARTS.items()},
        catalogue=pa.table({"item_id": ITEMS}),
        descriptions=nothing,
        entities=nothing,
        relations=nothing,
        triplets=nothing,
        features={Modality.VISUAL: _features([None, None, None]), Modality.TEXT: _features(VECTORS)},
    )
    mmrec.write(data, tmp_path / "tiny")
    return tmp_path / "tiny"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_interaction_stands_in_its_part_by_numbers_without_gaps(written: Path) -> None:
    users = {row["userID"]: row["user_id"] for row in _rows(written / "u_id_mapping.csv")}
    items = {row["itemID"]: row["item_id"] for row in _rows(written / "i_id_mapping.csv")}
    assert [*users] == [*items] == ["0", "1", "2"]
    rows = _rows(written / "tiny.inter")
    for part, label in (("train", "0"), ("valid", "1"), ("test", "2")):
        assert {(users[row["userID"]], items[row["itemID"]]) for row in rows if row["x_label"] == label} == set(PARTS[part])
    assert len(rows) == 6
    assert {row["rating"] for row in rows} == {"4.1"}


def test_row_i_is_the_vector_of_item_i_and_the_mean_where_there_is_none(written: Path) -> None:
    items = [row["item_id"] for row in _rows(written / "i_id_mapping.csv")]
    vectors = np.load(written / "text_feat.npy")
    assert items == ITEMS
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [[0.6, 0.8], [0.3, 0.9], [0.0, 1.0]], rtol=1e-6)
    assert _rows(written / "missing_text_feat.csv") == [{"itemID": "1"}]


def test_a_modality_that_no_item_has_gets_no_file(written: Path) -> None:
    assert not (written / "image_feat.npy").exists()
    assert len(_rows(written / "missing_image_feat.csv")) == 3


def test_the_configuration_names_what_is_written(written: Path) -> None:
    settings = yaml.safe_load((written / "tiny.yaml").read_text(encoding="utf-8"))
    assert (written / settings["inter_file_name"]).exists()
    assert (written / settings["text_feature_file"]).exists()
    header = (written / "tiny.inter").read_text(encoding="utf-8").partition("\n")[0].split(settings["field_separator"])
    assert {settings["USER_ID_FIELD"], settings["ITEM_ID_FIELD"], settings["inter_splitting_label"], settings["TIME_FIELD"]} <= set(header)


def test_only_what_was_written_is_known_as_such(written: Path) -> None:
    assert mmrec.wrote(written, "tiny")
    assert not mmrec.wrote(written, "other")
    (written / "image_feat.npy").touch()
    assert mmrec.wrote(written, "tiny")
    (written / "tiny.yaml").unlink()
    assert not mmrec.wrote(written, "tiny")
