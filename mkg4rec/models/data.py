"""What a model may learn from."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated

import pyarrow as pa
from pydantic import AfterValidator
from torch import Tensor

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.group import Name
from mkg4rec.interactions import Interactions


def _each_once(modalities: list[Name]) -> list[Name]:
    if len(set(modalities)) < len(modalities):
        raise ValueError(f"a modality stands twice in {modalities}")
    return modalities


Modalities = Annotated[list[Name], AfterValidator(_each_once)]
"""Names of feature files that a model reads."""


@dataclass(frozen=True)
class Ratings:
    """What users think of what they rated, which most models leave aside.

    Attributes:
        taken: (nnz,) float32, the rating behind each train interaction.
        dislikes: users × items, what users rated too low to count as taken; of the train part.
    """

    taken: Tensor
    dislikes: Interactions


@dataclass(frozen=True)
class ItemContents:
    """What is published of the items beside the graph.

    Attributes:
        texts: title and description of each item, or the title alone, "" where there is neither.
        years: (items,) float64, NaN where unknown.
        pages: text of a web page about each item, "" where it has none; none at all where no item has one.
        entities: identifier of each item in the knowledge base, "" where it has none; none at all where no item has one.
    """

    texts: list[str]
    years: Tensor
    pages: list[str] = field(default_factory=list)
    entities: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class TrainingData:
    """Train and validation interactions, the knowledge graph and the features of one data set, on a device.

    What is more than interactions is read when a model first asks, so that a model of interactions alone needs none of it.

    Attributes:
        user_ids, item_ids: the published identifiers by index.
        train, valid: users × items.
        read_triplets: reads the knowledge graph.
        read_features: reads a modality by name.
        read_contents: reads texts, years and pages.
        read_ratings: reads ratings and dislikes.
        read_item_graph: reads the nearest items of each item by a modality's vectors.
        unseen: (num_items,) bool, the items kept out of training; a model of these interactions draws none as a negative,
            since at its time there was none. None where no item is kept out.
    """

    user_ids: pa.Array
    item_ids: pa.Array
    train: Interactions
    valid: Interactions
    read_triplets: Callable[[], Triplets]
    read_features: Callable[[str], FeatureMatrix]
    read_contents: Callable[[], ItemContents]
    read_ratings: Callable[[], Ratings]
    read_item_graph: Callable[[str], ItemGraph]
    unseen: Tensor | None = None

    def without(self, unseen: Tensor) -> "TrainingData":
        """The same data, the (num_items,) `unseen` items kept out of training."""
        return replace(self, unseen=unseen)

    @property
    def num_users(self) -> int:
        return self.train.num_users

    @property
    def num_items(self) -> int:
        return self.train.num_items

    @cached_property
    def graph(self) -> CollaborativeGraph:
        """The collaborative knowledge graph of the train interactions and the triplets."""
        return CollaborativeGraph.build(self.train, self.read_triplets())
