"""SIGER: semantic item graphs, enhanced (Zhang et al. 2025, https://arxiv.org/abs/2508.06154).

Theirs, as far as it is public: collaborative signals from the interactions infused into each modality's item graph; noise on the
embeddings whose intensity follows their modulus, for two contrastive views; modalities aligned to behaviour, then behaviour to
the fused semantics, by InfoNCE. The formulas and constants behind these words are ours: what they are is said where they stand, and
their values were chosen on validation.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mkg4rec.graph import augmentation
from mkg4rec.graph.bipartite import symmetric_normalised
from mkg4rec.graph.collaborative import INTERACTS
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.graph.nearest import by_co_interactions
from mkg4rec.graph.sparse import LearnedProduct, SparseProduct
from mkg4rec.group import Count, Lax
from mkg4rec.interactions import Interactions
from mkg4rec.layers.light_convolution import item_convolution, light_convolution
from mkg4rec.layers.perturbation import modulus_perturbed
from mkg4rec.models.base import Input
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_graphs import (
    ItemGraphHyperparameters,
    Mixture,
    OverItemGraphs,
    near_by,
    shares_by_length,
    user_means,
)
from mkg4rec.training.alignment import info_nce
from mkg4rec.tuning.space import Beside, Range

CAP = 0.7
"""GCA's p_τ: nothing is dropped with a greater chance."""

TAKEN_TOGETHER = "taken together"
"""What edges of the collaborative item graph are called."""


class Views(StrEnum):
    """Where two views of a node come from: noise by modulus, a part left out by chance, or more likely what is less central; or none."""

    MODULUS = "modulus"
    UNIFORM = "uniform"
    ADAPTIVE = "adaptive"
    NONE = "none"


WITH_VIEWS = Beside("views", (Views.MODULUS, Views.UNIFORM, Views.ADAPTIVE))


class SigerHyperparameters(ItemGraphHyperparameters):
    """Attributes:
    infusion: whether the modality graphs take up who is taken together.
    infused_share: γ, the part of that in a mixed graph.
    num_neighbours: of an item in the collaborative graph.
    views: where the contrastive views come from; `none` switches their loss off.
    intensity: ε of the noise, and the mean share of what the other views leave out.
    contrast_weight: of the views' loss.
    alignment: whether modalities and behaviour are aligned.
    alignment_weight: of both steps of it.
    contrast_temperature: τ of every InfoNCE.
    contrast_size: of the nodes of a batch, how many are held against each other, since that costs their square.
    """

    infusion: bool
    infused_share: Annotated[float, Field(ge=0, le=1), Range(0.1, 0.9), Beside("infusion")]
    num_neighbours: Count
    views: Annotated[Views, Lax]
    intensity: Annotated[float, Field(ge=0, lt=1), Range(0.01, 0.5, log=True), WITH_VIEWS]
    contrast_weight: Annotated[float, Field(ge=0), Range(1e-4, 1.0, log=True), WITH_VIEWS]
    alignment: bool
    alignment_weight: Annotated[float, Field(ge=0), Range(1e-4, 1.0, log=True), Beside("alignment")]
    contrast_temperature: Annotated[float, Field(gt=0), Range(0.05, 1.0, log=True)]
    contrast_size: Annotated[Count, Field(ge=2)]


@dataclass(frozen=True)
class Side:
    """The users or the items.

    Attributes:
        behaviour: b, (nodes, d).
        semantics: s_m, (nodes, M, d); 0 where a node has no neighbours by a modality.
        fused: s = Σ_m α_m s_m, (nodes, d).
    """

    behaviour: Tensor
    semantics: Tensor
    fused: Tensor

    @property
    def final(self) -> Tensor:
        """b + s, (nodes, d)."""
        return self.behaviour + self.fused


