"""Negatives: what a user did not take, and nothing that is kept out of training."""

import torch

from mkg4rec.training.losses import softmax
from mkg4rec.training.samplers import NegativeItems
from tests.worlds import random_interactions

GENERATOR = torch.Generator().manual_seed(0)
TRAIN = random_interactions(12, 20, 0.3, GENERATOR)
UNSEEN = torch.zeros(20, dtype=torch.bool)
UNSEEN[[0, 7, 19]] = True


def _without_unseen() -> list[set[int]]:
    taken = torch.zeros(12, 20, dtype=torch.bool)
    taken[TRAIN.users, TRAIN.items] = True
    return [set((~taken[user] & ~UNSEEN).nonzero().squeeze(1).tolist()) for user in range(12)]


def test_every_item_that_may_be_drawn_is_and_no_other() -> None:
    train = type(TRAIN).from_pairs(TRAIN.users[~UNSEEN[TRAIN.items]], TRAIN.items[~UNSEEN[TRAIN.items]], 12, 20)
    users = torch.arange(12).repeat_interleave(600)
    drawn = NegativeItems(train, UNSEEN).draw(users)
    for user, allowed in enumerate(_without_unseen()):
        assert set(drawn[users == user].tolist()) == allowed


def test_the_full_softmax_leaves_unseen_items_out() -> None:
    users, items = torch.randn(5, 4, generator=GENERATOR), torch.randn(20, 4, generator=GENERATOR)
    taken = torch.tensor([1, 2, 3, 4, 5])
    scores = users @ items.T / 0.5
    found = softmax(scores, torch.arange(5), taken, UNSEEN)
    expected = [torch.log(scores[row, ~UNSEEN].exp().sum()) - scores[row, item] for row, item in enumerate(taken)]
    torch.testing.assert_close(found, torch.stack(expected).mean())
