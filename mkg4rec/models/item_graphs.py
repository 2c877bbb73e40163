"""What models on graphs of items have in common: LightGCN over the interactions, and items that are near each other."""

from typing import Annotated

from pydantic import Field

from mkg4rec.graph.item_graph import ItemGraph, blended
from mkg4rec.graph.sparse import Pattern, SparseProduct
from mkg4rec.group import Count, Name
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import TrainingData
from mkg4rec.models.lightgcn import LightGcnHyperparameters

ModalityWeights = Annotated[dict[Name, Annotated[float, Field(gt=0)]], Field(min_length=1)]
"""The part that each modality has in what they say together."""


class ItemGraphHyperparameters(LightGcnHyperparameters):
    """Attributes:
    modality_weights: α_m of the modalities that take part.
    num_item_layers: L, steps along an item graph.
    """

    modality_weights: ModalityWeights
    num_item_layers: Count


def modality_graphs(weights: ModalityWeights, data: TrainingData) -> list[tuple[float, ItemGraph]]:
    """α_m and D^−½ A_m D^−½ of each modality: whoever is among the k nearest counts alike, as in FREEDOM."""
    return [(weight, data.read_item_graph(modality).unweighted().normalised()) for modality, weight in weights.items()]


def joint_graph(weights: ModalityWeights, data: TrainingData) -> ItemGraph:
    """Σ_m α_m D^−½ A_m D^−½."""
    return blended(modality_graphs(weights, data))


def user_means(train: Interactions) -> SparseProduct:
    """Of (items, d) vectors the mean over what each user took: (users, d)."""
    pattern = Pattern.build(train.users, train.items, (train.num_users, train.num_items))
    return pattern.weighted(1 / train.counts[train.users].float())
