"""The example of docs/data.md, as it stands there."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from mkg4rec.features.provenance import Provenance
from mkg4rec.features.store import FeatureRows, read_items, write_features
from mkg4rec.tables import Modality
from tests.conftest import ROOT


def test_three_lines_give_a_tensor_aligned_to_items(tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    rows = FeatureRows(pa.array(["m.a", "m.b", "m.y"]), pa.array([10, 20, None]), pa.array(["1", None, "2"]), torch.eye(512)[:2].numpy())
    write_features(path, rows, Provenance(Modality.TEXT, "model", "ab" * 32, "{}", "float32", 512))

    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(example.splitlines()) == 3
    names = {"pq": pq, "pc": pc, "torch": torch}
    exec(example.replace("data/demo/features/text.parquet", str(path)), names)
    vectors = names["text"]
    assert torch.equal(vectors, torch.stack([torch.eye(512)[0], torch.zeros(512)]))
    items = read_items(path)
    assert torch.equal(items.vectors, vectors)
    assert items.present.tolist() == [True, False]
