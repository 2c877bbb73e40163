"""A receptive field has the asked number of true neighbours of every entity, none more likely than another."""

import torch

from mkg4rec.graph.collaborative import Triplets
from mkg4rec.graph.receptive_field import ReceptiveField, sample_receptive_field
from tests.worlds import random_triplets

HEADS = torch.tensor([0, 0, 0, 1, 4])
RELATIONS = torch.tensor([0, 1, 1, 0, 1])
TAILS = torch.tensor([2, 2, 3, 3, 1])
TRIPLETS = Triplets(HEADS, RELATIONS, TAILS, num_entities=6, num_relations=2)


def _sampled(field: ReceptiveField, entity: int) -> list[tuple[int, int]]:
    return list(zip(field.relations[entity].tolist(), field.neighbours[entity].tolist(), strict=True))


def test_neighbours_are_those_of_triplets_and_their_inverses() -> None:
    generator = torch.Generator().manual_seed(0)
    triplets = random_triplets(9, 12, 3, 20, generator)
    around: dict[int, set[tuple[int, int]]] = {entity: set() for entity in range(triplets.num_entities)}
    for head, relation, tail in zip(triplets.heads.tolist(), triplets.relations.tolist(), triplets.tails.tolist(), strict=True):
        around[head].add((relation, tail))
        around[tail].add((relation + 3, head))
    torch.manual_seed(0)
    field = sample_receptive_field(triplets, 4)
    assert field.neighbours.shape == field.relations.shape == (21, 4)
    for entity, edges in around.items():
        assert set(_sampled(field, entity)) <= (edges or {(6, entity)})


def test_draws_without_replacement_where_there_are_enough() -> None:
    torch.manual_seed(0)
    for _ in range(20):
        field = sample_receptive_field(TRIPLETS, 2)
        assert len(set(_sampled(field, 0))) == 2
        assert len(set(_sampled(field, 1))) == 2
    assert sorted(_sampled(sample_receptive_field(TRIPLETS, 3), 0)) == [(0, 2), (1, 2), (1, 3)]


def test_repeats_where_there_are_too_few() -> None:
    torch.manual_seed(0)
    field = sample_receptive_field(TRIPLETS, 4)
    assert set(_sampled(field, 4)) == {(1, 1)}
    assert set(_sampled(field, 0)) <= {(0, 2), (1, 2), (1, 3)}


def test_an_entity_without_neighbours_is_its_own() -> None:
    field = sample_receptive_field(TRIPLETS, 3)
    assert _sampled(field, 5) == [(4, 5)] * 3
    nothing = torch.empty(0, dtype=torch.long)
    field = sample_receptive_field(Triplets(nothing, nothing, nothing, 2, 1), 2)
    assert field.neighbours.tolist() == [[0, 0], [1, 1]]
    assert (field.relations == 2).all()


def test_every_neighbour_is_equally_likely() -> None:
    torch.manual_seed(0)
    # Entity 0 has ten neighbours, of which three or twelve are drawn; 3,000 copies of it stand side by side.
    copies = torch.arange(3000).repeat_interleave(10)
    tails = 3000 + torch.arange(10).repeat(3000)
    for size in (3, 12):
        field = sample_receptive_field(Triplets(copies, torch.zeros_like(copies), tails, 3010, 1), size)
        counts = torch.bincount(field.neighbours[:3000].flatten() - 3000, minlength=10)
        assert (counts / (300 * size) - 1).abs().max() < 0.15


def test_the_same_seed_draws_the_same_field() -> None:
    fields = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        fields.append(sample_receptive_field(random_triplets(9, 12, 3, 200, torch.Generator().manual_seed(0)), 4))
    assert torch.equal(fields[0].neighbours, fields[1].neighbours)
    assert torch.equal(fields[0].relations, fields[1].relations)
    assert not torch.equal(fields[0].neighbours, fields[2].neighbours)
