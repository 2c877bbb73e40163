"""The shared losses against literal versions of their equations, pair by pair."""

import math

import pytest
import torch
from torch import Tensor

from mkg4rec.training.losses import bpr, sampled_softmax, softmax, squared_norm

BATCH, NUM_ITEMS = 5, 7


def _literal_softmax(positive: list[float], others: list[list[float]]) -> float:
    """−mean ln of e^ŷ_ui / (e^ŷ_ui + Σ_j e^ŷ_uj)."""
    losses = []
    for own, rest in zip(positive, others, strict=True):
        losses.append(-math.log(math.exp(own) / (math.exp(own) + sum(math.exp(other) for other in rest))))
    return sum(losses) / len(losses)


def _scores() -> tuple[Tensor, Tensor]:
    """(B, items) scores, and what the users took."""
    generator = torch.Generator().manual_seed(0)
    return 3 * torch.randn(BATCH, NUM_ITEMS, generator=generator), torch.tensor([4, 0, 6, 2, 0])


def test_bpr() -> None:
    positive, negative = torch.tensor([1.0, -0.5, 3.0]), torch.tensor([0.5, 2.0, 3.0])
    expected = [-math.log(1 / (1 + math.exp(-(p - n)))) for p, n in zip(positive.tolist(), negative.tolist(), strict=True)]
    assert bpr(positive, negative).item() == pytest.approx(sum(expected) / 3)


def test_sampled_softmax() -> None:
    scores, _ = _scores()
    expected = _literal_softmax(scores[:, 0].tolist(), scores[:, 1:].tolist())
    assert sampled_softmax(scores[:, 0], scores[:, 1:]).item() == pytest.approx(expected, rel=1e-5)


def test_sampled_softmax_with_one_item_is_bpr() -> None:
    scores, _ = _scores()
    torch.testing.assert_close(sampled_softmax(scores[:, 0], scores[:, 1:2]), bpr(scores[:, 0], scores[:, 1]))


def test_full_softmax_is_the_sampled_one_with_every_other_item() -> None:
    scores, items = _scores()
    positive = scores.gather(1, items.unsqueeze(1)).squeeze(1)
    others = torch.stack([torch.cat([row[:item], row[item + 1 :]]) for row, item in zip(scores, items.tolist(), strict=True)])
    expected = _literal_softmax(positive.tolist(), others.tolist())
    assert softmax(scores, torch.arange(len(items)), items).item() == pytest.approx(expected, rel=1e-5)
    assert sampled_softmax(positive, others).item() == pytest.approx(expected, rel=1e-5)


def test_full_softmax_of_a_user_with_several_items_is_that_of_as_many_rows() -> None:
    scores, items = _scores()
    users = torch.tensor([2, 0, 2, 1, 2])
    several = items.new_tensor([0, 1, 2, 0, 1])
    every = softmax(scores[users], torch.arange(5), several)
    torch.testing.assert_close(softmax(scores, users, several), every)


def test_squared_norm_is_half_the_mean_over_pairs() -> None:
    users, others = torch.randn(3, 4), torch.randn(3, 2, 4)
    expected = 0.0
    for pair in range(3):
        expected += sum(float(value) ** 2 for value in users[pair]) / 2
        expected += sum(float(value) ** 2 for row in others[pair] for value in row) / 2
    assert squared_norm(users, others).item() == pytest.approx(expected / 3, rel=1e-5)
