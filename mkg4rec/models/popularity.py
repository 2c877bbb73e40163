"""Popularity: what most users took, for everybody."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.group import Group
from mkg4rec.models.base import WEIGHTS, ClosedForm
from mkg4rec.models.data import TrainingData


class PopularityHyperparameters(Group):
    """There are none."""


class Popularity(ClosedForm):
    """ŷ_ui = n_i, the number of users who took item i in train."""

    Hyperparameters = PopularityHyperparameters

    def __init__(self, hyperparameters: PopularityHyperparameters, data: TrainingData) -> None:
        self.train = data.train
        self.counts = torch.empty(0)

    def fit(self) -> float:
        """Count. The shares p_i = n_i / U are the s that minimise ‖X − 1 sᵀ‖²; gives that per entry, the mean of p_i (1 − p_i)."""
        self.counts = self.train.item_counts.float()
        shares = self.train.item_counts.double() / self.train.num_users
        return float((shares * (1 - shares)).mean())

    def scorer(self) -> "ItemScores":
        return ItemScores(self.counts)

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({"item_counts": self.counts.cpu()}, folder / WEIGHTS)

    @classmethod
    def load(cls, hyperparameters: PopularityHyperparameters, folder: Path, data: TrainingData) -> "ItemScores":
        counts = load_file(folder / WEIGHTS)["item_counts"].to(data.train.items.device)
        if counts.shape != (data.num_items,):
            raise PipelineError(f"{folder / WEIGHTS}: made for {len(counts)} items, the data has {data.num_items}; run `dvc repro`.")
        return ItemScores(counts)


class ItemScores:
    """The same (items,) scores for every user."""

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        return self.scores.expand(len(users), -1)
