"""EGRA: an enriched behaviour graph and representation alignment (Zhang et al. 2025, https://arxiv.org/abs/2508.16170).

Theirs, as far as it is public: the behaviour graph takes up an item graph built from the representations of a pretrained multimodal
model; modality and behaviour are aligned with a weight for each entity by how well it is aligned, and ever more strongly as
training goes on. Ours: FREEDOM is that model; the formulas below for weight and ramp; and the constants, chosen on validation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.device import Arithmetic
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import INTERACTS, CollaborativeGraph
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.graph.nearest import by_features
from mkg4rec.graph.sparse import LearnedProduct, SparseProduct
from mkg4rec.group import Count
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import Input, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.models.freedom import Freedom, FreedomHyperparameters
from mkg4rec.models.item_graphs import ModalityWeights, shares_by_length, user_means, with_item_graphs
from mkg4rec.models.lightgcn import LightGcn, LightGcnHyperparameters
from mkg4rec.models.message_passing import Messages
from mkg4rec.models.over_interactions import normalised_interactions
from mkg4rec.training.alignment import info_nce
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from mkg4rec.training.pretraining import PretrainingHyperparameters
from mkg4rec.tuning.space import Range

NEAR = "near by FREEDOM"
"""What edges between items are called."""


class FreedomPretraining(PretrainingHyperparameters):
    """What is FREEDOM's own; the rest it has in common with the model that it is trained for."""

    num_item_layers: Count
    pruned: Annotated[float, Field(ge=0, lt=1)]
    modality_loss_weight: Annotated[float, Field(ge=0)]


class EgraHyperparameters(LightGcnHyperparameters):
    """Attributes:
    modality_weights: α_m of the modalities that take part.
    num_neighbours: of an item in the graph of pretrained representations.
    item_edge_weight: β of its edges beside interactions, which have 1.
    alignment_weight: λ, when training has gone on for `ramp_epochs`.
    alignment_temperature: τ of InfoNCE.
    contrast_size: of the nodes of a batch, how many are held against each other.
    """

    modality_weights: ModalityWeights
    num_neighbours: Count
    item_edge_weight: Annotated[float, Field(ge=0), Range(0.05, 2.0, log=True)]
    alignment_weight: Annotated[float, Field(ge=0), Range(1e-4, 1.0, log=True)]
    alignment_temperature: Annotated[float, Field(gt=0), Range(0.05, 1.0, log=True)]
    ramp_epochs: Count
    contrast_size: Annotated[Count, Field(ge=2)]
    pretraining: FreedomPretraining


