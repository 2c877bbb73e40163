"""The small interface that all models share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Count, Group
from mkg4rec.tables import ITEM_VECTORS, USER_VECTORS, Table

WEIGHTS = "weights.safetensors"

Batch = TypeVar("Batch")


class Model(ABC):
    """A recommender: made from its hyper-parameters and the data, trained, then saved; what was saved can score.

    Attributes:
        Hyperparameters: the group of `models.<name>` in params.yaml, unknown keys refused.
    """

    Hyperparameters: ClassVar[type[Group]]

    @abstractmethod
    def scorer(self) -> Scorer:
        """Scores with the present weights."""

    @abstractmethod
    def save(self, folder: Path, data: TrainingData) -> None:
        """Write what `load` needs into the existing `folder`; weights as safetensors."""

    @classmethod
    @abstractmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> Scorer:
        """Scores identical to those of the model that was saved into `folder`."""


class ClosedForm(Model):
    """A model whose weights are computed at once."""

    @abstractmethod
    def __init__(self, hyperparameters: Any, data: TrainingData) -> None: ...

    @abstractmethod
    def fit(self) -> float:
        """Compute the weights from the train interactions; gives the value of the loss that they minimise."""


class NeuralHyperparameters(Group):
    """What every model trained by gradient descent has.

    Attributes:
        weight_decay: λ of λ‖Θ‖²; its gradient is added to that of every parameter before Adam.
        patience: epochs without a better validation NDCG@20 before training stops.
    """

    batch_size: Count
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    max_epochs: Count
    patience: Count


@dataclass(frozen=True)
class Objective(Generic[Batch]):
    """A loss that an epoch goes through once.

    A model may have several; each gets an Adam of its own and they are worked off one after the other,
    as KGAT alternates recommendation and TransR.

    Attributes:
        name: its column in the training log.
        num_batches: batches of an epoch.
        batches: draws the batches of one epoch from torch's global generator.
        loss: the mean loss over a batch.
    """

    name: str
    num_batches: int
    batches: Callable[[], Iterator[Batch]]
    loss: Callable[[Batch], Tensor]


class Neural(nn.Module, Model):
    """A model trained by gradient descent whose scores are inner products: ŷ = e*_u · e*_i.

    A subclass gives its parameters, its objectives and its final vectors; `mkg4rec.training.loop.fit`
    trains it.
    """

    hyperparameters: NeuralHyperparameters

    @abstractmethod
    def __init__(self, hyperparameters: Any, data: TrainingData) -> None:
        super().__init__()

    @abstractmethod
    def objectives(self) -> list[Objective[Any]]:
        """The losses of an epoch, in order."""

    @abstractmethod
    def final_vectors(self) -> tuple[Tensor, Tensor]:
        """(users, D) and (items, D)."""

    def refresh(self) -> None:
        """Recompute what is constant during an epoch, from the weights alone; called before the first epoch and after each."""

    def compile_layers(self) -> None:
        """Compile the dense layers in place with torch.compile, where a model has such."""

    def scorer(self) -> "VectorScorer":
        training = self.training
        self.eval()
        with torch.no_grad():
            users, items = self.final_vectors()
        self.train(training)
        return VectorScorer(users.float(), items.float())

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({name: tensor.contiguous().cpu() for name, tensor in self.state_dict().items()}, folder / WEIGHTS)
        vectors = self.scorer()
        _write_vectors(USER_VECTORS, "user_id", data.user_ids, vectors.users, folder / "user_vectors.parquet")
        _write_vectors(ITEM_VECTORS, "item_id", data.item_ids, vectors.items, folder / "item_vectors.parquet")

    @classmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> "VectorScorer":
        device = data.train.items.device
        return VectorScorer(
            _read_vectors(USER_VECTORS, "user_id", data.user_ids, folder / "user_vectors.parquet").to(device),
            _read_vectors(ITEM_VECTORS, "item_id", data.item_ids, folder / "item_vectors.parquet").to(device),
        )


@dataclass(frozen=True)
class VectorScorer:
    """ŷ = e_u · e_i for given vectors: users (users, D), items (items, D)."""

    users: Tensor
    items: Tensor

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        return self.users[users] @ self.items.T


def _write_vectors(table: Table, identifier: str, identifiers: pa.Array, vectors: Tensor, path: Path) -> None:
    values = pa.array(vectors.cpu().numpy().ravel(), pa.float32())
    rows = pa.table({identifier: identifiers, "vector": pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])})
    table.write(rows, path)


def _read_vectors(table: Table, identifier: str, identifiers: pa.Array, path: Path) -> Tensor:
    rows = table.read(path).combine_chunks()
    if not rows[identifier].combine_chunks().equals(identifiers):
        raise PipelineError(f"{path}: its {identifier} column is not that of the data; train the model again with `dvc repro`.")
    vectors = rows["vector"].combine_chunks()
    flat = np.array(vectors.flatten())
    return torch.from_numpy(flat).reshape(len(identifiers), -1)
