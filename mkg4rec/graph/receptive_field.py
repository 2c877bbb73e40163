"""Receptive fields: of every entity the same number of sampled neighbours, so that hops are rectangular tensors."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mkg4rec.graph.collaborative import Triplets
from mkg4rec.ragged import row_offsets


@dataclass(frozen=True)
class ReceptiveField:
    """S(v) of every entity v, with |S(v)| = K.

    Attributes:
        neighbours: (entities, K) int64.
        relations: (entities, K) int64; 0 … R − 1 as in the triplets, R + r the inverse of r, 2R that of an entity to itself.
    """

    neighbours: Tensor
    relations: Tensor


def sample_receptive_field(triplets: Triplets, size: int) -> ReceptiveField:
    """`size` neighbours of every entity over the triplets and their inverses, drawn from torch's global generator.

    As KGCN's code does (Wang et al., WWW 2019, https://arxiv.org/abs/1904.12575): without replacement where an entity has
    so many neighbours, else with it. Ours: an inverse is a relation of its own, as in the collaborative knowledge graph,
    where the code takes edges without direction; and an entity without neighbours is its own, by a relation that exists
    for this, so that what its neighbourhood brings to it is its own vector.
    """
    heads = torch.cat([triplets.heads, triplets.tails])
    relations = torch.cat([triplets.relations, triplets.relations + triplets.num_relations])
    tails = torch.cat([triplets.tails, triplets.heads])
    alone = (torch.bincount(heads, minlength=triplets.num_entities) == 0).nonzero().squeeze(1)
    heads, tails = torch.cat([heads, alone]), torch.cat([tails, alone])
    relations = torch.cat([relations, torch.full_like(alone, 2 * triplets.num_relations)])

    # By head, and the edges of a head in random order.
    shuffled = torch.randperm(len(heads), device=heads.device)
    order = shuffled[torch.argsort(heads[shuffled], stable=True)]
    offsets = row_offsets(heads[order], triplets.num_entities)
    degrees = offsets.diff().unsqueeze(1)  # (entities, 1)
    first = torch.arange(size, device=heads.device)
    with_replacement = (torch.rand(triplets.num_entities, size, dtype=torch.float64, device=heads.device) * degrees).long()
    drawn = order[offsets[:-1].unsqueeze(1) + torch.where(degrees >= size, first, with_replacement)]  # (entities, K)
    return ReceptiveField(tails[drawn], relations[drawn])
