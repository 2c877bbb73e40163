"""DMICF: what each perspective sees, and its loss term by term."""

import math
from typing import Any

import pytest
import torch

from mkg4rec import params
from mkg4rec.models import dmicf, registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.dmicf import Dmicf, groups
from tests.conftest import ROOT
from tests.worlds import checkerboard


def _model(data: TrainingData, **changes: Any) -> Dmicf:
    torch.manual_seed(0)
    values = params.load(ROOT / "params.yaml").models["dmicf"] | {"dimension": 4, "num_negatives": 5} | changes
    model = registry.create("dmicf", values, data)
    assert isinstance(model, Dmicf)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


@torch.no_grad()
def test_a_score_adds_both_perspectives_each_with_one_side_known_by_its_neighbours() -> None:
    data, _ = checkerboard(9, 7)
    model, train = _model(data), data.train
    around_users, around_items = torch.zeros_like(model.users), torch.zeros_like(model.items)
    for user, item in zip(train.users.tolist(), train.items.tolist(), strict=True):
        root = math.sqrt(int(train.counts[user] * train.item_counts[item]))
        around_users[user] += model.items[item] / root
        around_items[item] += model.users[user] / root
    scores = model.scorer().score(torch.arange(9))
    for user, item in [(0, 0), (3, 6), (8, 1)]:
        expected = 0.0
        for side, (one, other) in enumerate([(around_users[user], model.items[item]), (model.users[user], around_items[item])]):
            one, other = one / one.norm(), other / other.norm()
            intents = [model.encoders[side](node.unsqueeze(0))[0] for node in (one, other)]
            expected += float(model.agreement[side] @ (intents[0] * intents[1]) + model.likeness[side] * (one @ other))
        assert float(scores[user, item]) == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_every_row_is_in_one_group() -> None:
    for size in (1, 64, 200):
        rows = torch.randn(size, 3)
        assert torch.equal(torch.cat([part.flatten(0, 1) for part in groups(rows)]), rows)


@torch.no_grad()
def test_the_loss_is_a_softmax_against_what_the_user_did_not_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dmicf, "GROUP", 4)
    data, _ = checkerboard(9, 7)
    model, train = _model(data), data.train
    positives = torch.tensor([9, 0, 7, 2, 12, 5])
    torch.manual_seed(4)
    found = float(model.recommendation_loss(positives))
    torch.manual_seed(4)
    negatives = torch.cat([model.draw_shared(1).expand(4, -1), model.draw_shared(1).expand(2, -1)])
    scores, terms = model.scorer().score(torch.arange(9)).double() / 0.2, []
    for number, drawn in zip(sorted(positives.tolist()), negatives.tolist(), strict=True):
        user, item = int(train.users[number]), int(train.items[number])
        taken = train.items[train.users == user].tolist()
        others = [math.exp(float(scores[user, other] - scores[user, item])) for other in drawn if other not in taken]
        terms.append(math.log(1 + sum(others)))
    assert found == pytest.approx(sum(terms) / 6, rel=1e-4)


def test_no_negative_is_kept_out_of_training() -> None:
    data, _ = checkerboard()
    unseen = torch.arange(data.num_items) % 3 == 0
    assert not unseen[_model(data.without(unseen)).draw_shared(50)].any()


def test_another_loss_is_that_of_every_model() -> None:
    data, _ = checkerboard()
    model = _model(data, loss="bpr")
    torch.manual_seed(1)
    found = model.recommendation_loss(torch.arange(20))
    torch.manual_seed(1)
    torch.testing.assert_close(found, model.ranking_loss(model.candidates(torch.arange(20)), *model.final_vectors()))