class Egra(LightGcn):
    """e* = b + s: behaviour b by LightGCN on the enriched graph, modality s = Σ_m α_m (W_m x_m + c_m) of an item, of a user the mean.

    The enriched graph has the users and items as nodes, interactions of weight 1, and β between an item and those nearest to it by
    the vectors of a FREEDOM that was trained before; it is normalised as LightGCN's. The loss is BPR
    + λ min(1, t / T) Σ ω_v InfoNCE(b_v, s_v) in epoch t of the ramp's T, with ω_v = 1 − cos(b_v, s_v), without gradient and divided
    by its mean, so that what is aligned least is aligned most.

    Attributes:
        neighbours: (items, k) nearest items, which are kept with the weights.
        joined: (items, k) bool, whether there is such a neighbour.
        epochs_begun: t.
    """

    Hyperparameters = EgraHyperparameters
    reads = frozenset({Input.FEATURES, Input.ITEM_GRAPHS})
    neighbours: Tensor
    joined: Tensor
    epochs_begun: Tensor

    def __init__(self, hyperparameters: EgraHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: EgraHyperparameters = hyperparameters
        shape = data.num_items, hyperparameters.num_neighbours
        self.register_buffer("neighbours", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("joined", torch.zeros(shape, dtype=torch.bool))
        self.register_buffer("epochs_begun", torch.zeros((), dtype=torch.long))
        parts = [data.read_features(modality) for modality in hyperparameters.modality_weights]
        self.contents = nn.ModuleList(ProjectedContents(part, data.num_items, hyperparameters.dimension) for part in parts)
        self.to(data.train.items.device)
        self.user_means = user_means(data.train).constant
        of_items = torch.stack([part.present[: data.num_items] for part in parts]).any(0)
        self.known = self.user_means(of_items.float().unsqueeze(1)).squeeze(1) > 0, of_items
        self.refresh()

    def pretrain(self, data: TrainingData) -> None:
        """Train FREEDOM, and keep whom it puts nearest to each item."""
        graph = nearest_by_freedom(self.hyperparameters, data)
        places = torch.arange(len(graph), device=graph.items.device) - torch.searchsorted(graph.items, graph.items)
        self.neighbours[graph.items, places] = graph.neighbours
        self.joined[graph.items, places] = True

    def refresh(self) -> None:
        enriched = enriched_graph(self.train_interactions, self.near(), self.hyperparameters.item_edge_weight)
        self.enriched: SparseProduct | LearnedProduct = enriched.product()
        self._graph = None

    def near(self) -> ItemGraph:
        """S, with a 1 for each neighbour."""
        items, places = self.joined.nonzero(as_tuple=True)
        near = self.neighbours[items, places]
        return ItemGraph.from_edges(items, near, torch.ones_like(near, dtype=torch.float), len(self.items))

    def recommendation(self) -> Objective[Tensor]:
        objective = super().recommendation()
        return replace(objective, batches=lambda: self._counted(objective.batches()))

    def _counted(self, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        self.epochs_begun += 1
        yield from batches

    def initial_nodes(self) -> Tensor:
        """e⁰ and s of items, then of users: (2, items + users, d)."""
        of_items = self.by_content().sum(0)
        return torch.stack([super().initial_nodes(), torch.cat([of_items, self.user_means(of_items)])])

    def by_content(self) -> Tensor:
        """α_m (W_m x_m + c_m): (M, items, d)."""
        weights = self.hyperparameters.modality_weights.values()
        return torch.stack([weight * part() for weight, part in zip(weights, self.contents, strict=True)])

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        (users, users_by_content), (items, items_by_content) = self.represent(initial)
        return users + users_by_content, items + items_by_content

    def represent(self, initial: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """b and s of the users, then of the items."""
        sizes = [len(self.items), len(self.users)]
        (own, own_of_users), (by_content, users_by_content) = (part.split(sizes) for part in initial)
        nodes = total = torch.cat([own_of_users, own])
        for _ in range(self.num_layers):
            nodes = self.enriched(nodes)
            total = total + nodes
        users, items = (total / (self.num_layers + 1)).split(sizes[::-1])
        return (users, users_by_content), (items, by_content)

    def make_graph(self) -> CollaborativeGraph:
        return with_item_graphs(self.train_interactions, [self.near()])

    def messages(self) -> Messages:
        """The entries of D^−½ A D^−½ of the enriched graph."""
        near, weight = self.near(), self.hyperparameters.item_edge_weight
        degrees = torch.cat([self.train_interactions.item_counts + weight * self.joined.sum(1), self.train_interactions.counts])
        weights = normalised_interactions(self.graph, degrees)
        # Who has no edge of any weight, as an item that nobody took where β is 0, keeps a row of zeros.
        roots = degrees.where(degrees > 0, 1.0).rsqrt().where(degrees > 0, 0.0)
        weights[self.graph.edges_by_relation[1]] = weight * roots[near.items] * roots[near.neighbours]
        return Messages(self.graph, weights, self.num_layers, relation_names=(NEAR,))

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole, (taken, near) = self.enriched, (self.graph.edges_by_relation[relation] for relation in (INTERACTS, 1))
        parts = self.near().keeping(kept[near]), self.hyperparameters.item_edge_weight, kept[taken]
        self.enriched = enriched_graph(self.train_interactions, *parts).learned_product()
        try:
            yield
        finally:
            self.enriched = whole

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """By how much of s of user and item each modality brings."""
        of_items = self.by_content()
        of_users = torch.stack([self.user_means(part) for part in of_items])
        parts = torch.stack([of_users[:, users], of_items[:, items]], dim=2)
        return shares_by_length(list(self.hyperparameters.modality_weights), parts)

    def recommendation_loss(self, positives: Tensor) -> Tensor:
        settings = self.hyperparameters
        sides = self.represent(self.initial_nodes())
        loss = self.ranking_loss(self.candidates(positives), *(behaviour + content for behaviour, content in sides))
        taken = self.train_interactions.users[positives], self.train_interactions.items[positives]
        ramp = (self.epochs_begun / settings.ramp_epochs).clamp(max=1)
        for (behaviour, content), known, nodes in zip(sides, self.known, taken, strict=True):
            chosen = nodes[: settings.contrast_size].unique()
            loss = loss + settings.alignment_weight * ramp * self.alignment_loss(behaviour, content, chosen[known[chosen]])
        return loss

    def alignment_loss(self, behaviour: Tensor, content: Tensor, chosen: Tensor) -> Tensor:
        """Mean over (B,) chosen nodes of ω InfoNCE(b, s)."""
        behaviour, content = behaviour[chosen], content[chosen]
        distances = 1 - F.cosine_similarity(behaviour, content, dim=-1).detach()
        weights = distances / distances.mean().clamp(min=torch.finfo(distances.dtype).tiny)
        return info_nce(behaviour, content, self.hyperparameters.alignment_temperature, weights)


class ProjectedContents(nn.Module):
    """W x + c of (items, D) features x; 0 where an item has none.

    Attributes:
        rows: (present,) items that have features.
        vectors: (present, D) x.
    """

    rows: Tensor
    vectors: Tensor

    def __init__(self, features: FeatureMatrix, num_items: int, dimension: int) -> None:
        super().__init__()
        rows = features.present[:num_items].nonzero().squeeze(1)
        # Not persistent: contents are inputs, and the weights file should not carry them.
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("vectors", features.vectors[rows], persistent=False)
        self.projection = nn.Linear(self.vectors.shape[1], dimension)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        self.num_items = num_items

    def forward(self) -> Tensor:
        """(items, d)"""
        projected = self.projection(self.vectors).float()
        zeros: Tensor = projected.new_zeros(self.num_items, projected.shape[1])
        return zeros.index_copy(0, self.rows, projected)


def nearest_by_freedom(hyperparameters: EgraHyperparameters, data: TrainingData) -> ItemGraph:
    """The k nearest items by the final vectors of a FREEDOM, trained on the train part and stopped on the validation part.

    Its training begins again where it was interrupted, with the same seed. An item that nobody took and that is near no other by
    any modality has no neighbours.
    """
    own = {name: value for name, value in hyperparameters if name in FreedomHyperparameters.model_fields}
    settings = hyperparameters.pretraining
    of_freedom = {name: value for name, value in settings if name in FreedomHyperparameters.model_fields}
    freedom = Freedom(FreedomHyperparameters(**own | of_freedom | {"max_epochs": settings.epochs}), data)
    print("pretraining: FREEDOM", flush=True)
    with TemporaryDirectory() as folder:
        fit(freedom, data, Arithmetic(torch.float32, compile=False), Checkpoint(Path(folder) / "checkpoint.safetensors"))
    known = data.train.item_counts > 0
    for modality in hyperparameters.modality_weights:
        known = known | data.read_item_graph(modality).connected
    return by_features(FeatureMatrix(freedom.scorer().items, known), data.num_items, hyperparameters.num_neighbours)


def enriched_graph(train: Interactions, near: ItemGraph, weight: float, kept: Tensor | None = None) -> ItemGraph:
    """D^−½ A D^−½ of A = [[0, R], [Rᵀ, β S]], users first.

    Args:
        near: S.
        weight: β.
        kept: (nnz,) how much of each interaction is there; by default all.
    """
    taken = torch.ones(len(train), device=train.items.device) if kept is None else kept
    users, items = train.users, train.items + train.num_users
    rows, columns = torch.cat([users, items, near.items + train.num_users]), torch.cat([items, users, near.neighbours + train.num_users])
    weights = torch.cat([taken, taken, weight * near.weights])
    return ItemGraph.from_edges(rows, columns, weights, train.num_users + train.num_items).normalised()
