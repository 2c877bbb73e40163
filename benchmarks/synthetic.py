"""Random data in the shape of a published data set: its sizes and its long tails, nothing of its meaning."""

from dataclasses import dataclass

import pyarrow as pa
import torch
from torch import Tensor

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.nearest import by_features
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import ItemContents, Ratings, TrainingData

PRESENT = 0.9
"""Share of the entities that have features."""

NEIGHBOURS = 10
"""Of an item in an item graph."""

DRAWN_AT_ONCE = 1 << 27
"""Pairs of users and items whose chances are held together."""

USER_SPREAD, ITEM_SPREAD, ENTITY_SPREAD = 1.0, 1.5, 1.5
"""σ of the lognormal popularity. With these the tails are those of MovieLens-1M: half of its users took more than 65 items, one took 1,547;
half of its items have more than 77 users, one has 2,568."""


@dataclass(frozen=True)
class Size:
    """How much of everything there is; `interactions` are those of the train part, `dimension` is that of a feature."""

    users: int
    items: int
    interactions: int
    entities: int
    triplets: int
    relations: int
    dimension: int


MOVIELENS_1M = Size(users=6039, items=3476, interactions=667_000, entities=20_000, triplets=97_000, relations=23, dimension=512)
SMALL = Size(users=40, items=30, interactions=300, entities=80, triplets=150, relations=4, dimension=16)


def interactions(size: Size) -> Interactions:
    """Exactly so many different (user, item) pairs, drawn without replacement in proportion to the popularity of both; a few less
    where there are more than `DRAWN_AT_ONCE` pairs to draw from.

    The pairs with the largest log p + Gumbel noise (Efraimidis and Spirakis, 2006, https://doi.org/10.1016/j.ipl.2005.11.003).
    """
    if size.users * size.items > DRAWN_AT_ONCE:
        return _drawn_one_by_one(size)
    popularity = USER_SPREAD * torch.randn(size.users, 1) + ITEM_SPREAD * torch.randn(1, size.items)  # log p, (users, items)
    noise = -torch.empty_like(popularity).exponential_().log_()
    pairs = (popularity + noise).flatten().topk(size.interactions, sorted=False).indices
    return Interactions.from_pairs(pairs // size.items, pairs % size.items, size.users, size.items)


def _drawn_one_by_one(size: Size) -> Interactions:
    """Users and items drawn by themselves; a pair that is drawn twice counts once."""
    users, items = _popular(size.users, size.interactions, USER_SPREAD), _popular(size.items, size.interactions, ITEM_SPREAD)
    return Interactions.from_pairs(users, items, size.users, size.items)


def triplets(size: Size) -> Triplets:
    """Facts (item, relation, attribute); some may stand twice, and then count once in a graph."""
    attributes = _popular(size.entities - size.items, size.triplets, ENTITY_SPREAD)
    heads = torch.randint(size.items, (size.triplets,))
    return Triplets(heads, _popular(size.relations, size.triplets, 1.0), size.items + attributes, size.entities, size.relations)


def graph(size: Size) -> CollaborativeGraph:
    """Both together."""
    return CollaborativeGraph.build(interactions(size), triplets(size))


def training_data(size: Size, device: torch.device) -> TrainingData:
    """What a model learns from, with the same features for every modality; the validation part is empty."""
    train, facts = interactions(size).to(device), triplets(size)
    facts = Triplets(facts.heads.to(device), facts.relations.to(device), facts.tails.to(device), size.entities, size.relations)
    vectors = torch.nn.functional.normalize(torch.randn(size.entities, size.dimension), dim=-1)
    features = FeatureMatrix(vectors.to(device), (torch.rand(size.entities) < PRESENT).to(device))
    nothing = train.items[:0]
    return TrainingData(
        pa.array(range(size.users), pa.int64()),
        pa.array(range(size.items), pa.int64()),
        train,
        Interactions.from_pairs(nothing, nothing, size.users, size.items),
        lambda: facts,
        lambda modality: features,
        lambda: ItemContents([""] * size.items, torch.full((size.items,), torch.nan, dtype=torch.float64)),
        lambda: Ratings(torch.ones(len(train), device=device), Interactions.from_pairs(nothing, nothing, size.users, size.items)),
        lambda modality: by_features(features, size.items, NEIGHBOURS),
    )


def _popular(universe: int, draws: int, spread: float) -> Tensor:
    """(draws,) numbers below `universe`, with lognormal popularity."""
    return torch.multinomial(torch.exp(spread * torch.randn(universe)), draws, replacement=True)
