"""Small synthetic data with a known right answer, for models and layers."""

import pyarrow as pa
import torch
from torch import Tensor

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.nearest import by_features
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import ItemContents, Ratings, TrainingData


def random_interactions(num_users: int, num_items: int, share: float, generator: torch.Generator) -> Interactions:
    """A random matrix in which every user has at least one item."""
    taken = torch.rand(num_users, num_items, generator=generator) < share
    taken[torch.arange(num_users), torch.randint(num_items, (num_users,), generator=generator)] = True
    return dense_interactions(taken)


def dense_interactions(taken: Tensor) -> Interactions:
    """From a dense (users, items) bool."""
    users, items = taken.nonzero(as_tuple=True)
    return Interactions.from_pairs(users, items, *taken.shape)


def random_triplets(num_items: int, num_attributes: int, num_relations: int, count: int, generator: torch.Generator) -> Triplets:
    """Random facts (item, relation, attribute), and a few between attributes."""
    entities = num_items + num_attributes
    heads = torch.randint(num_items, (count,), generator=generator)
    tails = torch.randint(num_items, entities, (count,), generator=generator)
    heads[: count // 10] = torch.randint(num_items, entities, (count // 10,), generator=generator)
    relations = torch.randint(num_relations, (count,), generator=generator)
    return Triplets(heads, relations, tails, entities, num_relations)


def random_graph(seed: int = 0, num_users: int = 7, num_items: int = 9, num_attributes: int = 6) -> CollaborativeGraph:
    """A small collaborative knowledge graph with three relations."""
    generator = torch.Generator().manual_seed(seed)
    train = random_interactions(num_users, num_items, 0.25, generator)
    return CollaborativeGraph.build(train, random_triplets(num_items, num_attributes, 3, 20, generator))


def checkerboard(num_users: int = 40, num_items: int = 24, dimension: int = 8) -> tuple[TrainingData, Tensor]:
    """Even users take even items and odd users odd items; every user misses some, which are what to recommend.

    The graph says the same (an attribute "even" and an attribute "odd"), and so do the features.

    Returns:
        the data, with two held-out items of each user as its validation part, and (users, items) bool: what is right.
    """
    generator = torch.Generator().manual_seed(0)
    users, items = torch.meshgrid(torch.arange(num_users), torch.arange(num_items), indexing="ij")
    right = (users + items) % 2 == 0
    held_out = torch.zeros_like(right)
    for user in range(num_users):
        candidates = right[user].nonzero().squeeze(1)
        held_out[user, candidates[torch.randperm(len(candidates), generator=generator)[:2]]] = True
    train = dense_interactions(right & ~held_out)
    valid = dense_interactions(held_out)
    every_item = torch.arange(num_items)
    triplets = Triplets(every_item, torch.zeros_like(every_item), num_items + every_item % 2, num_items + 2, 1)
    vectors = torch.zeros(num_items + 2, dimension)
    vectors[torch.arange(num_items), every_item % 2] = 1
    present = torch.ones(num_items + 2, dtype=torch.bool)
    present[num_items:] = False
    present[::5] = False
    data = TrainingData(
        pa.array(range(100, 100 + num_users), pa.int64()),
        pa.array(range(1000, 1000 + num_items), pa.int64()),
        train,
        valid,
        lambda: triplets,
        lambda modality: FeatureMatrix(vectors, present),
        lambda: ItemContents([f"number {['even', 'odd'][item % 2]}" for item in range(num_items)], 1990.0 + every_item.double() % 2),
        lambda: Ratings(torch.full((len(train),), 4.0), dense_interactions(~right)),
        lambda modality: by_features(FeatureMatrix(vectors, present), num_items, 4),
    )
    return data, right
