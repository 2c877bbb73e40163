"""The small interface that all models share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mkg4rec.device import Arithmetic
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.group import Count, Group
from mkg4rec.models.data import TrainingData
from mkg4rec.tuning.space import Range

WEIGHTS = "weights.safetensors"

Batch = TypeVar("Batch")


class Input(StrEnum):
    """What a model may learn from beside the interactions, which all do."""

    GRAPH = "graph"
    FEATURES = "features"
    CONTENTS = "contents"
    ITEM_GRAPHS = "item_graphs"


class Model(ABC):
    """A recommender: made from its hyper-parameters and the data, trained, then saved; what was saved can score.

    Attributes:
        Hyperparameters: the group of `models.<name>` in params.yaml, unknown keys refused.
        reads: what it is trained on beside the interactions; a change of anything else does not train it again.
        draws: whether its training draws random numbers, so that a seed makes a difference.
    """

    Hyperparameters: ClassVar[type[Group]]
    reads: ClassVar[frozenset[Input]] = frozenset()
    draws: ClassVar[bool] = False

    @classmethod
    def knows_unseen(cls, hyperparameters: Any) -> bool:
        """Whether it tells items apart that nobody took in train: by graph or features, since by interactions all of them are alike.

        A subclass says more whose hyper-parameters can take all of these away.
        """
        return bool(cls.reads)

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

    def prepare(self, arithmetic: Arithmetic, checkpoints: Path) -> None:
        """Told before `fit`, for a model with parts that are trained by epochs: how, and in which folder their checkpoints are kept."""

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
    learning_rate: Annotated[float, Field(gt=0), Range(1e-4, 1e-2, log=True)]
    weight_decay: Annotated[float, Field(ge=0), Range(1e-7, 1e-2, log=True)]
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
    """A model trained by gradient descent: it gives its parameters, its objectives and its scores.

    `mkg4rec.training.loop.fit` trains it. Whatever its scores need must be in its state, or follow from the
    hyper-parameters and the data: loading makes the model anew and gives it its state back.
    """

    draws = True
    hyperparameters: NeuralHyperparameters

    @abstractmethod
    def __init__(self, hyperparameters: Any, data: TrainingData) -> None:
        super().__init__()

    @abstractmethod
    def objectives(self) -> list[Objective[Any]]:
        """The losses of an epoch, in order."""

    def pretrain(self, data: TrainingData) -> None:
        """Set initial weights that are themselves learned; called once, before the first epoch of a new training."""

    def refresh(self) -> None:
        """Recompute what is constant during an epoch, from the weights alone; called before the first epoch and after each."""

    def compile_layers(self) -> None:
        """Compile the dense layers in place with torch.compile, where a model has such."""

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({name: tensor.contiguous().cpu() for name, tensor in self.state_dict().items()}, folder / WEIGHTS)

    @classmethod
    def restore(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> Self:
        """The trained model itself that was saved into `folder`, for what its scores alone do not tell."""
        model = cls(hyperparameters, data)
        try:
            model.load_state_dict(load_file(folder / WEIGHTS))
        except RuntimeError as error:
            raise PipelineError(f"{folder / WEIGHTS}: made for other data or another shape; run `dvc repro`. ({error})") from error
        model.refresh()
        return model

    @classmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> Scorer:
        return cls.restore(hyperparameters, folder, data).scorer()


class AttendsModalities(ABC):
    """What a neural model also is that can say how its attention to an item is divided among the modalities.

    Attributes:
        modalities: by their order in the result; empty where the model was given none.
    """

    modalities: list[str]

    @abstractmethod
    def modality_attention(self, users: Tensor, items: Tensor) -> Tensor:
        """The share of each modality for (B,) users with (B,) items, by index: (B, M), rows summing to 1."""
