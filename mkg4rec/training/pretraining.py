"""Vectors to begin with: ConvNCF, KGAT and Multi-KG4Rec may start from those of a matrix factorisation trained by BPR."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mkg4rec.device import Arithmetic
from mkg4rec.group import Count, Group
from mkg4rec.models.bpr_mf import BprMf, BprMfHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from mkg4rec.training.losses import Loss, Similarity


class PretrainingHyperparameters(Group):
    """Attributes:
    epochs: at most so many.
    patience: epochs without a better validation NDCG@20 before it ends.
    regularization: λ_Θ of BPR-MF.
    """

    epochs: Count
    patience: Count
    learning_rate: Annotated[float, Field(gt=0)]
    batch_size: Count
    regularization: Annotated[float, Field(ge=0)]


def bpr_embeddings(data: TrainingData, dimension: int, hyperparameters: PretrainingHyperparameters) -> tuple[Tensor, Tensor]:
    """The vectors of a BPR-MF trained on the train part and stopped on the validation part, best epoch.

    It draws from torch's global generator and keeps its checkpoints to itself: a training that is killed here
    begins again with its seed, and comes to the same vectors.

    Args:
        dimension: d.

    Returns:
        (users, d) and (items, d), without gradient.
    """
    settings = BprMfHyperparameters(
        loss=Loss.BPR,
        similarity=Similarity.DOT,
        temperature=1.0,
        num_negatives=1,
        dimension=dimension,
        regularization=hyperparameters.regularization,
        batch_size=hyperparameters.batch_size,
        learning_rate=hyperparameters.learning_rate,
        weight_decay=0.0,
        max_epochs=hyperparameters.epochs,
        patience=hyperparameters.patience,
    )
    model = BprMf(settings, data)
    print("pretraining: matrix factorisation by BPR", flush=True)
    with TemporaryDirectory() as folder:
        fit(model, data, Arithmetic(torch.float32, compile=False), Checkpoint(Path(folder) / "checkpoint.safetensors"))
    return model.users.detach(), model.items.detach()
