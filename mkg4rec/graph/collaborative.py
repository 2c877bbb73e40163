"""The collaborative knowledge graph: train interactions and triplets in one graph, on a device.

KGAT (Wang et al., KDD 2019, https://arxiv.org/abs/1905.07854), section 2: G = {(h, r, t)} holds every
triplet and every interaction, each with its inverse.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from mkg4rec.interactions import Interactions
from mkg4rec.ragged import row_offsets

INTERACTS = 0
"""The relation of a user to an item that it took."""


@dataclass(frozen=True)
class Triplets:
    """Facts by index: head, relation and tail of shape (triplets,), int64; items are the first entities.

    Attributes:
        relation_names: by index; none where nobody asks for a relation by name.
    """

    heads: Tensor
    relations: Tensor
    tails: Tensor
    num_entities: int
    num_relations: int
    relation_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class CollaborativeGraph:
    """G as edges sorted by (head, relation, tail), without repetition.

    Nodes: entities first (items first among them: item i is node i), then users: user u is node
    num_entities + u. Relations: 0 is "interacts with", 1 … R those of the knowledge graph, and
    R + 1 + r is the inverse of r.

    Attributes:
        heads, relations, tails: (edges,) int64.
    """

    heads: Tensor
    relations: Tensor
    tails: Tensor
    num_entities: int
    num_users: int
    num_items: int
    num_relations: int

    @classmethod
    def build(cls, train: Interactions, triplets: Triplets) -> "CollaborativeGraph":
        """G from the train interactions (users × items) and the triplets, inverses added."""
        forward = torch.stack(
            [
                torch.cat([train.users + triplets.num_entities, triplets.heads]),
                torch.cat([torch.zeros_like(train.items), triplets.relations + 1]),
                torch.cat([train.items, triplets.tails]),
            ]
        )
        inverse = forward.flip(0)
        inverse[1] = forward[1] + triplets.num_relations + 1
        heads, relations, tails = torch.unique(torch.cat([forward, inverse], dim=1), dim=1)
        return cls(heads, relations, tails, triplets.num_entities, train.num_users, train.num_items, 2 * (triplets.num_relations + 1))

    @property
    def num_nodes(self) -> int:
        return self.num_entities + self.num_users

    @cached_property
    def offsets(self) -> Tensor:
        """(num_nodes + 1,) the edges of head v are `offsets[v]:offsets[v + 1]`."""
        return row_offsets(self.heads, self.num_nodes)

    @cached_property
    def degrees(self) -> Tensor:
        """(num_nodes,) edges that leave each node."""
        return self.offsets.diff()

    @cached_property
    def edges_by_relation(self) -> list[Tensor]:
        """For each relation the numbers of its edges."""
        order = torch.argsort(self.relations, stable=True)
        counts = torch.bincount(self.relations, minlength=self.num_relations)
        return list(order.split(counts.tolist()))

    @cached_property
    def inverses(self) -> Tensor:
        """(edges,) the number of each edge's inverse."""
        facts = self.num_relations // 2
        return self.edge_numbers(self.tails, (self.relations + facts) % self.num_relations, self.heads)

    def edge_numbers(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """The numbers of edges that are there, by their ends and relations, all of one shape."""
        keys = self._keys(self.heads, self.relations, self.tails)
        return torch.searchsorted(keys, self._keys(heads, relations, tails))

    def _keys(self, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
        """Numbers in the order of edges."""
        return (heads * self.num_relations + relations) * self.num_nodes + tails

    def to(self, device: torch.device) -> "CollaborativeGraph":
        return CollaborativeGraph(
            self.heads.to(device),
            self.relations.to(device),
            self.tails.to(device),
            self.num_entities,
            self.num_users,
            self.num_items,
            self.num_relations,
        )
