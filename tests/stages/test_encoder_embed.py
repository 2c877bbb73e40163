"""The stages encoder and embed in a working directory of their own, on a few planted posters and texts."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from mkg4rec import tables
from mkg4rec.errors import PipelineError
from mkg4rec.features.store import read_aligned, read_features
from stages import embed, encoder
from stages.layout import Layout
from tests.features.pictures import COLOURS, picture

ROOT = Path(__file__).resolve().parents[2]
LAYOUT = Layout("demo")
ITEMS = list(range(10, 22))
WITHOUT_POSTER, WITHOUT_TEXT = 12, 15
WITHOUT_PAGE = (11, 13, 16, 17, 18, 19, 20)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks to the stages like the root of the repository, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MKG4REC_FEATURE_CACHE", str(tmp_path / "cache"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    set_encoder(epochs=2, batch_size=4)
    write_contents(ITEMS)
    return tmp_path


def set_encoder(**values: Any) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["datasets"]["demo"]["encoder"] |= values
    params["embed"] |= {"device": "cpu", "batch_size": 8}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def page(item: int) -> str:
    """Of some sixty tokens, so that it does not fit into one chunk with another."""
    return f"A film of {item} nights. " + "It goes on and on, as films of its kind do, and nobody minds. " * 4


def write_contents(items: list[int], redrawn: int | None = None, rewritten: int | None = None) -> None:
    """Tables as the stages before leave them.

    The poster of the item `redrawn` is another one than usual, and the page of the item `rewritten` has another end.
    """
    colours = [list(COLOURS)[item % 4] for item in items]
    images = [picture(colour, item + (1000 if item == redrawn else 0)) for item, colour in zip(items, colours, strict=True)]
    catalogue = pa.table(
        {
            "item_id": items,
            "entity": [f"m.{item}" for item in items],
            "title": [f"Film {item}" for item in items],
            "year": pa.array([1990] * len(items), pa.int32()),
            "genres": [["Drama"]] * len(items),
        }
    )
    posters = pa.table(
        {
            "item_id": items,
            "image": images,
            "sha256": [""] * len(items),
            "width": pa.array([48] * len(items), pa.int32()),
            "height": pa.array([72] * len(items), pa.int32()),
        }
    ).filter(pa.array([item != WITHOUT_POSTER for item in items]))
    descriptions = pa.table({"item_id": items, "text": [f"a story in {colour}" for colour in colours], "sha256": [""] * len(items)})
    with_page = [item for item in items if item not in WITHOUT_PAGE]
    texts = [f"{page(item)}{'Until now.' if item == rewritten else ''}" for item in with_page]
    pages = pa.table({"item_id": with_page, "text": texts, "sha256": [""] * len(with_page)})
    entities = pa.table(
        {
            "entity": [*catalogue["entity"].to_pylist(), "m.y", "m.z"],
            "item_id": pa.array([*items, None, None]),
            "name": [*catalogue["title"].to_pylist(), "Ada Lovelace", None],
        }
    )
    tables.CATALOGUE.write(catalogue, LAYOUT.catalogue)
    tables.POSTERS.write(posters, LAYOUT.posters)
    tables.DESCRIPTIONS.write(descriptions.filter(pa.array([item != WITHOUT_TEXT for item in items])), LAYOUT.descriptions)
    tables.PAGES.write(pages, LAYOUT.pages)
    tables.ENTITIES.write(entities, LAYOUT.entities)


def embedded(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run embed; what it printed, a line per modality."""
    capsys.readouterr()
    embed.main("demo")
    return capsys.readouterr().out.splitlines()


