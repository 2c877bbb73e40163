"""Who took what: the binary users × items matrix in compressed rows, on a device."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mkg4rec.ragged import entries_of, row_offsets


@dataclass(frozen=True)
class Interactions:
    """A binary users × items matrix in compressed rows.

    Attributes:
        offsets: (num_users + 1,) int64; the items of user u are `items[offsets[u]:offsets[u + 1]]`.
        items: (nnz,) int64, ascending within a user, without repetition.
        num_items: the width of the matrix.
    """

    offsets: Tensor
    items: Tensor
    num_items: int

    @classmethod
    def from_pairs(cls, users: Tensor, items: Tensor, num_users: int, num_items: int) -> "Interactions":
        """From (nnz,) user and item indices in any order; a pair that stands twice counts once."""
        keys = torch.unique(users.long() * num_items + items.long())
        return cls(row_offsets(keys // num_items, num_users), keys % num_items, num_items)

    @property
    def num_users(self) -> int:
        return len(self.offsets) - 1

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def counts(self) -> Tensor:
        """(num_users,) interactions of each user."""
        return self.offsets.diff()

    @cached_property
    def item_counts(self) -> Tensor:
        """(num_items,) interactions of each item."""
        return torch.bincount(self.items, minlength=self.num_items)

    @cached_property
    def users(self) -> Tensor:
        """(nnz,) the user of each entry of `items`, ascending."""
        return torch.repeat_interleave(torch.arange(self.num_users, device=self.items.device), self.counts)

    @cached_property
    def keys(self) -> Tensor:
        """(nnz,) user · num_items + item, ascending."""
        return self.users * self.num_items + self.items

    @cached_property
    def transposed(self) -> "Interactions":
        """items × users."""
        return Interactions.from_pairs(self.items, self.users, self.num_items, self.num_users)

    def contains(self, users: Tensor, items: Tensor) -> Tensor:
        """Whether each (user, item) is an entry; `users` and `items` broadcast to the result's shape."""
        wanted = users * self.num_items + items
        if not len(self):
            return torch.zeros_like(wanted, dtype=torch.bool)
        position = torch.searchsorted(self.keys, wanted).clamp_(max=len(self) - 1)
        return self.keys[position] == wanted

    def rows(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """The entries of some users: (row number within `users`, item), both of shape (entries,)."""
        row, entries = entries_of(self.offsets, users)
        return row, self.items[entries]

    def union(self, other: "Interactions") -> "Interactions":
        """Entries of either matrix; both have the same shape."""
        keys = torch.cat([self.keys, other.keys])
        return Interactions.from_pairs(keys // self.num_items, keys % self.num_items, self.num_users, self.num_items)

    def to(self, device: torch.device) -> "Interactions":
        return Interactions(self.offsets.to(device), self.items.to(device), self.num_items)


@dataclass(frozen=True)
class WeightedInteractions:
    """A users × items matrix whose entries have weights.

    Attributes:
        entries: where it has entries.
        weights: (nnz,) float32, in their order.
    """

    entries: Interactions
    weights: Tensor

    @classmethod
    def binary(cls, entries: Interactions) -> "WeightedInteractions":
        """Every weight 1."""
        return cls(entries, torch.ones(len(entries), device=entries.items.device))

    def beside(self, other: "WeightedInteractions") -> "WeightedInteractions":
        """[self | other]: the same users, the items of `other` numbered after those of this one."""
        width = self.entries.num_items + other.entries.num_items
        users = torch.cat([self.entries.users, other.entries.users])
        items = torch.cat([self.entries.items, other.entries.items + self.entries.num_items])
        order = torch.argsort(users * width + items)
        both = Interactions.from_pairs(users, items, self.entries.num_users, width)
        return WeightedInteractions(both, torch.cat([self.weights, other.weights])[order])

    @cached_property
    def transposed(self) -> "WeightedInteractions":
        """items × users."""
        order = torch.argsort(self.entries.items, stable=True)
        return WeightedInteractions(self.entries.transposed, self.weights[order])

    def dense_rows(self, users: Tensor) -> Tensor:
        """(B, items) from (B,) user indices, none twice."""
        row, entries = entries_of(self.entries.offsets, users)
        dense = torch.zeros(len(users), self.entries.num_items, device=self.weights.device)
        dense[row, self.entries.items[entries]] = self.weights[entries]
        return dense
