"""One model of this project in training."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.peers.sides import Validation
from benchmarks.timing import stopwatch
from mkg4rec.device import Arithmetic
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.training.checkpoints import Checkpoint, Progress
from mkg4rec.training.loop import SELECTION, fit

ARITHMETIC = Arithmetic(torch.float32, compile=False)


class Ours:
    """A model in the project's own training loop, which stops after each epoch and goes on from its checkpoint."""

    def __init__(self, model: Neural, data: TrainingData, checkpoint: Path) -> None:
        self.model = model
        self.data = data
        self.checkpoint = Checkpoint(checkpoint)
        self.epochs = 0
        model.refresh()

    def epoch(self) -> float:
        # The loop validates after each epoch: one user is soon ranked.
        return self._train(replace(self.data, valid=of_one_user(self.data.valid))).losses[-1]["seconds"]

    def validate(self) -> Validation:
        values: dict[str, float] = {}
        seconds = stopwatch(lambda: values.update(validation_metrics(self.model.scorer(), self.data.train, self.data.valid)))
        return Validation(seconds, values[SELECTION])

    def step(self) -> Validation:
        after: list[Progress] = []
        seconds = stopwatch(lambda: after.append(self._train(self.data)))
        return Validation(seconds, after[0].validation[-1][SELECTION])

    def _train(self, data: TrainingData) -> Progress:
        self.epochs += 1
        one_more = {"max_epochs": self.epochs, "patience": self.epochs + 1}
        self.model.hyperparameters = self.model.hyperparameters.model_copy(update=one_more)
        with redirect_stdout(io.StringIO()):
            return fit(self.model, data, ARITHMETIC, self.checkpoint)


def of_one_user(interactions: Interactions) -> Interactions:
    """The entries of the first user who has any."""
    entries = interactions.users == interactions.users[0]
    return Interactions.from_pairs(interactions.users[entries], interactions.items[entries], interactions.num_users, interactions.num_items)
