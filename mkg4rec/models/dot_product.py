"""What neural models have in common whose score is a similarity of two vectors."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from mkg4rec.group import Count, Lax
from mkg4rec.models.base import Neural, NeuralHyperparameters, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.models.vectors import VectorScorer
from mkg4rec.training.losses import Loss, Similarity, bpr, sampled_softmax, softmax
from mkg4rec.training.samplers import NegativeItems, shuffled_batches
from mkg4rec.tuning.space import Beside, Range


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
    temperature: Annotated[float, Field(gt=0), Range(0.05, 1.0, log=True), Beside("loss", ("sampled_softmax", "softmax"))]
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

    def scorer(self) -> VectorScorer:
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
    def load(cls, hyperparameters: Any, folder: Path, data: TrainingData) -> VectorScorer:
        return VectorScorer.load(folder, data)
