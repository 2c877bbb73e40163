"""What there is too little memory for ends in one message: a training, a ranking, an embedding."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.cold import evaluate_cold
from mkg4rec.evaluation.metrics import evaluate
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.features import contrastive
from mkg4rec.features.cache import VectorCache
from mkg4rec.features.contents import Content
from mkg4rec.features.embedding import embed
from mkg4rec.features.encoder import Encoder, create
from mkg4rec.memory import explaining_lack_of_memory
from mkg4rec.models import registry
from mkg4rec.tables import Modality
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


class _Greedy:
    """Wants more memory for its scores than any machine has."""

    def score(self, users: Tensor) -> Tensor:
        return torch.empty(len(users), 2**50)


def test_a_ranking_says_what_to_lower() -> None:
    data, _ = checkerboard()
    scorer: Scorer = _Greedy()
    complaint = r"ranking 7 users at a time on cpu needs more memory .* Set evaluate\.block_size"
    with pytest.raises(PipelineError, match=complaint):
        evaluate(scorer, data.train, data.valid, data.valid, 3, block_size=7)
    with pytest.raises(PipelineError, match=complaint):
        evaluate_cold(scorer, data.train, data.valid, data.valid, block_size=7)


def test_an_encoder_says_what_to_lower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode(*_: object) -> Tensor:
        return torch.empty(2**50)

    encoder, texts = create("catalogue-clip"), [Content(word, word.encode()) for word in ("a", "b", "c")]
    monkeypatch.setattr(Encoder, "encode", encode)
    cache = VectorCache(tmp_path, encoder.provenance(Modality.TEXT, "weights", torch.float32))
    with pytest.raises(PipelineError, match=r"embedding 3 contents at a time on cpu \(text\) needs .* Set embed\.batch_size"):
        embed(encoder, Modality.TEXT, texts, cache, 3, torch.device("cpu"), torch.float32)
    monkeypatch.setattr(contrastive, "_loss", encode)
    with pytest.raises(PipelineError, match=r"encoder: its training on cpu needs .* Lower encoder\.batch_size"):
        contrastive.train_on_texts(encoder, texts, 1, 3, 1e-3, torch.device("cpu"))
