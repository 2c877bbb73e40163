"""Part of a store, and several as one."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.slices import merge, of_items, with_content, without_attributes
from mkg4rec.features.store import FeatureRows, read_features, write_features
from mkg4rec.tables import FEATURES, Modality

PROVENANCE = Provenance(Modality.TEXT, "model/tag", "ab" * 32, '{"version": 1}', "float32", 2)


def store(path: Path, items: list[int | None], contents: list[str | None], provenance: Provenance = PROVENANCE) -> Path:
    """Vectors whose first entry is the number in the content."""
    numbers = [float(content) for content in contents if content]
    rows = FeatureRows(
        pa.array([f"m.{row if item is None else item}" for row, item in enumerate(items)]),
        pa.array(items, pa.int64()),
        pa.array(contents, pa.string()),
        np.array([[number, 0] for number in numbers], np.float32).reshape(-1, 2),
    )
    write_features(path, rows, provenance)
    return path


def test_a_slice_has_the_order_that_was_asked_for(tmp_path: Path) -> None:
    table, _ = read_features(store(tmp_path / "a", [1, 2, 3, None], ["10", None, "30", "40"]))
    assert of_items(table, [3, 1], "here")["vector"].to_pylist() == [[30, 0], [10, 0]]
    assert without_attributes(table)["item_id"].to_pylist() == [1, 2, 3]
    assert with_content(table)["item_id"].to_pylist() == [1, 3, None]
    with pytest.raises(PipelineError, match=r"here: it has no item 7 \(1 of the 2"):
        of_items(table, [3, 7], "here")


def test_stores_of_one_encoder_become_one(tmp_path: Path) -> None:
    a = store(tmp_path / "a", [1, 2, None], ["10", None, "50"])
    b = store(tmp_path / "b", [2, 1, 3, None], ["20", "10", None, "60"])
    table, provenance = merge([a, b])
    assert provenance == PROVENANCE
    assert table["item_id"].to_pylist() == [1, 2, 3, None, None]
    assert table["entity"].to_pylist()[3:] == ["m.2", "m.3"]
    assert table["vector"].to_pylist() == [[10, 0], [20, 0], None, [50, 0], [60, 0]]
    FEATURES.write(table, tmp_path / "c", provenance.to_metadata())
    assert merge([tmp_path / "c", a, b])[0].equals(table)


def test_another_content_is_an_error_or_wins(tmp_path: Path) -> None:
    a, b = store(tmp_path / "a", [1], ["10"]), store(tmp_path / "b", [1], ["11"])
    with pytest.raises(PipelineError, match=rf"^{b}: its content of item 1 is another one than in {a} .*--last-wins"):
        merge([a, b])
    assert merge([a, b], last_wins=True)[0]["vector"].to_pylist() == [[11, 0]]


@pytest.mark.parametrize(("attribute", "value"), [("encoder", "other"), ("precision", "bfloat16"), ("weights_sha256", "cd" * 32)])
def test_vectors_that_were_made_in_another_way_are_an_error(tmp_path: Path, attribute: str, value: str) -> None:
    a, b = (
        store(tmp_path / "a", [1], ["10"]),
        store(tmp_path / "b", [2], ["20"], Provenance.from_metadata(PROVENANCE.to_metadata() | {attribute: value}, "b")),
    )
    with pytest.raises(PipelineError, match=f"{attribute} was .*, is {value}"):
        merge([a, b])
