"""What models on graphs of items have in common: LightGCN over the interactions, and items that are near each other."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.graph.item_graph import ItemGraph, blended
from mkg4rec.graph.sparse import LearnedProduct, Pattern, SparseProduct
from mkg4rec.group import Count, Name
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import TrainingData
from mkg4rec.models.lightgcn import LightGcn, LightGcnHyperparameters
from mkg4rec.models.message_passing import Messages

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


def user_means(train: Interactions, kept: Tensor | None = None) -> LearnedProduct:
    """Of (items, d) vectors the mean over what each user took: (users, d).

    Args:
        kept: (nnz,) how much of each interaction is there, from 0 to 1, of which the product has a gradient; by default all.
    """
    taken = torch.ones(len(train), device=train.items.device) if kept is None else kept
    sums = taken.new_zeros(train.num_users).index_add(0, train.users, taken).clamp(min=torch.finfo(taken.dtype).tiny)
    return Pattern.build(train.users, train.items, (train.num_users, train.num_items)).learned(taken / sums[train.users])


@dataclass(frozen=True)
class Mixture:
    """S = Σ_r γ_r D_r^−½ A_r D_r^−½ of graphs A_r of the same items, which are known by their relation.

    Attributes:
        shares: γ_r; a relation of share 0 is left out.
        weight: of S among the mixtures of a model.
    """

    shares: Mapping[str, float]
    weight: float = 1.0


@dataclass(frozen=True)
class LearnedMixture:
    """S x, with a gradient by the weights of the A_r."""

    parts: Sequence[tuple[float, LearnedProduct]]

    def __call__(self, dense: Tensor) -> Tensor:
        return torch.stack([share * part(dense) for share, part in self.parts]).sum(0)


class OverItemGraphs(LightGcn):
    """LightGCN over the interactions, and items that hear from those near them.

    Attributes:
        relations: A_r by what its edges are called: (i, r, j) where i hears from j.
        mixtures: what is made of them.
        item_graphs: the S.
    """

    relations: Mapping[str, ItemGraph]
    mixtures: Sequence[Mixture]
    item_graphs: Sequence[SparseProduct | LearnedMixture]

    def join(self, relations: Mapping[str, ItemGraph], mixtures: Sequence[Mixture]) -> None:
        """Take these graphs for those that the model has."""
        self.relations, self.mixtures = relations, mixtures
        self.item_graphs = [graph.product() for graph in self.mixed()]
        self._graph = None

    def mixed(self) -> list[ItemGraph]:
        """The S."""
        return [
            blended([(share, self.relations[name].normalised()) for name, share in mixture.shares.items()]) for mixture in self.mixtures
        ]

    def make_graph(self) -> CollaborativeGraph:
        return with_item_graphs(self.train_interactions, list(self.relations.values()))

    def messages(self) -> Messages:
        """LightGCN's, and from item to item the entries of Σ_S weight S, each with its relation."""
        messages = super().messages()
        for number, (name, graph) in enumerate(self.relations.items(), start=1):
            share = sum(mixture.weight * mixture.shares.get(name, 0.0) for mixture in self.mixtures)
            messages.weights[self.graph.edges_by_relation[number]] = share * graph.normalised().weights
        return replace(messages, relation_names=tuple(self.relations))

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole = self.item_graphs
        products = {
            name: graph.keeping(kept[self.graph.edges_by_relation[number]]).normalised().learned_product()
            for number, (name, graph) in enumerate(self.relations.items(), start=1)
        }
        self.item_graphs = [
            LearnedMixture([(share, products[name]) for name, share in mixture.shares.items()]) for mixture in self.mixtures
        ]
        try:
            with super().keeping(kept):
                yield
        finally:
            self.item_graphs = whole


def near_by(modality: str) -> str:
    """What edges between items are called that are near each other by a modality."""
    return f"near by {modality}"


def with_item_graphs(train: Interactions, graphs: Sequence[ItemGraph]) -> CollaborativeGraph:
    """The train interactions and, by number, the edges of each of the graphs as relations 1, 2, …, in their order; and all inverses."""
    none = train.items.new_empty(0)
    triplets = Triplets(
        torch.cat([none, *(graph.items for graph in graphs)]),
        torch.cat([none, *(torch.full_like(graph.items, number) for number, graph in enumerate(graphs))]),
        torch.cat([none, *(graph.neighbours for graph in graphs)]),
        train.num_items,
        len(graphs),
    )
    return CollaborativeGraph.build(train, triplets)


def shares_by_length(modalities: Sequence[str], parts: Tensor) -> dict[str, Tensor]:
    """Σ_k ‖p_mk‖ / Σ_m′ Σ_k ‖p_m′k‖ of what each modality m adds to the vectors k of a pair; (M, B, K, d) → (B,) by modality."""
    lengths = parts.norm(dim=-1).sum(2)
    shares = lengths / lengths.sum(0).clamp(min=torch.finfo(lengths.dtype).tiny)
    return dict(zip(modalities, shares.unbind(0), strict=True))
