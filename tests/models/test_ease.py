"""EASE against a ridge regression for each item."""

from dataclasses import replace

import pytest
import torch

from mkg4rec.models import registry
from mkg4rec.models.ease import Ease
from tests.worlds import checkerboard, random_interactions


@pytest.mark.parametrize("penalty", [0.5, 20.0])
def test_weights_and_loss_are_those_of_a_ridge_regression_for_each_item(penalty: float) -> None:
    train = random_interactions(30, 11, 0.3, torch.Generator().manual_seed(0))
    model = registry.create("ease", {"regularization": penalty}, replace(checkerboard()[0], train=train))
    assert isinstance(model, Ease)
    loss = model.fit()

    dense = torch.zeros(30, 11, dtype=torch.float64)
    dense[train.users, train.items] = 1
    expected = torch.zeros(11, 11, dtype=torch.float64)
    for item in range(11):
        others = torch.arange(11) != item
        kept = dense[:, others]
        expected[others, item] = torch.linalg.inv(kept.T @ kept + penalty * torch.eye(10)) @ kept.T @ dense[:, item]
    torch.testing.assert_close(model.weights.double(), expected, atol=1e-6, rtol=0)
    assert loss == pytest.approx(float((dense - dense @ expected).square().sum() + penalty * expected.square().sum()) / (30 * 11))