class Siger(OverItemGraphs):
    """e* = b + Σ_m α_m s_m, with b from LightGCN over the interactions and s_m from L steps over a mixed item graph.

    S_m = (1 − γ) Â_m + γ Ĉ of the modality's graph and that of co-interactions, both normalised; s_m = S_m^L e⁰ of the items, and
    of a user the mean over what the user took. The loss is BPR + λ_c Σ InfoNCE(view 1, view 2)
    + λ_a Σ (Σ_m InfoNCE(b, s_m) + InfoNCE(b, s)), sums over users and items. In the first of the alignments b is the anchor and
    stands still, so that modalities move to it; in the second both move. Whatever has no semantics is not aligned.

    Attributes:
        user_means: users × items, each user's row divided by its length.
        known: (users, M) and (items, M) bool, who has semantics by which modality.
    """

    Hyperparameters = SigerHyperparameters
    reads = frozenset({Input.ITEM_GRAPHS})

    def __init__(self, hyperparameters: SigerHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: SigerHyperparameters = hyperparameters
        self.join(*infused(hyperparameters, data))
        self.shares = torch.tensor(list(hyperparameters.modality_weights.values()), device=data.train.items.device)
        self.user_means: SparseProduct | LearnedProduct = user_means(data.train).constant
        connected = torch.stack([graph.connected for graph in self.mixed()], dim=1)  # (items, M)
        self.known = self.user_means(connected.float()) > 0, connected
        self.drop_probabilities = drop_probabilities(hyperparameters, data.train)

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        users, items = self.represent(initial)
        return users.final, items.final

    def represent(self, initial: Tensor) -> tuple[Side, Side]:
        """Users and items from e⁰."""
        own = initial[: len(self.items)]
        users, items = super().vectors_from(initial)
        steps = self.hyperparameters.num_item_layers
        of_items = torch.stack([item_convolution(graph, own, steps) for graph in self.item_graphs], dim=1)
        of_users = self.user_means(of_items.flatten(1)).view(len(users), *of_items.shape[1:])
        return self._side(users, of_users), self._side(items, of_items)

    def _side(self, behaviour: Tensor, semantics: Tensor) -> Side:
        return Side(behaviour, semantics, torch.einsum("nmd,m->nd", semantics, self.shares))

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole = self.user_means
        self.user_means = user_means(self.train_interactions, kept[self.graph.edges_by_relation[INTERACTS]])
        try:
            with super().keeping(kept):
                yield
        finally:
            self.user_means = whole

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """By how much of the fused semantics of user and item each modality brings."""
        sides = self.represent(self.initial_nodes())
        parts = torch.stack([side.semantics[nodes] for side, nodes in zip(sides, (users, items), strict=True)])  # (2, B, M, d)
        weighted = parts.permute(2, 1, 0, 3) * self.shares.view(-1, 1, 1, 1)
        return shares_by_length(list(self.hyperparameters.modality_weights), weighted)

    def recommendation_loss(self, positives: Tensor) -> Tensor:
        settings = self.hyperparameters
        sides = self.represent(self.initial_nodes())
        loss = self.ranking_loss(self.candidates(positives), *(side.final for side in sides))
        taken = self.train_interactions.users[positives], self.train_interactions.items[positives]
        chosen = [nodes[: settings.contrast_size].unique() for nodes in taken]
        # Gathered once, because the gradient of every gather is a whole table.
        some = [self.at(side, nodes) for side, nodes in zip(sides, chosen, strict=True)]
        if settings.views is not Views.NONE:
            loss = loss + settings.contrast_weight * self.contrast_loss(some, chosen)
        if settings.alignment:
            for side, known, nodes in zip(some, self.known, chosen, strict=True):
                loss = loss + settings.alignment_weight * self.alignment_loss(side, known[nodes])
        return loss

    def at(self, side: Side, nodes: Tensor) -> Side:
        """The rows of (B,) nodes."""
        return self._side(side.behaviour[nodes], side.semantics[nodes])

    def contrast_loss(self, some: Sequence[Side], chosen: Sequence[Tensor]) -> Tensor:
        """Σ InfoNCE of two views of the chosen users and items, whose rows `some` has."""
        first, second = self.view(some, chosen), self.view(some, chosen)
        losses = [info_nce(one, other, self.hyperparameters.contrast_temperature) for one, other in zip(first, second, strict=True)]
        return torch.stack(losses).sum()

    def view(self, some: Sequence[Side], chosen: Sequence[Tensor]) -> list[Tensor]:
        """A view of the chosen users and of the chosen items, (B, d) each."""
        if self.hyperparameters.views is Views.MODULUS:
            return [modulus_perturbed(side.final, self.hyperparameters.intensity) for side in some]
        return [view[nodes] for view, nodes in zip(self.reduced_view(), chosen, strict=True)]

    def reduced_view(self) -> tuple[Tensor, Tensor]:
        """b of users and items by a part of the interactions and of the dimensions of e⁰."""
        edges, dimensions = self.drop_probabilities
        if self.hyperparameters.views is Views.ADAPTIVE:
            degrees = torch.cat([self.train_interactions.counts, self.train_interactions.item_counts])
            central = augmentation.feature_centrality(torch.cat([self.users, self.items]), degrees)
            dimensions = augmentation.adaptive_probabilities(central, self.hyperparameters.intensity, CAP)
        adjacency = symmetric_normalised(augmentation.without_edges(self.train_interactions, edges))
        together = augmentation.without_features(torch.cat([self.users, self.items]), dimensions)
        users, items = together.split([len(self.users), len(self.items)])
        return light_convolution(adjacency, users, items, self.num_layers)

    def alignment_loss(self, side: Side, known: Tensor) -> Tensor:
        """Σ_m InfoNCE(b, s_m) with b as the anchor, and InfoNCE(b, s), of nodes as far as they have semantics.

        Args:
            known: (nodes, M) bool, who has semantics by which modality.
        """
        temperature, fused = self.hyperparameters.contrast_temperature, known.any(1)
        loss = info_nce(side.behaviour[fused], side.fused[fused], temperature)
        for modality, has in enumerate(known.unbind(1)):
            loss = loss + info_nce(side.behaviour[has].detach(), side.semantics[has, modality], temperature)
        return loss


def infused(hyperparameters: SigerHyperparameters, data: TrainingData) -> tuple[dict[str, ItemGraph], list[Mixture]]:
    """The graphs of the modalities and, with infusion, that of co-interactions; and of which of them each S_m is made."""
    weights, share = hyperparameters.modality_weights, hyperparameters.infused_share if hyperparameters.infusion else 0.0
    relations = {near_by(modality): data.read_item_graph(modality).unweighted() for modality in weights}
    if share > 0:
        relations[TAKEN_TOGETHER] = by_co_interactions(data.train, hyperparameters.num_neighbours)
    others = {TAKEN_TOGETHER: share} if share > 0 else {}
    return relations, [Mixture({near_by(modality): 1 - share} | others, weight) for modality, weight in weights.items()]


def drop_probabilities(hyperparameters: SigerHyperparameters, train: Interactions) -> tuple[Tensor, Tensor]:
    """Of (nnz,) interactions and (d,) dimensions, the latter by chance alone."""
    dimensions = torch.full((hyperparameters.dimension,), hyperparameters.intensity, device=train.items.device)
    if hyperparameters.views is Views.ADAPTIVE:
        return augmentation.adaptive_probabilities(augmentation.edge_centrality(train), hyperparameters.intensity, CAP), dimensions
    return augmentation.uniform_probabilities(train.items, hyperparameters.intensity), dimensions
