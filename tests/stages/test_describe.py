"""Every table that `run:` asks for has its file under schemas/."""

from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from mkg4rec.tables import FACTS, PER_USER
from stages import describe
from stages.layout import Layout
from tests.conftest import ROOT


def test_results_of_repeats_cold_items_and_less_data_and_brought_tables_are_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["run"] |= {"models": ["ease"], "repeats": [3], "cold": ["ease"], "sparsity": ["ease"], "percentages": [30]}
    Path("params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    layout = Layout("demo")
    layout.data.mkdir(parents=True)
    types = {column.name: column.types[0] for column in PER_USER.columns}
    asked = [layout.per_user("ease"), layout.per_user("ease", 3), layout.sparsity_per_user("ease", 30)]
    asked += [layout.cold_per_user("ease"), layout.cold_per_user("ease", 3)]
    left = [layout.per_user("popularity"), layout.cold_per_user("ease", 4), layout.sparsity_per_user("ease", 10)]
    for path in (*asked, *left):
        PER_USER.write(pa.schema(list(types.items())).empty_table(), path)
    brought = layout.brought("triples", FACTS)
    FACTS.write(FACTS.without_rows(), brought)
    describe.main("demo")
    assert set(layout.schemas.rglob("*.json")) == {layout.schema(path) for path in (*asked, brought)}
