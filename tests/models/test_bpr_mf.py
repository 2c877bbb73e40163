"""BPR-MF, the losses and the similarity that it may have instead, and its vectors as a beginning for other models."""

import math
from typing import Any

import pytest
import torch

from mkg4rec import params
from mkg4rec.device import seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.models import registry
from mkg4rec.models.bpr_mf import BprMf
from mkg4rec.models.vectors import VectorScorer
from mkg4rec.training.pretraining import PretrainingHyperparameters, bpr_embeddings
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(**changes: Any) -> BprMf:
    torch.manual_seed(0)
    values = params.load(ROOT / "params.yaml").models["bpr_mf"] | {"dimension": 4} | changes
    model = registry.create("bpr_mf", values, checkerboard()[0])
    assert isinstance(model, BprMf)
    # Long vectors, so that a wrong term shows.
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


@torch.no_grad()
def test_a_score_is_an_inner_product() -> None:
    model = _model()
    scores = model.scorer().score(torch.tensor([3, 0]))
    for row, user in enumerate([3, 0]):
        for item in range(len(model.items)):
            expected = sum(float(w) * float(h) for w, h in zip(model.users[user], model.items[item], strict=True))
            assert scores[row, item].item() == pytest.approx(expected, abs=1e-5)


@torch.no_grad()
def test_a_cosine_score_is_that_of_unit_vectors() -> None:
    model = _model(similarity="cosine")
    scores = model.scorer().score(torch.tensor([5]))
    for item in range(len(model.items)):
        user_vector, item_vector = model.users[5], model.items[item]
        expected = float(user_vector @ item_vector) / math.sqrt(float(user_vector @ user_vector) * float(item_vector @ item_vector))
        assert scores[0, item].item() == pytest.approx(expected, abs=1e-5)


@torch.no_grad()
def test_the_loss_is_that_of_every_pair_and_its_penalty() -> None:
    data, _ = checkerboard()
    model = _model(regularization=0.3)
    positives = torch.tensor([0, 7, 30, 31])
    torch.manual_seed(5)
    found = model.recommendation_loss(positives)

    torch.manual_seed(5)
    users, items = data.train.users[positives], data.train.items[positives]
    total = 0.0
    for user, item, negative in zip(users, items, model.draw_negatives(users)[:, 0], strict=True):
        vector, taken, other = model.users[user], model.items[item], model.items[negative]
        total += math.log(1 + math.exp(-float(vector @ taken - vector @ other)))
        total += 0.3 / 2 * float(vector.norm() ** 2 + taken.norm() ** 2 + other.norm() ** 2)
    assert found.item() == pytest.approx(total / 4, rel=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("loss", ["bpr", "sampled_softmax", "softmax"])
def test_every_loss_is_that_of_the_scores(loss: str, similarity: str) -> None:
    data, _ = checkerboard()
    model = _model(loss=loss, similarity=similarity, num_negatives=3, temperature=0.7, regularization=0.0)
    positives = torch.tensor([2, 11, 60])
    torch.manual_seed(5)
    found = model.recommendation_loss(positives)

    torch.manual_seed(5)
    users, items = data.train.users[positives], data.train.items[positives]
    negatives = model.draw_negatives(users)
    total = 0.0
    for row, (scores, item) in enumerate(zip(model.scorer().score(users), items.tolist(), strict=True)):
        others = negatives[row].tolist() if loss != "softmax" else [other for other in range(data.num_items) if other != item]
        temperature = 1.0 if loss == "bpr" else 0.7
        # Against one item, −ln σ of the difference is the softmax.
        total -= math.log(1 / (1 + sum(math.exp(float(scores[other] - scores[item]) / temperature) for other in others)))
    assert len(negatives[0]) == {"bpr": 1, "sampled_softmax": 3, "softmax": 0}[loss]
    assert found.item() == pytest.approx(total / 3, rel=1e-5)


def test_rows_outside_the_batch_have_no_gradient() -> None:
    model = _model()
    data, _ = checkerboard()
    positives = torch.tensor([0, 1])
    model.recommendation_loss(positives).backward()
    assert model.users.grad is not None
    involved = model.users.grad.abs().sum(1).nonzero().squeeze(1)
    assert involved.tolist() == data.train.users[positives].unique().tolist()


def _pretrained(**changes: Any) -> tuple[torch.Tensor, torch.Tensor]:
    seed_everything(1)
    values = {"epochs": 12, "patience": 12, "learning_rate": 0.02, "batch_size": 64, "regularization": 0.001} | changes
    return bpr_embeddings(checkerboard()[0], 6, PretrainingHyperparameters(**values))


def test_pretrained_vectors_rank_well_and_are_the_same_for_a_seed() -> None:
    data, _ = checkerboard()
    users, items = _pretrained()
    assert users.shape == (data.num_users, 6)
    assert items.shape == (data.num_items, 6)
    assert not users.requires_grad
    assert not items.requires_grad
    assert validation_metrics(VectorScorer(users, items), data.train, data.valid)["ndcg@20"] > 0.9
    for first, second in zip((users, items), _pretrained(), strict=True):
        assert torch.equal(first, second)


def test_pretraining_stops_for_lack_of_progress(capsys: pytest.CaptureFixture[str]) -> None:
    _pretrained(epochs=500, patience=2)
    assert capsys.readouterr().out.count("\nepoch") < 100


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": 0}, "models.bpr_mf.dimension"),
        ({"regularization": -0.1}, "models.bpr_mf.regularization"),
        ({"loss": "hinge"}, "models.bpr_mf.loss"),
        ({"similarity": "euclid"}, "models.bpr_mf.similarity"),
        ({"temperature": 0.0}, "models.bpr_mf.temperature"),
    ],
)
def test_refuses_impossible_values(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(**changes)
