"""Part of a store, and several as one."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.slices import merge, of_items, with_content, without_attributes
from mkg4rec.features.store import FeatureRows, read_features, write_features
from mkg4rec.tables import FEATURES, Modality
from tests.commands.command_line import Command, command

ROOT = Path(__file__).resolve().parents[2]

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


def test_an_item_beyond_64_bits_is_one_that_there_is_not(tmp_path: Path) -> None:
    table, _ = read_features(store(tmp_path / "a", [1, None], ["10", "40"]))
    with pytest.raises(PipelineError, match=rf"here: it has no item {10**23} \(2 of the 3"):
        of_items(table, [1, 10**23, -(10**23)], "here")


def test_of_rows_of_one_item_the_first_is_taken(tmp_path: Path) -> None:
    table, _ = read_features(store(tmp_path / "a", [1, 2, 1], ["10", "20", "30"]))
    assert of_items(table, [1, 1], "here")["vector"].to_pylist() == [[10, 0], [10, 0]]


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


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `mkg4rec features export demo` in a project whose data are links to places elsewhere."""
    project, disk, other = tmp_path / "project", tmp_path / "disk", tmp_path / "other"
    (project / "data").mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", project)
    monkeypatch.chdir(project)
    disk.mkdir()
    other.mkdir()
    (project / "data" / "demo").symlink_to(disk)
    (project / "data" / "other").symlink_to(other)
    (disk / "features").mkdir()
    (disk / "features" / "text.parquet").symlink_to(store(tmp_path / "cached", [1, 2, None], ["10", "20", "40"]))
    (project / "another.parquet").symlink_to("data/demo/features/text.parquet")
    (project / "new.parquet").symlink_to("data/demo/new.parquet")
    (project / "features").symlink_to("data/demo/features")
    (project / "loop.parquet").symlink_to("loop.parquet")
    return command(monkeypatch, capsys, "features", "export", "demo")


@pytest.mark.parametrize(
    "output",
    [
        "data/demo/features/text.parquet",
        "data/new/new.parquet",
        "metrics/../data/x.parquet",
        "{project}/data/demo/x.parquet",
        "another.parquet",
        "new.parquet",
        "features/x.parquet",
        "data/other/x.parquet",
        "../disk/features/text.parquet",
        "../cached",
    ],
)
def test_nothing_is_exported_into_the_data_of_the_pipeline(export: Command, tmp_path: Path, output: str) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    given = output.format(project=tmp_path / "project")
    said = export("text", given, "--items", "1", code=1)
    assert said == f"error: {given}: it is among the pipeline's own files, in data; give a file elsewhere.\n"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("output", ["x.parquet", "loop.parquet", "../data/x.parquet", "database/x.parquet"])
def test_elsewhere_something_is_exported(export: Command, output: str) -> None:
    assert export("text", output, "--items", "2").startswith(f"{output}: 1 rows, ")
    assert FEATURES.read(Path(output))["item_id"].to_pylist() == [2]


def test_what_cannot_be_exported_is_told_plainly(export: Command) -> None:
    assert export("text", "x.parquet", "--items", "9" * 23, code=1) == (
        f"error: data/demo/features/text.parquet: it has no item {'9' * 23} (1 of the 1 that were asked for).\n"
    )
    # Later versions of Python put no quotes around the choices.
    assert export("sound", "x.parquet", code=2).replace("'", "").endswith("invalid choice: sound (choose from visual, text, web)\n")
