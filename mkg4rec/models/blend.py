"""A blend of models, each trained by itself: the weighted sum of what they think of an item, weights chosen on validation."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.device import Arithmetic
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.group import Group, Name
from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.base import WEIGHTS, ClosedForm, Input, Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import SELECTION, fit

STEPS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
"""Weights that are tried beside the best member's 1."""

ROUNDS = 2
"""How often all weights are gone through."""

JUDGES = 5000
"""Users, at most, on whose validation items weights are chosen, so that the scores of all members for them can be held."""


class Member(Group):
    """A model of the blend: its name in the registry and what it takes."""

    model: Name
    hyperparameters: dict[str, Any]


@dataclass(frozen=True)
class MemberTraining:
    """How members with epochs are trained.

    Attributes:
        arithmetic: the type of their products.
        checkpoints: the folder where the training of each can go on when it was cut; None for one that begins anew.
    """

    arithmetic: Arithmetic
    checkpoints: Path | None

    def train(self, name: str, model: ClosedForm | Neural, data: TrainingData) -> None:
        """Fit the member called `name`."""
        if isinstance(model, ClosedForm):
            model.fit()
            return
        with tempfile.TemporaryDirectory() as folder:
            fit(model, data, self.arithmetic, Checkpoint((self.checkpoints or Path(folder)) / f"{name}.safetensors"))


class BlendHyperparameters(Group):
    """`members` by name; params.yaml lists entries of `models:`, and what these take is put in their place."""

    members: Annotated[dict[Name, Member], Field(min_length=2)]


class Blend(ClosedForm):
    """ŷ_ui = Σ_m w_m (s_m,ui − mean_j s_m,uj) / std_j s_m,uj over the members' scores s_m, with j the items that u did not take.

    The best member on validation has weight 1; the others are gone through one after the other, each with the `STEPS`, and what
    gives the best validation NDCG@20 is kept.

    Attributes:
        training: how the neural members are trained.
    """

    Hyperparameters = BlendHyperparameters
    reads = frozenset(Input)
    draws = True

    def __init__(self, hyperparameters: BlendHyperparameters, data: TrainingData) -> None:
        self.data = data
        self.models = {
            name: registry.create(member.model, member.hyperparameters, data) for name, member in hyperparameters.members.items()
        }
        self.weights = torch.ones(len(self.models), device=data.train.items.device)
        self.training = MemberTraining(Arithmetic(torch.float32, compile=False), checkpoints=None)

    @classmethod
    def knows_unseen(cls, hyperparameters: BlendHyperparameters) -> bool:
        members = hyperparameters.members.values()
        return any(registry.model_class(of.model).knows_unseen(registry.hyperparameters(of.model, of.hyperparameters)) for of in members)

    def prepare(self, arithmetic: Arithmetic, checkpoints: Path) -> None:
        self.training = MemberTraining(arithmetic, checkpoints)

    def fit(self) -> float:
        """Train the members, choose the weights; gives 1 − NDCG@20 on validation."""
        for name, model in self.models.items():
            print(f"member {name}", flush=True)
            self.training.train(name, model, self.data)
        self.weights, best = chosen_weights([model.scorer() for model in self.models.values()], self.data)
        told = zip(self.models, self.weights.tolist(), strict=True)
        print("weights: " + ", ".join(f"{name} {weight:g}" for name, weight in told), flush=True)
        return 1 - best

    def scorer(self) -> "BlendedScores":
        return BlendedScores({name: model.scorer() for name, model in self.models.items()}, self.weights, self.data.train)

    def save(self, folder: Path, data: TrainingData) -> None:
        save_file({"weights": self.weights.cpu()}, folder / WEIGHTS)
        for name, model in self.models.items():
            (folder / name).mkdir()
            model.save(folder / name, data)

    @classmethod
    def load(cls, hyperparameters: BlendHyperparameters, folder: Path, data: TrainingData) -> "BlendedScores":
        weights = load_file(folder / WEIGHTS)["weights"].to(data.train.items.device)
        if len(weights) != len(hyperparameters.members):
            raise PipelineError(f"{folder / WEIGHTS}: {len(weights)} weights for {len(hyperparameters.members)} members; run `dvc repro`.")
        members = hyperparameters.members.items()
        scorers = {name: registry.load(of.model, of.hyperparameters, folder / name, data) for name, of in members}
        return BlendedScores(scorers, weights, data.train)


class BlendedScores:
    """The weighted sum of the members' standard scores."""

    def __init__(self, scorers: dict[str, Scorer], weights: Tensor, train: Interactions) -> None:
        self.scorers = scorers
        self.weights = weights
        self.train = train

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        taking = [(weight, scorer) for weight, scorer in zip(self.weights.tolist(), self.scorers.values(), strict=True) if weight]
        total = torch.zeros(len(users), self.train.num_items, device=users.device)
        for weight, scorer in taking:
            total += weight * standard_scores(scorer.score(users), *self.train.rows(users))
        return total

    @property
    def weights_by_name(self) -> dict[str, float]:
        return dict(zip(self.scorers, self.weights.tolist(), strict=True))

    def standard_scores(self, users: Tensor) -> Tensor:
        """What each member thinks of all items, before it is weighed: (members, B, items)."""
        taken = self.train.rows(users)
        return torch.stack([standard_scores(scorer.score(users), *taken) for scorer in self.scorers.values()])


def standard_scores(scores: Tensor, rows: Tensor, items: Tensor) -> Tensor:
    """(B, items) scores, less their mean, by their standard deviation, row by row; those of (rows, items) do not count in either."""
    open_to = torch.ones_like(scores, dtype=torch.bool)
    open_to[rows, items] = False
    count = open_to.sum(1, keepdim=True).clamp(min=1)
    mean = scores.where(open_to, 0).sum(1, keepdim=True) / count
    deviation = ((scores - mean).where(open_to, 0).square().sum(1, keepdim=True) / count).sqrt()
    return (scores - mean) / deviation.clamp(min=torch.finfo(scores.dtype).tiny)


def chosen_weights(scorers: list[Scorer], data: TrainingData) -> tuple[Tensor, float]:
    """(members,) weights, and the validation NDCG@20 that they give to the users who were asked."""
    judges = data.valid.counts.nonzero().squeeze(1)
    if len(judges) > JUDGES:
        judges = judges[torch.linspace(0, len(judges) - 1, JUDGES, device=judges.device).long()]
    taken = data.train.rows(judges)
    held = torch.stack([standard_scores(scorer.score(judges), *taken) for scorer in scorers])  # (members, U, items)
    row, items = data.valid.rows(judges)
    valid = Interactions.from_pairs(judges[row], items, data.num_users, data.num_items)

    def value(weights: Tensor) -> float:
        mixed = torch.einsum("m,mui->ui", weights, held)
        return validation_metrics(_Held(judges, mixed), data.train, valid)[SELECTION]

    alone = torch.eye(len(scorers), device=judges.device)
    values = [value(weights) for weights in alone]
    strongest = max(range(len(values)), key=values.__getitem__)
    best, weights = values[strongest], alone[strongest]
    for _ in range(ROUNDS):
        for member in range(len(scorers)):
            if member == strongest:
                continue
            for step in STEPS:
                tried = weights.clone()
                tried[member] = step
                found = value(tried)
                if found > best:
                    best, weights = found, tried
    return weights, best


class _Held:
    """Scores (U, items) that are held for some users, ascending."""

    def __init__(self, users: Tensor, scores: Tensor) -> None:
        self.users = users
        self.scores = scores

    def score(self, users: Tensor) -> Tensor:
        return self.scores[torch.searchsorted(self.users, users)]
