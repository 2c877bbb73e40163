"""`mkg4rec features` on a small catalogue that is embedded for real."""

import hashlib
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from safetensors import numpy as safetensors

from mkg4rec.tables import FEATURES
from stages import embed, encoder
from tests.commands.command_line import Command, command
from tests.stages.test_encoder_embed import ITEMS, LAYOUT, place, write_contents

__all__ = ["place"]

FIXED = pa.list_(pa.float32(), 512)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves its encoder and features for the others."""
    return tmp_path_factory.mktemp("encoded")


@pytest.fixture
def features(place: Path, encoded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run `mkg4rec features` on the embedded catalogue; gives what it printed on standard output, then on standard error."""
    if (encoded / "data").exists():
        shutil.copytree(encoded, place, dirs_exist_ok=True)
    else:
        encoder.main("demo")
        embed.main("demo")
        for folder in ("data", "cache"):
            shutil.copytree(place / folder, encoded / folder)

    return command(monkeypatch, capsys, "features")


def test_the_list_counts_what_is_there(features: Command) -> None:
    stores, cache = features().split("\nthe cache, ")
    assert [line.split()[:9] for line in stores.splitlines()[1:]] == [
        ["demo", "visual", "catalogue-clip", stores.splitlines()[1].split()[3], "float32", "512", "12", "1", "0"],
        ["demo", "text", "catalogue-clip", stores.splitlines()[1].split()[3], "float32", "512", "12", "1", "1"],
        ["demo", "web", "catalogue-clip", stores.splitlines()[1].split()[3], "float32", "512", "12", "7", "0"],
    ]
    # The vectors of pages, and those of their chunks among the texts.
    assert [line.split()[5] for line in cache.splitlines()[2:]] == ["18", "11", "5"]
    assert features("list", "ml-1m").startswith("no features yet")
    assert "no-such-set" in features("list", "no-such-set", code=1)


def test_right_features_are_verified_and_wrong_ones_named(features: Command) -> None:
    assert features("verify", "demo").count(" 0 mismatching\n") == 3
    write_contents([*ITEMS, 30], redrawn=14, rewritten=21)
    said = features("verify", "demo", code=1)
    assert "item 14: its content is another one than was embedded\n" in said
    assert (
        "web.parquet: 12 rows, 4 of 4 contents embedded again, 2 mismatching\n  item 21: its content is another one than was embedded\n"
        in said
    )
    assert said.count("item 30: the features have no row for it\n") == 3
    assert said.endswith("error: demo: the features are not those of their inputs; `dvc repro embed@demo` makes them anew.\n")


def put_vectors(vectors: list[list[float] | None], form: pa.DataType) -> None:
    """Into the features of the texts, in place of what they have."""
    path = LAYOUT.features("text")
    table = pq.read_table(path)
    pq.write_table(table.set_column(3, "vector", pa.array(vectors, form)).replace_schema_metadata(table.schema.metadata), path)


def text_vectors() -> list[list[float] | None]:
    vectors: list[list[float] | None] = FEATURES.read(LAYOUT.features("text"))["vector"].to_pylist()
    return vectors


