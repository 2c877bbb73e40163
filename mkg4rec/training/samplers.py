"""Drawing batches on the device: shuffled positives and exact, rejection-free negatives."""

from collections.abc import Iterator

import torch
from torch import Tensor

from mkg4rec.interactions import Interactions


class ComplementSampler:
    """Draws uniformly from {0 … universe − 1} without the members of a group: never a true positive.

    Of the ascending members m_0 < m_1 < … of a group, m_j − j counts the outsiders below m_j. So the k-th
    outsider is k + #{j : m_j − j ≤ k}, which one binary search finds: exact, without rejection, and every
    draw costs the same.
    """

    def __init__(self, groups: Tensor, members: Tensor, num_groups: int, universe: int) -> None:
        """
        Args:
            groups, members: (pairs,) int64, a group's number and a member of it, in any order.
            num_groups: groups without members are allowed.
            universe: members are 0 … universe − 1.
        """
        keys = torch.unique(groups * universe + members)
        groups, members = keys // universe, keys % universe
        self.universe = universe
        self.counts = torch.bincount(groups, minlength=num_groups)
        self.starts = self.counts.cumsum(0) - self.counts
        rank = torch.arange(len(groups), device=groups.device) - self.starts[groups]
        # Ascending within a group; times (universe + 1) makes groups follow each other.
        self.outsiders_below = groups * (universe + 1) + members - rank

    def draw(self, groups: Tensor) -> Tensor:
        """One outsider for each of (B,) groups. A group that holds the whole universe gets an arbitrary member."""
        outsiders = (self.universe - self.counts[groups]).clamp_(min=1)
        # A double has 53 bits: every rank below a universe of nodes is reached with equal chance.
        chosen = (torch.rand(len(groups), dtype=torch.float64, device=groups.device) * outsiders).long()
        position = torch.searchsorted(self.outsiders_below, groups * (self.universe + 1) + chosen, right=True)
        return (chosen + position - self.starts[groups]).clamp_(max=self.universe - 1)


class NegativeItems:
    """Draws items that a user did not take, none of them from those that are kept out of training."""

    def __init__(self, train: Interactions, unseen: Tensor | None) -> None:
        """
        Args:
            unseen: (num_items,) bool, the items kept out; None where there is none.
        """
        self.offered = None if unseen is None else (~unseen).nonzero().squeeze(1)
        if unseen is None or self.offered is None:
            self.outsiders = ComplementSampler(train.users, train.items, train.num_users, train.num_items)
        else:
            places = (~unseen).cumsum(0) - 1
            self.outsiders = ComplementSampler(train.users, places[train.items], train.num_users, len(self.offered))

    def draw(self, users: Tensor) -> Tensor:
        """One item for each of (B,) users."""
        drawn = self.outsiders.draw(users)
        return drawn if self.offered is None else self.offered[drawn]


class TailSampler:
    """Draws corrupted tails t′ of facts (h, r, t): nodes that are no tail of h and r, so that no true fact counts as false."""

    def __init__(self, heads: Tensor, relations: Tensor, tails: Tensor, num_nodes: int) -> None:
        """
        Args:
            heads, relations, tails: (facts,) int64, in any order.
            num_nodes: heads and tails are 0 … num_nodes − 1.
        """
        pairs, self.groups = torch.unique(relations * num_nodes + heads, return_inverse=True)
        self.outsiders = ComplementSampler(self.groups, tails, len(pairs), num_nodes)

    def draw(self, facts: Tensor) -> Tensor:
        """One corrupted tail for each of (B,) numbers of facts."""
        return self.outsiders.draw(self.groups[facts])


def shuffled_batches(size: int, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    """Every number below `size` once, in random order, `batch_size` at a time (the last batch may be smaller)."""
    yield from torch.randperm(size, device=device).split(batch_size)