@pytest.mark.usefixtures("place")
def test_from_contents_to_features(capsys: pytest.CaptureFixture[str]) -> None:
    encoder.main("demo")
    assert {path.name for path in LAYOUT.encoder.iterdir()} == {"weights.safetensors", "architecture.json", "log.csv"}
    with (LAYOUT.encoder / "log.csv").open(encoding="utf-8") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["1", "2"]
    assert embedded(capsys) == [
        "visual: 11 images: 11 embedded, 0 from the cache",
        "text: 12 texts: 12 embedded, 0 from the cache",
        "web: 5 pages: 5 embedded, 0 from the cache (6 of 10 chunks through the encoder)",
    ]
    visual, text, web = (tables.FEATURES.read(LAYOUT.features(modality)) for modality in ("visual", "text", "web"))
    assert web["item_id"].to_pylist() == ITEMS
    assert [item for item, vector in zip(ITEMS, web["vector"].to_pylist(), strict=True) if vector is None] == list(WITHOUT_PAGE)
    assert visual["item_id"].to_pylist() == ITEMS
    assert text["item_id"].to_pylist() == [*ITEMS, None]
    assert text["entity"].to_pylist() == [*(f"m.{item}" for item in ITEMS), "m.y"]
    for table, without in ((visual, WITHOUT_POSTER), (text, WITHOUT_TEXT)):
        missing = [item == without for item in table["item_id"].to_pylist()]
        assert [vector is None for vector in table["vector"].to_pylist()] == missing
        assert [sha256 is None for sha256 in table["sha256"].to_pylist()] == missing
    aligned = read_aligned(LAYOUT.features("text"), tables.ENTITIES.read(LAYOUT.entities))
    assert aligned.present.tolist() == [item != WITHOUT_TEXT for item in ITEMS] + [True, False]
    np.testing.assert_allclose(aligned.vectors.norm(dim=1), aligned.present.float(), atol=1e-6)
    assert read_features(LAYOUT.features("text"))[1].encoder == "catalogue-clip"


def test_the_same_again_is_the_same_bytes(place: Path) -> None:
    outputs = []
    for run in ("first", "second"):
        encoder.main("demo")
        embed.main("demo")
        folders = (LAYOUT.encoder, LAYOUT.features("visual").parent)
        outputs.append({path.name: path.read_bytes() for folder in folders for path in folder.iterdir()})
        (place / "cache").rename(place / run)  # The second run computes all anew.
    assert len(outputs[0]) == 6
    assert outputs[0] == outputs[1]


@pytest.mark.usefixtures("place")
def test_only_what_is_new_is_embedded(capsys: pytest.CaptureFixture[str]) -> None:
    encoder.main("demo")
    embedded(capsys)
    write_contents([*ITEMS, 30, 31])
    assert embedded(capsys)[0] == "visual: 13 images: 2 embedded, 11 from the cache"
    write_contents([*ITEMS, 30, 31], redrawn=14)
    assert embedded(capsys) == [
        "visual: 13 images: 1 embedded, 12 from the cache",
        "text: 14 texts: 0 embedded, 14 from the cache",
        "web: 7 pages: 0 embedded, 7 from the cache",
    ]
    set_encoder(seed=1)
    encoder.main("demo")
    assert embedded(capsys)[0] == "visual: 13 images: 13 embedded, 0 from the cache"


def test_a_damaged_cache_file_is_reported_and_made_again(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    encoder.main("demo")
    embedded(capsys)
    before = pq.read_table(LAYOUT.features("visual"))
    (shard,) = (place / "cache").glob("*visual*/*.safetensors")
    shard.write_bytes(b"damaged")
    printed = embedded(capsys)
    assert printed[0] == "visual: 11 images: 11 embedded, 0 from the cache"
    assert str(shard) in printed[1]
    assert pq.read_table(LAYOUT.features("visual")).equals(before)


@pytest.mark.usefixtures("place")
def test_without_pairs_the_texts_alone_are_learned(capsys: pytest.CaptureFixture[str]) -> None:
    write_contents([WITHOUT_POSTER, WITHOUT_TEXT, 16])
    encoder.main("demo")
    assert "1 pairs of poster and text, so trained on 2 texts alone" in capsys.readouterr().out
    embed.main("demo")


@pytest.mark.usefixtures("place")
def test_too_few_contents_leave_no_folder() -> None:
    write_contents([WITHOUT_TEXT, 16])
    with pytest.raises(PipelineError, match="at least; there are 1 texts"):
        encoder.main("demo")
    assert not LAYOUT.encoder.exists()


@pytest.mark.usefixtures("place")
def test_an_unknown_tag_lists_the_known_and_says_what_to_set() -> None:
    set_encoder(model="ViT-B-32", pretrained="laion3b")
    with pytest.raises(PipelineError, match="laion2b_s34b_b79k") as caught:
        encoder.main("demo")
    assert "-S datasets.demo.encoder.model=catalogue-clip -S datasets.demo.encoder.pretrained=null" in str(caught.value)


def test_weights_that_cannot_be_downloaded_are_one_message(place: Path) -> None:
    set_encoder(model="ViT-B-32", pretrained="laion2b_s34b_b79k")
    done = subprocess.run(
        [sys.executable, "-m", "stages.encoder", "demo"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(place / "hub")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: encoder.pretrained: the weights laion2b_s34b_b79k of ViT-B-32 cannot be downloaded")
    assert "-S datasets.demo.encoder.pretrained=null" in done.stderr
    assert not LAYOUT.encoder.exists()
