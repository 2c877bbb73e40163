"""The small interface that all models share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mkg4rec.device import Arithmetic
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.group import Count, Group, Lax
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import ITEM_VECTORS, USER_VECTORS, Table
from mkg4rec.training.losses import Loss, Similarity, bpr, sampled_softmax, softmax
from mkg4rec.training.samplers import NegativeItems, shuffled_batches
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


@dataclass(frozen=True)
class Candidates:
    """A batch of recommendation.

    Attributes:
        users: (B,).
        items: (B, 1 + N), the one that each took first, then those that were drawn.
    """

    users: Tensor
    items: Tensor


class RankingHyperparameters(NeuralHyperparameters):
    """What a model adds whose score is a similarity of two vectors.

    Attributes:
        loss: what it is trained for.
        similarity: ŷ is the inner product of a user's and an item's vector, or of both at length 1.
        temperature: τ; scores are divided by it in a softmax loss.
        num_negatives: items drawn beside each positive for the sampled softmax; BPR draws one.
    """

    loss: Annotated[Loss, Lax]
    similarity: Annotated[Similarity, Lax]
    temperature: Annotated[float, Field(gt=0)]
    num_negatives: Count


class DotProduct(Neural):
    """A neural model whose scores are inner products of final vectors: ŷ = e*_u · e*_i.

    A subclass gives its final vectors, and its objectives where there are more than the recommendation.
    """

    hyperparameters: RankingHyperparameters

    def __init__(self, hyperparameters: RankingHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters
        self.train_interactions = data.train
        self.unseen = data.unseen
        self.negative_items = NegativeItems(data.train, data.unseen)

    @abstractmethod
    def final_vectors(self) -> tuple[Tensor, Tensor]:
        """(users, D) and (items, D)."""

    def objectives(self) -> list[Objective[Any]]:
        return [self.recommendation()]

    def recommendation(self) -> Objective[Tensor]:
        """The ranking loss over the train interactions, each once an epoch."""
        positives, size = len(self.train_interactions), self.hyperparameters.batch_size
        device = self.train_interactions.items.device
        return Objective("loss", -(-positives // size), lambda: shuffled_batches(positives, size, device), self.recommendation_loss)

    def recommendation_loss(self, positives: Tensor) -> Tensor:
        """The ranking loss of (B,) numbers of train interactions, and the penalty on what they involve."""
        return self.ranking_loss(self.candidates(positives), *self.final_vectors())

    def candidates(self, positives: Tensor) -> Candidates:
        """What (B,) train interactions are about, and the items that they are held against."""
        users, items = self.train_interactions.users[positives], self.train_interactions.items[positives]
        return Candidates(users, torch.cat([items.unsqueeze(1), self.draw_negatives(users)], dim=1))

    def ranking_loss(self, batch: Candidates, user_vectors: Tensor, item_vectors: Tensor) -> Tensor:
        """The ranking loss by given final vectors, (users, D) and (items, D), and the penalty."""
        users, candidates, items = batch.users, batch.items, batch.items[:, 0]
        # Gathered once, because the gradient of every gather is a whole table.
        asking, offered = F.embedding(users, user_vectors), F.embedding(candidates, item_vectors)
        if self.hyperparameters.loss is Loss.SOFTMAX:
            loss = self.softmax_loss(users, items, user_vectors, item_vectors)
        else:
            loss = self.sampled_loss(asking, offered)
        return loss + self.penalty(users, candidates, asking, offered)

    def softmax_loss(self, users: Tensor, items: Tensor, user_vectors: Tensor, item_vectors: Tensor) -> Tensor:
        """The full softmax of (B,) users with what they took; the scores of a user are computed once for all that is theirs."""
        distinct, rows = users.unique(return_inverse=True)
        asking, offered = self.comparable(F.embedding(distinct, user_vectors), item_vectors)
        return softmax(asking / self.hyperparameters.temperature @ offered.T, rows, items, self.unseen)

    def sampled_loss(self, asking: Tensor, offered: Tensor) -> Tensor:
        """The loss against drawn items.

        Args:
            asking: (B, D) vectors of users.
            offered: (B, 1 + N, D) vectors of the item that each took, and of those that were drawn.
        """
        settings = self.hyperparameters
        asking, offered = self.comparable(asking, offered)
        # A batched product of so small matrices takes three times as long on a CPU.
        scores = (asking.unsqueeze(1) * offered).sum(-1)
        positive, negatives = scores[:, 0], scores[:, 1:]
        if settings.loss is Loss.SAMPLED_SOFTMAX:
            return sampled_softmax(positive / settings.temperature, negatives / settings.temperature)
        return bpr(positive, negatives.squeeze(1))

    def draw_negatives(self, users: Tensor) -> Tensor:
        """(B, N) items that each of (B,) users did not take; none for the full softmax, which needs none."""
        count = {Loss.BPR: 1, Loss.SAMPLED_SOFTMAX: self.hyperparameters.num_negatives, Loss.SOFTMAX: 0}[self.hyperparameters.loss]
        return self.negative_items.draw(users.repeat_interleave(count)).view(len(users), count)

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """What is added to the loss; nothing by default.

        Args:
            users: (B,).
            candidates: (B, 1 + N) items, the one that was taken first.
            asking, offered: their final vectors, (B, D) and (B, 1 + N, D).
        """
        return 0.0

    def comparable(self, users: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """The vectors whose inner products are the scores: as they are, or at length 1 for the cosine."""
        if self.hyperparameters.similarity is Similarity.COSINE:
            return F.normalize(users.float(), dim=-1), F.normalize(items.float(), dim=-1)
        return users.float(), items.float()

    def scorer(self) -> "VectorScorer":
        training = self.training
        self.eval()
        with torch.no_grad():
            users, items = self.comparable(*self.final_vectors())
        self.train(training)
        return VectorScorer(users.detach(), items.detach())

    def save(self, folder: Path, data: TrainingData) -> None:
        super().save(folder, data)
        self.scorer().save(folder, data)

    @classmethod
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> "VectorScorer":
        return VectorScorer.load(folder, data)


@dataclass(frozen=True)
class VectorScorer:
    """ŷ = e_u · e_i for given vectors: users (users, D), items (items, D)."""

    users: Tensor
    items: Tensor

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        return self.users[users] @ self.items.T

    def save(self, folder: Path, data: TrainingData) -> None:
        """Write both tables of vectors into the existing `folder`, beside the published identifiers of `data`."""
        _write_vectors(USER_VECTORS, "user_id", data.user_ids, self.users, folder / "user_vectors.parquet")
        _write_vectors(ITEM_VECTORS, "item_id", data.item_ids, self.items, folder / "item_vectors.parquet")

    @classmethod
    def load(cls, folder: Path, data: TrainingData) -> "VectorScorer":
        """What `save` wrote, on the device of `data`; vectors of other users or items are an error."""
        device = data.train.items.device
        return cls(
            _read_vectors(USER_VECTORS, "user_id", data.user_ids, folder / "user_vectors.parquet").to(device),
            _read_vectors(ITEM_VECTORS, "item_id", data.item_ids, folder / "item_vectors.parquet").to(device),
        )


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
