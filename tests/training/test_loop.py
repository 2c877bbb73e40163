"""The training loop: early stopping, resumption after kill -9 to the same bits, divergence, precision."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from mkg4rec import params
from mkg4rec.device import Arithmetic, seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.models import registry
from mkg4rec.models.base import WEIGHTS, Neural
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from tests.conftest import ROOT
from tests.training.child import SHORT, train
from tests.worlds import checkerboard

FLOAT32 = Arithmetic(torch.float32, compile=False)


def _model(**changes: object) -> Neural:
    seed_everything(0)
    values = params.load(ROOT / "params.yaml").models["multi_kg4rec"] | SHORT | changes
    model = registry.create("multi_kg4rec", values, checkerboard()[0])
    assert isinstance(model, Neural)
    return model


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.training.child", str(folder)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    interrupted, whole = tmp_path / "interrupted", tmp_path / "whole"
    interrupted.mkdir()
    whole.mkdir()
    checkpoint = interrupted / "state" / "checkpoint.safetensors"
    child = _start(interrupted)
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert not (interrupted / WEIGHTS).exists()
    assert _start(interrupted).wait() == 0
    train(whole)
    with safe_open(interrupted / WEIGHTS, "pt") as resumed, safe_open(whole / WEIGHTS, "pt") as expected:
        assert set(resumed.keys()) == set(expected.keys())
        for name in expected.keys():  # noqa: SIM118 - safe_open is no mapping
            assert torch.equal(resumed.get_tensor(name), expected.get_tensor(name)), name


def test_a_torn_checkpoint_costs_epochs_and_nothing_else(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "state" / "checkpoint.safetensors")
    checkpoint.path.parent.mkdir()
    checkpoint.path.write_bytes(b"half a file")
    assert fit(_model(max_epochs=1), checkerboard()[0], FLOAT32, checkpoint).epoch == 1


def test_keeps_the_best_weights_and_stops(tmp_path: Path) -> None:
    data, _ = checkerboard()
    model = _model(max_epochs=40, patience=3, learning_rate=0.02)
    progress = fit(model, data, FLOAT32, Checkpoint(tmp_path / "state" / "checkpoint.safetensors"))
    values = [row["ndcg@20"] for row in progress.validation]
    assert progress.best == max(values)
    assert progress.epoch == progress.best_epoch + 3 < 40
    assert validation_metrics(model.scorer(), data.train, data.valid)["ndcg@20"] == pytest.approx(progress.best)


def test_a_loss_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"learning_rate"):
        fit(_model(learning_rate=1e30), checkerboard()[0], FLOAT32, Checkpoint(tmp_path / "state" / "checkpoint.safetensors"))


def test_bfloat16_learns_as_well(tmp_path: Path) -> None:
    data, _ = checkerboard()
    progress = fit(
        _model(learning_rate=0.01), data, Arithmetic(torch.bfloat16, compile=False), Checkpoint(tmp_path / "s" / "c.safetensors")
    )
    assert progress.best > 0.8


@pytest.mark.parametrize("fusion", ["both", "text_to_image", "image_to_text", "none"])
def test_every_fusion_is_a_switch(fusion: str, tmp_path: Path) -> None:
    data, _ = checkerboard()
    progress = fit(_model(fusion=fusion, max_epochs=1), data, FLOAT32, Checkpoint(tmp_path / "s" / "c.safetensors"))
    assert progress.best > 0.3


@pytest.mark.parametrize("modalities", [[], ["visual"], ["text"], ["text", "web", "visual"]])
def test_modalities_are_a_list(modalities: list[str], tmp_path: Path) -> None:
    data, _ = checkerboard()
    progress = fit(_model(modalities=modalities, max_epochs=1), data, FLOAT32, Checkpoint(tmp_path / "s" / "c.safetensors"))
    assert progress.best > 0.3
