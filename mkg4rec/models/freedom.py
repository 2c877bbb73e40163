"""FREEDOM: a frozen item graph and a denoised interaction graph (Zhou and Shen, MM 2023, https://arxiv.org/abs/2211.06924).

Theirs: 10 neighbours, α = .1 of the image, two layers over the interactions, one over the items. Ours: an item is not its own
neighbour, since its behaviour is added to what its neighbours say; features stay as they are, where the authors' code trains them
on; the other constants, chosen on validation.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.augmentation import degree_sensitive_sample
from mkg4rec.graph.bipartite import symmetric_normalised
from mkg4rec.layers.light_convolution import item_convolution, light_convolution
from mkg4rec.models.base import Input, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_graphs import ItemGraphHyperparameters, Mixture, OverItemGraphs, near_by, shares_by_length
from mkg4rec.tuning.space import Range


class FreedomHyperparameters(ItemGraphHyperparameters):
    """Attributes:
    pruned: share of the interactions that an epoch leaves out of the graph.
    modality_loss_weight: λ of the modalities' own ranking losses.
    """

    pruned: Annotated[float, Field(ge=0, lt=1), Range(0.0, 0.9)]
    modality_loss_weight: Annotated[float, Field(ge=0), Range(1e-5, 1.0, log=True)]


class Freedom(OverItemGraphs):
    """e*_u = ē_u and e*_i = ē_i + (S^L e⁰)_i with LightGCN's ē, and S the blend of the modalities' frozen item graphs.

    While it is trained, ē comes from a graph of interactions that is drawn anew for each epoch with chances ∝ 1 / √(n_u n_i).
    Beside BPR, λ Σ_m −ln σ(e*_u · W_m x_i − e*_u · W_m x_j) with the features x of modality m, where both items have it.

    Attributes:
        pruned: the interactions of the present epoch, normalised.
    """

    Hyperparameters = FreedomHyperparameters
    reads = frozenset({Input.FEATURES, Input.ITEM_GRAPHS})

    def __init__(self, hyperparameters: FreedomHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: FreedomHyperparameters = hyperparameters
        weights = hyperparameters.modality_weights
        relations = {near_by(modality): data.read_item_graph(modality).unweighted() for modality in weights}
        self.join(relations, [Mixture({near_by(modality): weight for modality, weight in weights.items()})])
        parts = (data.read_features(modality) for modality in weights)
        self.contents = nn.ModuleList(ItemContents(part, data.num_items, hyperparameters.dimension) for part in parts)
        self.to(data.train.items.device)
        self.pruned = self.adjacency

    def recommendation(self) -> Objective[Tensor]:
        objective = super().recommendation()
        return replace(objective, batches=lambda: self._prune_before(objective.batches()))

    def _prune_before(self, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        kept = degree_sensitive_sample(self.train_interactions, 1 - self.hyperparameters.pruned)
        self.pruned = symmetric_normalised(kept)
        yield from batches

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        own, of_users = initial.split([len(self.items), len(self.users)])
        adjacency = self.pruned if self.training else self.adjacency
        users, items = light_convolution(adjacency, of_users, own, self.num_layers)
        return users, items + item_convolution(self.item_graphs[0], own, self.hyperparameters.num_item_layers)

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """By how much of (S^L e⁰)_i each modality's last step along its own graph brings."""
        below = item_convolution(self.item_graphs[0], self.items, self.hyperparameters.num_item_layers - 1)
        weights = self.hyperparameters.modality_weights
        parts = [weight * self.relations[near_by(modality)].normalised().product()(below)[items] for modality, weight in weights.items()]
        return shares_by_length(list(weights), torch.stack(parts).unsqueeze(2))

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """LightGCN's, and the modalities' ranking losses against the first of the drawn items, if any was drawn."""
        penalty, weight = super().penalty(users, candidates, asking, offered), self.hyperparameters.modality_loss_weight
        if weight and candidates.shape[1] > 1:
            for part in self.contents:
                penalty = penalty + weight * part(asking, candidates[:, :2])
        return penalty


class ItemContents(nn.Module):
    """The features x of one modality, and W x + b.

    Attributes:
        vectors: (items, D).
        present: (items,) bool.
    """

    vectors: Tensor
    present: Tensor

    def __init__(self, features: FeatureMatrix, num_items: int, dimension: int) -> None:
        super().__init__()
        # Not persistent: contents are inputs, and the weights file should not carry them.
        self.register_buffer("vectors", features.vectors[:num_items], persistent=False)
        self.register_buffer("present", features.present[:num_items], persistent=False)
        self.projection = nn.Linear(self.vectors.shape[1], dimension)
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)

    def forward(self, asking: Tensor, candidates: Tensor) -> Tensor:
        """−mean ln σ(u · W x_i − u · W x_j) of (B, d) vectors u and (B, 2) items i and j, over the pairs whose items both have x."""
        known = self.present[candidates].all(1)
        distinct, places = candidates[known].unique(return_inverse=True)
        projected = F.embedding(places, self.projection(self.vectors[distinct]))  # (pairs, 2, d)
        taken, other = (asking[known].unsqueeze(1) * projected).sum(-1).float().unbind(1)
        return -F.logsigmoid(taken - other).sum() / len(candidates)