def test_vectors_of_other_contents_are_found_by_embedding_again(features: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mkg4rec.commands.features.SAMPLE", 3)
    vectors = text_vectors()
    put_vectors([vector and [-value for value in vector] for vector in vectors], FIXED)
    before = sorted(place.rglob("*"))
    assert features("warm", "demo").count(" 0 vectors put into ") == 3
    said = features("verify", "demo", code=1)
    assert "text.parquet: 13 rows, 3 of 12 contents embedded again, 3 mismatching" in said
    assert "visual.parquet: 12 rows, 3 of 11 contents embedded again, 0 mismatching\n" in said
    assert "FEATURE_CACHE=FOLDER dvc repro --force --single-item embed@demo` with an empty FOLDER makes them anew." in said
    whole = features("verify", "demo", "--all", code=1)
    assert "text.parquet: 13 rows, 12 of 12 contents embedded again, 12 mismatching\n" in whole
    assert whole.count(": its vector is not what the encoder makes of its content\n") == 12
    assert sorted(place.rglob("*")) == before, "nothing is cached"


def test_neither_batch_size_nor_a_wrong_cache_changes_the_verdict(features: Command, place: Path) -> None:
    (folder,) = (place / "cache").glob("*-text-*")
    for shard in folder.glob("*.safetensors"):
        tensors = safetensors.load(shard.read_bytes())
        turned = safetensors.save(tensors | {"vectors": -tensors["vectors"]})
        shard.unlink()
        (folder / f"{hashlib.sha256(turned).hexdigest()}.safetensors").write_bytes(turned)
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["embed"]["batch_size"] = 5
    Path("params.yaml").write_text(yaml.safe_dump(params))
    assert features("verify", "demo", "--all").count(" 0 mismatching\n") == 3


def test_lists_of_any_length_are_read_and_merged(features: Command) -> None:
    features("export", "demo", "text", "fixed.parquet", "--items", "14", "10")
    put_vectors(text_vectors(), pa.list_(pa.float32()))
    assert features("verify", "demo").count(" 0 mismatching\n") == 3
    assert " 13 rows of 2 stores" in features("merge", "fixed.parquet", str(LAYOUT.features("text")), "--output", "all.parquet")
    put_vectors([vector and vector[:-1] for vector in text_vectors()], pa.list_(pa.float32()))
    for arguments in (("verify", "demo"), ("merge", str(LAYOUT.features("text")), "--output", "all.parquet")):
        said = features(*arguments, code=1).splitlines()[-1]
        assert said == f"error: {LAYOUT.features('text')}: its vectors have 511 numbers, and 512 by its metadata; make it again."


def test_a_faulty_store_is_not_merged(features: Command, place: Path) -> None:
    features("export", "demo", "text", "sound.parquet")
    vectors = text_vectors()
    put_vectors([[float("nan")] * 512, None, *vectors[2:]], FIXED)
    store = LAYOUT.features("text")
    said = features("merge", "sound.parquet", str(store), "--output", "all.parquet", code=1)
    named = "item 10: its vector is not finite (and 1 more such row)"
    assert said == f"error: {store}: {named}; make the file again, or leave it out.\n"
    assert not (place / "all.parquet").exists()


def test_features_of_another_encoder_are_wrong(features: Command) -> None:
    weights = LAYOUT.encoder / "weights.safetensors"
    damaged = bytearray(weights.read_bytes())
    damaged[-1] ^= 1
    weights.write_bytes(damaged)
    assert features("verify", "demo", code=1).count("; weights_sha256 was ") == 3
    assert "would be embedded again\n  the encoder changed: weights_sha256 was " in features("explain", "demo", "14")


def test_an_item_is_explained(features: Command, place: Path) -> None:
    kept = "would not be embedded again\n  the cache has the vector of this content"
    assert features("explain", "demo", "14").count(kept) == 3
    assert features("explain", "demo", "m.y").startswith(f"text: {kept}")
    assert features("explain", "demo", "14").endswith(
        "\nthis is of data/demo as it was built; `dvc status` tells what has changed since, and `dvc repro` follows it\n"
    )
    assert "visual: would not be embedded again\n  it has no content in this modality" in features("explain", "demo", "12")
    assert "is '99'" in features("explain", "demo", "99", code=1)
    write_contents(ITEMS, redrawn=14)
    assert features("explain", "demo", "14").startswith("visual: would be embedded again\n  its content changed: sha256 ")
    write_contents(ITEMS, rewritten=14)
    said = features("explain", "demo", "14")
    assert "web: would be embedded again\n  its content changed: sha256 " in said
    assert "the cache has the vectors of 1 of its 2 chunks: " in said
    shutil.rmtree(place / "cache")
    assert "text: would be embedded again\n  the cache has no vector of this content" in features("explain", "demo", "14")


def test_a_page_is_there_where_all_its_chunks_are(features: Command, place: Path) -> None:
    (folder,) = (place / "cache").glob("*-web-*")
    shutil.rmtree(folder)
    said = features("explain", "demo", "14")
    assert "web: would not be embedded again\n  the cache has no vector of this content" in said
    assert "the cache has the vectors of 2 of its 2 chunks: " in said


def test_an_item_is_explained_before_there_are_features(features: Command, place: Path) -> None:
    LAYOUT.features("text").unlink()
    said = features("explain", "demo", "14")
    assert f"text: would not be embedded again\n  there are no features yet: {LAYOUT.features('text')}\n  the cache has the vector" in said
    assert said.count("there are no features yet") == 1
    shutil.rmtree(place / "cache")
    assert f"text: would be embedded again\n  there are no features yet: {LAYOUT.features('text')}\n" in features("explain", "demo", "14")


def test_after_a_pull_only_what_is_new_is_embedded(features: Command, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(place / "cache")
    assert features("warm", "demo").count(" vectors put into ") == 3
    write_contents([*ITEMS, 30], redrawn=14)
    embed.main("demo")
    assert capsys.readouterr().out.splitlines() == [
        "visual: 12 images: 2 embedded, 10 from the cache",
        "text: 13 texts: 1 embedded, 12 from the cache",
        "web: 6 pages: 1 embedded, 5 from the cache (2 of 2 chunks through the encoder)",
    ]


def test_a_slice_is_taken_out_and_put_back(features: Command, place: Path) -> None:
    features("export", "demo", "text", "some.parquet", "--items", "14", "10")
    features("export", "demo", "text", "rest.parquet")
    assert FEATURES.read(place / "some.parquet")["item_id"].to_pylist() == [14, 10]
    assert features("merge", "some.parquet", "rest.parquet", "--output", "all.parquet").startswith("all.parquet: 13 rows of 2 stores")
    merged, before = FEATURES.read(place / "all.parquet"), FEATURES.read(LAYOUT.features("text"))
    assert merged.sort_by("entity").equals(before.sort_by("entity"))
    features("export", "demo", "text", "present.parquet", "--only-items", "--only-present")
    assert FEATURES.read(place / "present.parquet")["item_id"].to_pylist() == [item for item in ITEMS if item != 15]
    assert "whole numbers" in features("export", "demo", "text", "x.parquet", "--items", "m.y", code=1)


def test_no_folder_is_lost_to_a_file_of_its_name(features: Command, place: Path) -> None:
    before = sorted(place.rglob("*"))
    for arguments in (("export", "demo", "text", "data"), ("merge", str(LAYOUT.features("text")), "--output", "data")):
        assert features(*arguments, code=1) == "error: data: there is a folder of that name; give the Parquet file to write.\n"
    assert sorted(place.rglob("*")) == before


def test_a_place_that_cannot_be_written_is_told_in_a_line(features: Command) -> None:
    said = features("export", "demo", "text", "params.yaml/text.parquet", code=1)
    assert said == "error: params.yaml: File exists.\n"
