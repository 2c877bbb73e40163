"""What models have in common that score a user and an item together, not by a vector of each."""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from mkg4rec.models.base import Neural, NeuralHyperparameters, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.training.samplers import NegativeItems, shuffled_batches


class Pairwise(Neural):
    """Trained on train interactions, each beside one item that its user did not take."""

    def __init__(self, hyperparameters: NeuralHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters
        self.train_interactions = data.train
        self.negative_items = NegativeItems(data.train, data.unseen)

    @abstractmethod
    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """The mean loss of (B,) users with items that they took and items that they did not take."""

    def objectives(self) -> list[Objective[Any]]:
        """Every train interaction once."""
        count, size = len(self.train_interactions), self.hyperparameters.batch_size
        device = self.train_interactions.items.device
        return [Objective("loss", -(-count // size), lambda: shuffled_batches(count, size, device), self.recommendation_loss)]

    def recommendation_loss(self, interactions: Tensor) -> Tensor:
        """Of (B,) numbers of train interactions."""
        users, positives = self.train_interactions.users[interactions], self.train_interactions.items[interactions]
        return self.loss(users, positives, self.negative_items.draw(users))
