"""What each model is trained on, written down."""

import shutil
from pathlib import Path

import pytest

from mkg4rec.errors import PipelineError
from stages import gather
from tests.conftest import ROOT


def test_what_is_not_there_yet_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match=r"data/demo/\S+: there is no such file; `dvc repro` makes it\."):
        gather.main("demo")
    assert not (tmp_path / "data" / "demo" / "gathered").exists()
