"""Killed at any moment, `dvc repro` goes on where it was."""

from pathlib import Path

import pytest

from mkg4rec.tables import FEATURES
from stages.layout import Layout
from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

LAYOUT = Layout("demo")
EPOCHS = 8


def test_a_killed_training_goes_on_to_the_same_weights(clone: Clone, tmp_path: Path) -> None:
    clone.set("models.multi_kg4rec.max_epochs", EPOCHS)
    clone.set("models.multi_kg4rec.patience", EPOCHS)
    uninterrupted = clone.copy(tmp_path / "uninterrupted")
    checkpoints = clone.path / ".mkg4rec" / "checkpoints"
    target = "train@demo-multi_kg4rec"

    killed = clone.kill_when(lambda: any(checkpoints.glob("demo/multi_kg4rec/*/checkpoint.safetensors")), "dvc", "repro", target)
    assert killed.stages == ["gather@demo", target]
    assert not (clone.path / LAYOUT.model("multi_kg4rec")).exists()
    again = clone.succeed("dvc", "repro", target)
    assert again.stages == [target]
    assert "training goes on after epoch" in again.output
    assert not any(checkpoints.rglob("*.safetensors"))

    assert uninterrupted.stage("train", "demo", "multi_kg4rec").code == 0
    assert clone.contents("models") == uninterrupted.contents("models")
    log = clone.read(str(LAYOUT.training("multi_kg4rec") / "loss.csv")).splitlines()[1:]
    assert [line.split(",")[0] for line in log] == [str(epoch + 1) for epoch in range(EPOCHS)]


def test_a_killed_embedding_keeps_what_it_has(clone: Clone, tmp_path: Path) -> None:
    clone = clone.with_environment(MKG4REC_FEATURE_CACHE=str(tmp_path / "vectors"))
    clone.set("embed.batch_size", 1)

    # The first shard has all posters; the texts come after.
    clone.kill_when(lambda: any((tmp_path / "vectors").rglob("*.safetensors")), "dvc", "repro", "embed@demo")
    assert not (clone.path / LAYOUT.features("text")).exists()
    again = clone.succeed("dvc", "repro", "embed@demo")
    assert again.stages == ["embed@demo"]
    assert "images: 0 embedded" in again.output
    assert "texts: 0 embedded" not in again.output
    for modality in ("visual", "text"):
        assert len(FEATURES.read(clone.path / LAYOUT.features(modality)))
