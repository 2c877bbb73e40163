"""The shared losses against literal versions of their equations, pair by pair."""

import math

import pytest
import torch
from torch import Tensor

from mkg4rec.training.losses import Loss, bpr, ranking_loss, sampled_softmax, squared_norm

NUM_ITEMS, DIMENSION, BATCH = 7, 4, 5


def _batch(num_negatives: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Vectors of users and of all items, and what the users took and did not take."""
    generator = torch.Generator().manual_seed(num_negatives)
    users = torch.randn(BATCH, DIMENSION, generator=generator)
    item_vectors = torch.randn(NUM_ITEMS, DIMENSION, generator=generator)
    items = torch.randint(NUM_ITEMS, (BATCH,), generator=generator)
    negatives = (items.unsqueeze(1) + 1 + torch.arange(num_negatives)) % NUM_ITEMS
    return users, item_vectors, items, negatives


def _score(user: Tensor, item: Tensor) -> float:
    return sum(float(a) * float(b) for a, b in zip(user, item, strict=True))


def _literal_softmax(users: Tensor, item_vectors: Tensor, items: Tensor, against: list[list[int]], temperature: float) -> float:
    """−mean ln of e^(ŷ_ui/τ) / (e^(ŷ_ui/τ) + Σ_j e^(ŷ_uj/τ))."""
    losses = []
    for user, item, others in zip(users, items.tolist(), against, strict=True):
        own = math.exp(_score(user, item_vectors[item]) / temperature)
        rest = sum(math.exp(_score(user, item_vectors[other]) / temperature) for other in others)
        losses.append(-math.log(own / (own + rest)))
    return sum(losses) / len(losses)


def test_bpr() -> None:
    positive, negative = torch.tensor([1.0, -0.5, 3.0]), torch.tensor([0.5, 2.0, 3.0])
    expected = [-math.log(1 / (1 + math.exp(-(p - n)))) for p, n in zip(positive.tolist(), negative.tolist(), strict=True)]
    assert bpr(positive, negative).item() == pytest.approx(sum(expected) / 3)


def test_bpr_of_vectors_has_no_temperature() -> None:
    users, item_vectors, items, negatives = _batch(1)
    expected = 0.0
    for user, item, other in zip(users, items, negatives[:, 0], strict=True):
        difference = _score(user, item_vectors[item]) - _score(user, item_vectors[other])
        expected -= math.log(1 / (1 + math.exp(-difference))) / BATCH
    for temperature in (0.1, 1.0):
        actual = ranking_loss(Loss.BPR, temperature, users, item_vectors, items, negatives)
        assert actual.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_sampled_softmax(temperature: float) -> None:
    users, item_vectors, items, negatives = _batch(3)
    expected = _literal_softmax(users, item_vectors, items, negatives.tolist(), temperature)
    actual = ranking_loss(Loss.SAMPLED_SOFTMAX, temperature, users, item_vectors, items, negatives)
    assert actual.item() == pytest.approx(expected, rel=1e-5)
    scores = torch.tensor([[1.0, 2.0, -1.0], [0.0, 0.5, 0.25]])
    assert sampled_softmax(scores[:, 0], scores[:, 1:]).item() == pytest.approx(-scores.log_softmax(1)[:, 0].mean().item())


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_full_softmax_is_the_sampled_one_over_all_other_items(temperature: float) -> None:
    users, item_vectors, items, nothing = _batch(0)
    others = [[other for other in range(NUM_ITEMS) if other != item] for item in items.tolist()]
    expected = _literal_softmax(users, item_vectors, items, others, temperature)
    full = ranking_loss(Loss.SOFTMAX, temperature, users, item_vectors, items, nothing)
    sampled = ranking_loss(Loss.SAMPLED_SOFTMAX, temperature, users, item_vectors, items, torch.tensor(others))
    assert full.item() == pytest.approx(expected, rel=1e-5)
    assert sampled.item() == pytest.approx(expected, rel=1e-5)


def test_full_softmax_leaves_unseen_items_out() -> None:
    users, item_vectors, items, nothing = _batch(0)
    unseen = torch.ones(NUM_ITEMS, dtype=torch.bool)
    unseen[items] = False
    assert unseen.any()
    seen = [[other for other in range(NUM_ITEMS) if other != item and not unseen[other]] for item in items.tolist()]
    expected = _literal_softmax(users, item_vectors, items, seen, 0.5)
    actual = ranking_loss(Loss.SOFTMAX, 0.5, users, item_vectors, items, nothing, unseen)
    assert actual.item() == pytest.approx(expected, rel=1e-5)


def test_squared_norm_is_half_the_mean_over_pairs() -> None:
    users, others = torch.randn(3, 4), torch.randn(3, 2, 4)
    expected = 0.0
    for pair in range(3):
        expected += sum(float(value) ** 2 for value in users[pair]) / 2
        expected += sum(float(value) ** 2 for row in others[pair] for value in row) / 2
    assert squared_norm(users, others).item() == pytest.approx(expected / 3, rel=1e-5)
