"""A training for which there is too little memory ends in one message."""

from pathlib import Path

import numpy as np
import pytest
import torch

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.memory import explaining_lack_of_memory
from mkg4rec.models import registry
from mkg4rec.training.train import train
from tests.conftest import ROOT
from tests.worlds import checkerboard

TOO_LITTLE = "[enforce fail at alloc_cpu.cpp:128] data. DefaultCPUAllocator: can't allocate memory: you tried to allocate 80 bytes."


def test_it_says_what_to_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_: object) -> None:
        raise RuntimeError(TOO_LITTLE)

    monkeypatch.setattr(registry, "create", create)
    settings = params.load(ROOT / "params.yaml")
    with pytest.raises(PipelineError) as caught:
        train("bpr_mf", settings.models["bpr_mf"], checkerboard()[0], settings.train, tmp_path / "checkpoint")
    assert str(caught.value) == (
        f"models.bpr_mf: its training on cpu needs more memory than there is ({TOO_LITTLE}). Lower num_negatives, dimension, batch_size "
        "of models.bpr_mf (or of its variant, or under tuned:), or train where there is more memory."
    )


def _of_numpy() -> MemoryError:
    with pytest.raises(MemoryError) as caught:
        np.empty(2**56)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        _of_numpy(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:128] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
    ],
)
def test_every_way_to_say_it_is_known(error: Exception) -> None:
    complaint = r"It needs more memory than there is \(.+\)\. Lower it\."
    with pytest.raises(PipelineError, match=complaint), explaining_lack_of_memory("It", "Lower it."):
        raise error


def test_another_mistake_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="shapes"), explaining_lack_of_memory("It", "Lower it."):
        raise RuntimeError("shapes cannot be multiplied")
