"""The stage item_graphs in a folder of its own, and what models read of it."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import FeatureRows, write_features
from mkg4rec.tables import CATALOGUE, ITEM_GRAPH, Modality
from stages import item_graphs
from stages.inputs import read_item_graph
from stages.layout import Layout
from tests.conftest import ROOT

DATASET = "demo"
ITEM_IDS = pa.array(["B", "D", "A", "C"])


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """Features of four items, of which D has no text, and of an attribute that has one."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    layout = Layout(DATASET)
    genres = pa.array([[]] * 4, pa.list_(pa.string()))
    catalogue = {"item_id": ITEM_IDS, "entity": list("bdac"), "title": list("bdac"), "year": pa.nulls(4, pa.int32()), "genres": genres}
    CATALOGUE.write(pa.table(catalogue), layout.catalogue)
    vectors = np.array([[1, 0, 0.2], [0.9, 0.1, 0.2], [0, 1, 0.2], [0.9, 0.1, 0.2]], np.float32)
    for modality in Modality:
        provenance = Provenance(modality, "model", "ab" * 32, "{}", "float32", 3)
        item_ids = pa.concat_arrays([ITEM_IDS, pa.nulls(1, pa.string())])
        rows = FeatureRows(pa.array(list("bdacx")), item_ids, pa.array(["1", None, "3", "4", "5"]), vectors)
        write_features(layout.features(modality), rows, provenance)
    return layout


def test_an_edge_says_how_alike_two_items_are(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    item_graphs.main(DATASET)
    edges = ITEM_GRAPH.read(layout.item_graph("text")).to_pylist()
    assert [(edge["item_id"], edge["neighbour_id"]) for edge in edges] == [
        ("B", "A"),
        ("B", "C"),
        ("A", "B"),
        ("A", "C"),
        ("C", "B"),
        ("C", "A"),
    ]
    expected = (0.9 + 0.04) / np.sqrt((1 + 0.04) * (0.81 + 0.01 + 0.04))
    assert edges[0]["weight"] == pytest.approx(expected)
    assert "text: 6 edges between 3 of 4 items" in capsys.readouterr().out


def test_models_read_it_by_index(layout: Layout) -> None:
    item_graphs.main(DATASET)
    graph = read_item_graph(layout, "visual", ITEM_IDS)
    assert list(zip(graph.items.tolist(), graph.neighbours.tolist(), strict=True)) == [(0, 2), (0, 3), (2, 0), (2, 3), (3, 0), (3, 2)]
    assert graph.num_items == 4


def test_a_graph_of_other_items_is_refused(layout: Layout) -> None:
    item_graphs.main(DATASET)
    with pytest.raises(PipelineError, match=r"visual\.parquet: it has items that are not in"):
        read_item_graph(layout, "visual", pa.array(["B", "D", "A", "E"]))


def test_the_same_features_give_the_same_bytes(layout: Layout) -> None:
    item_graphs.main(DATASET)
    first = layout.item_graph("text").read_bytes()
    item_graphs.main(DATASET)
    assert layout.item_graph("text").read_bytes() == first
