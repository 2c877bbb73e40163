"""A training in a process of its own, for tests that kill it: `python -m tests.training.child FOLDER`."""

import sys
from pathlib import Path

import torch

from mkg4rec import params
from mkg4rec.device import Arithmetic, seed_everything
from mkg4rec.models import registry
from mkg4rec.models.base import Neural
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from tests.conftest import ROOT
from tests.worlds import checkerboard

SHORT = {"max_epochs": 8, "patience": 8, "batch_size": 64, "kg_batch_size": 64, "num_blocks": 2}


def train(folder: Path) -> None:
    """Train on the checkerboard with dropout, checkpoints in `folder`; what is trained is saved there too."""
    seed_everything(3)
    data, _ = checkerboard()
    values = params.load(ROOT / "params.yaml").models["multi_kg4rec"] | SHORT
    model = registry.create("multi_kg4rec", values, data)
    assert isinstance(model, Neural)
    fit(model, data, Arithmetic(torch.float32, compile=False), Checkpoint(folder / "state" / "checkpoint.safetensors"))
    model.save(folder, data)


if __name__ == "__main__":
    train(Path(sys.argv[1]))
