"""ConvNCF: its scores, its loss with three penalties, and its beginning."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import convncf, registry
from mkg4rec.models.convncf import ConvNcf
from mkg4rec.training.pretraining import PretrainingHyperparameters, bpr_embeddings
from tests.conftest import ROOT
from tests.worlds import checkerboard

PRETRAINING: dict[str, Any] = {"epochs": 3, "patience": 3, "learning_rate": 0.01, "batch_size": 128, "regularization": 0.001}


def _model(**changes: Any) -> ConvNcf:
    values = params.load(ROOT / "params.yaml").models["convncf"] | {"dimension": 8, "channels": 4, "pretraining": PRETRAINING} | changes
    torch.manual_seed(0)
    model = registry.create("convncf", values, checkerboard()[0])
    assert isinstance(model, ConvNcf)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


@torch.no_grad()
@pytest.mark.parametrize("pairs", [1, 12, 5000])
def test_every_score_is_the_prediction_for_the_pair(pairs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = _model()
    monkeypatch.setitem(convncf.BLOCK, "cpu", pairs * model.tower.largest)
    users = torch.tensor([39, 0, 5, 6, 5])
    scores = model.scorer().score(users)
    assert scores.shape == (5, 24)
    for row, user in enumerate(users):
        for item in range(24):
            expected = model.tower(model.users[user][None], model.items[item][None])[0] @ model.prediction[:, 0]
            torch.testing.assert_close(scores[row, item], expected)


def test_the_loss_is_bpr_with_a_penalty_on_each_kind_of_parameters() -> None:
    data, _ = checkerboard()
    model = _model(embedding_regularization=0.1, convolution_regularization=0.2, prediction_regularization=0.3)
    interactions = torch.arange(0, 400, 20)
    torch.manual_seed(3)
    found = model.recommendation_loss(interactions)
    users, positives = data.train.users[interactions], data.train.items[interactions]
    torch.manual_seed(3)
    negatives = model.negative_items.draw(users)
    expected = torch.zeros(())
    for user, positive, negative in zip(users, positives, negatives, strict=True):
        vectors = model.users[user], model.items[positive], model.items[negative]
        difference = model(vectors[0][None], vectors[1][None])[0] - model(vectors[0][None], vectors[2][None])[0]
        squares = torch.stack([vector.square().sum() for vector in vectors]).sum()
        expected = expected + (-F.logsigmoid(difference) + 0.1 / 2 * squares) / len(interactions)
    for kernel in model.tower.kernels:
        expected = expected + 0.2 / 2 * kernel.square().sum()
    expected = expected + 0.3 / 2 * model.prediction.square().sum()
    torch.testing.assert_close(found, expected)
    parameters = list(model.parameters())
    gradients = zip(torch.autograd.grad(found, parameters), torch.autograd.grad(expected, parameters), strict=True)
    for actual, gradient in gradients:
        torch.testing.assert_close(actual, gradient)
        assert gradient.abs().sum() > 0


def test_begins_with_the_vectors_of_a_matrix_factorisation() -> None:
    data, _ = checkerboard()
    model = _model()
    torch.manual_seed(1)
    model.pretrain(data)
    torch.manual_seed(1)
    users, items = bpr_embeddings(data, 8, PretrainingHyperparameters(**PRETRAINING))
    assert torch.equal(model.users, users)
    assert torch.equal(model.items, items)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_begins_at_random_where_asked_to() -> None:
    model = _model(pretraining=None)
    before = model.users.detach().clone()
    model.pretrain(checkerboard()[0])
    assert torch.equal(model.users, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": 48}, r"models\.convncf\.dimension: .*power of two"),
        ({"dimension": 1}, r"models\.convncf\.dimension"),
        ({"embedding_regularization": -1.0}, r"models\.convncf\.embedding_regularization"),
        ({"pretraining": {"epochs": 3}}, r"models\.convncf\.pretraining\.patience: this key is missing"),
    ],
)
def test_refuses_what_does_not_fit_together(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        _model(**changes)
