"""MKGAT: multi-modal knowledge graph attention (Sun et al., CIKM 2020, https://doi.org/10.1145/3340531.3411947).

Equation numbers are those of the paper's section 4. Where it is silent, the choice is marked "ours" with its reason.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import CollaborativeGraph, Triplets
from mkg4rec.group import Lax
from mkg4rec.layers.transe import TransE
from mkg4rec.layers.triplet_attention import Aggregation, Neighbourhoods, TripletLayer
from mkg4rec.models.base import Input
from mkg4rec.models.data import Modalities, TrainingData
from mkg4rec.models.knowledge_graph import KnowledgeGraphHyperparameters, KnowledgeGraphModel
from mkg4rec.models.message_passing import Messages
from mkg4rec.ragged import entries_of


class MkgatHyperparameters(KnowledgeGraphHyperparameters):
    """Attributes:
    modalities: whose contents are entities of the graph.
    aggregation: how a node's own vector joins that of its triplets (equations 5 and 6).
    """

    modalities: Modalities
    aggregation: Annotated[Aggregation, Lax]


class Mkgat(KnowledgeGraphModel):
    """The collaborative knowledge graph with images and texts as entities (hasImage, hasText), under attention over triplets.

    Entities and users have embeddings, an image or a text is its features through a dense layer (section 4.1.1). One
    layer's output is what the knowledge graph embedding is learned on (equations 7 and 8), all outputs together are what
    recommends (section 4.2). Ours: both modules share that layer, which the paper says of the entity encoders, and as in
    KGAT an epoch of the one follows an epoch of the other, where the paper alternates batches.
    """

    Hyperparameters = MkgatHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES})

    def __init__(self, hyperparameters: MkgatHyperparameters, data: TrainingData) -> None:
        triplets = data.read_triplets()
        features = [data.read_features(modality) for modality in hyperparameters.modalities]
        super().__init__(hyperparameters, data, CollaborativeGraph.build(data.train, with_contents(triplets, features)))
        self.hyperparameters: MkgatHyperparameters = hyperparameters
        settings, relation_dimension = hyperparameters, hyperparameters.widths[1]

        self.entities = nn.Parameter(nn.init.xavier_uniform_(torch.empty(triplets.num_entities, settings.dimension)))
        self.users = nn.Parameter(nn.init.xavier_uniform_(torch.empty(data.num_users, settings.dimension)))
        self.contents = nn.ModuleList(ContentEncoder(part.vectors[part.present], settings.dimension) for part in features)
        self.transe = TransE(self.graph.num_relations, relation_dimension)
        self.layers = nn.ModuleList(
            TripletLayer(width, relation_dimension, next_width, settings.negative_slope, settings.aggregation)
            for width, next_width in pairwise(settings.widths)
        )
        self.to(data.train.items.device)
        self.neighbourhoods = Neighbourhoods.of(self.graph)

    def initial_nodes(self) -> Tensor:
        """(nodes, d): entities, then the contents of every modality, then users."""
        return torch.cat([self.entities, *(encoder() for encoder in self.contents), self.users])

    def propagate_once(self, layer: nn.Module, nodes: Tensor) -> Tensor:
        propagated: Tensor = layer(nodes, self.transe.translations, self.neighbourhoods)
        return propagated

    def messages(self) -> Messages:
        """The attention of a layer depends on what the layer reads; a weight is its mean over the layers."""
        nodes = self.initial_nodes()
        layers = []
        for layer in self.layers:
            assert isinstance(layer, TripletLayer)
            parts = layer.attention.parts_of_triplets(nodes, self.transe.translations)
            layers.append(layer.attention.attention(*parts, self.neighbourhoods))
            nodes = self.propagate_once(layer, nodes)
        return Messages(self.graph, torch.stack(layers).mean(0), len(self.layers))

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole = self.neighbourhoods
        self.neighbourhoods = replace(whole, kept=kept)
        try:
            yield
        finally:
            self.neighbourhoods = whole

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """What an item's attention spends on its image and on its text, and on all its other neighbours: "graph"."""
        owner, edges = entries_of(self.graph.offsets, items)
        weights, relations = self.messages().weights[edges], self.graph.relations[edges]
        first = self.graph.num_relations // 2 - len(self.hyperparameters.modalities)
        none = torch.zeros(len(items), device=weights.device)
        shares = {
            modality: none.index_add(0, owner, weights * (relations == first + number))
            for number, modality in enumerate(self.hyperparameters.modalities)
        }
        return shares | {"graph": 1 - torch.stack([none, *shares.values()]).sum(0)} if shares else {}

    def fact_loss(self, heads: Tensor, relations: Tensor, tails: Tensor, corrupted_tails: Tensor) -> Tensor:
        """TransE on what the first layer makes of the nodes (equations 7 and 8)."""
        nodes = self.propagate_once(self.layers[0], self.initial_nodes())
        return self.transe.loss(nodes[heads], relations, nodes[tails], nodes[corrupted_tails])


class ContentEncoder(nn.Module):
    """W x + b of (contents, D) feature vectors x."""

    features: Tensor

    def __init__(self, features: Tensor, dimension: int) -> None:
        super().__init__()
        # Not persistent: contents are inputs, and the weights file should not carry them.
        self.register_buffer("features", features, persistent=False)
        self.projection = nn.Linear(features.shape[1], dimension)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self) -> Tensor:
        """(contents, d)"""
        encoded: Tensor = self.projection(self.features)
        return encoded


def with_contents(triplets: Triplets, features: list[FeatureMatrix]) -> Triplets:
    """The knowledge graph with a further relation per modality, from every entity that has content to an entity of its own."""
    heads, relations, tails = [triplets.heads], [triplets.relations], [triplets.tails]
    num_entities = triplets.num_entities
    for number, part in enumerate(features):
        owners = part.present.nonzero().squeeze(1)
        heads.append(owners)
        relations.append(torch.full_like(owners, triplets.num_relations + number))
        tails.append(num_entities + torch.arange(len(owners), device=owners.device))
        num_entities += len(owners)
    return Triplets(torch.cat(heads), torch.cat(relations), torch.cat(tails), num_entities, triplets.num_relations + len(features))
