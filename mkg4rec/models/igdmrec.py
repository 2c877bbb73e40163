"""IGDMRec: an item graph denoised by diffusion that behaviour conditions (Guo et al. 2025, https://arxiv.org/abs/2512.19983).

Theirs: the network predicts x_0; 5 steps, noise .01 between 1e-4 and .02, guidance weight 4, a condition dropped with .1, 10 numbers
for the time, 2,000 hidden; 10 neighbours after it, one layer over the items and two over the interactions, .1 InfoNCE with τ = .2,
five passes over the rows an epoch, .1 of the image. Ours: an item is not its own neighbour; behaviour is the graph of co-interactions
by cosine, not all that three users share; a condition is dropped row by row; the
loss weighs all steps alike; InfoNCE is among items of the batch; the learning rate is
that of the recommendation; and the other constants, chosen on validation.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor
from torch.optim import Adam

from mkg4rec.graph.item_graph import ItemGraph, blended
from mkg4rec.graph.nearest import by_co_interactions, by_similarity
from mkg4rec.graph.sparse import SparseProduct
from mkg4rec.group import Count, Share
from mkg4rec.layers.diffusion import Diffusion, RowDenoiser
from mkg4rec.layers.light_convolution import item_convolution, light_convolution
from mkg4rec.models.base import Input, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_graphs import ItemGraphHyperparameters, LearnedMixture, Mixture, OverItemGraphs, joint_graph, shares_by_length
from mkg4rec.progress import progress
from mkg4rec.training.alignment import info_nce
from mkg4rec.training.samplers import shuffled_batches
from mkg4rec.tuning.space import Range

DENOISED = "near after denoising"
"""What edges of the denoised graph are called."""


class IgdmrecHyperparameters(ItemGraphHyperparameters):
    """Attributes:
    num_neighbours: of an item in the graph of co-interactions, and in the denoised one.
    num_steps: T of the diffusion.
    noise_scale, noise_low, noise_high: of 1 − ᾱ_t.
    guidance: w, how much farther than the condition leads the rows are led.
    condition_dropout: share of the rows that are trained without their condition.
    time_dimension, hidden_dimension, dropout: of the network.
    denoising_passes: over all rows, in an epoch.
    denoising_batch_size: rows at a time.
    contrast_weight, contrast_temperature: λ and τ of InfoNCE.
    contrast_size: of the items of a batch, how many are held against each other.
    """

    num_neighbours: Count
    num_steps: Count
    noise_scale: Annotated[float, Field(gt=0, le=1)]
    noise_low: Annotated[float, Field(gt=0, lt=1)]
    noise_high: Annotated[float, Field(gt=0, lt=1)]
    guidance: Annotated[float, Field(ge=0), Range(0.0, 8.0)]
    condition_dropout: Share
    time_dimension: Count
    hidden_dimension: Count
    dropout: Annotated[float, Field(ge=0, lt=1)]
    denoising_passes: Count
    denoising_batch_size: Count
    contrast_weight: Annotated[float, Field(ge=0), Range(1e-3, 1.0, log=True)]
    contrast_temperature: Annotated[float, Field(gt=0), Range(0.05, 1.0, log=True)]
    contrast_size: Annotated[Count, Field(ge=2)]


class Igdmrec(OverItemGraphs):
    """e*_u = ē_u and e*_i = ē_i + (D^L e⁰)_i with LightGCN's ē, and D the denoised item graph; BPR + λ InfoNCE(ē + D^L e⁰, ē + S^L e⁰).

    The rows x_0 of S, the blend of the modalities' graphs, are diffused; a network learns to say x_0 from x_t and from the same
    row of the graph of co-interactions. D has the k largest entries of what it makes of every row, S itself being taken for x_T.
    Rows are made dense, diffused and read a block at a time: nobody holds items × items.

    Attributes:
        noisy_rows: S before it is normalised.
        conditions: co-interactions, every weight 1.
        original: S, normalised; D is the item graph of `OverItemGraphs`. It follows from the weights, and is made anew after each epoch.
    """

    Hyperparameters = IgdmrecHyperparameters
    reads = frozenset({Input.ITEM_GRAPHS})

    def __init__(self, hyperparameters: IgdmrecHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: IgdmrecHyperparameters = hyperparameters
        settings = hyperparameters
        weights = settings.modality_weights
        self.modality_graphs = {modality: data.read_item_graph(modality).unweighted() for modality in weights}
        self.noisy_rows = blended([(weight, self.modality_graphs[modality]) for modality, weight in weights.items()])
        self.conditions = by_co_interactions(data.train, settings.num_neighbours).unweighted()
        self.original: SparseProduct = joint_graph(weights, data).product()
        self.join({DENOISED: self.noisy_rows}, [Mixture({DENOISED: 1.0})])
        self.diffusion = Diffusion(settings.num_steps, settings.noise_scale, settings.noise_low, settings.noise_high)
        self.denoiser = RowDenoiser(data.num_items, settings.hidden_dimension, settings.time_dimension, settings.dropout)
        self.to(data.train.items.device)

    def objectives(self) -> list[Objective[Any]]:
        return [self.recommendation(), self.denoising()]

    def denoising(self) -> Objective[Tensor]:
        """‖x_0 − x̂_0‖² over every row, `denoising_passes` times."""
        settings, items, device = self.hyperparameters, len(self.items), self.items.device
        count = settings.denoising_passes * -(-items // settings.denoising_batch_size)

        def batches() -> Iterator[Tensor]:
            passes = (shuffled_batches(items, settings.denoising_batch_size, device) for _ in range(settings.denoising_passes))
            return chain.from_iterable(passes)

        return Objective("denoising_loss", count, batches, self.denoising_loss)

    def denoising_loss(self, items: Tensor) -> Tensor:
        """Mean squared error of the x̂_0 of (B,) items, each at a step by chance, some without their condition."""
        rows, steps = self.noisy_rows.dense_rows(items), torch.randint(self.hyperparameters.num_steps, items.shape, device=items.device)
        known = torch.rand(len(items), 1, device=items.device) >= self.hyperparameters.condition_dropout
        condition = self.denoiser.encode(self.conditions.dense_rows(items)) * known
        return F.mse_loss(self.denoiser(self.diffusion.noisy(rows, steps), condition, steps).float(), rows)

    def pretrain(self, data: TrainingData) -> None:
        """A first epoch of denoising, so that the recommendation begins on a graph that is one."""
        objective = self.denoising()
        optimizer = Adam(self.denoiser.parameters(), lr=self.hyperparameters.learning_rate)
        for batch in progress(objective.batches(), "first denoising", objective.num_batches, "batch"):
            optimizer.zero_grad(set_to_none=True)
            objective.loss(batch).backward()
            optimizer.step()

    @torch.no_grad()
    def refresh(self) -> None:
        training = self.training
        self.eval()
        self.join({DENOISED: self.denoised_graph().unweighted()}, self.mixtures)
        self.train(training)

    def denoised_graph(self) -> ItemGraph:
        """The k neighbours that the rows have after the diffusion is undone; none where nothing is known of an item."""
        settings = self.hyperparameters
        known = (self.noisy_rows.connected | self.conditions.connected).nonzero().squeeze(1)
        return by_similarity(known, lambda rows: self.restored(known[rows])[:, known], len(self.items), settings.num_neighbours, self.block)

    @property
    def block(self) -> int:
        """Rows at a time."""
        return self.hyperparameters.denoising_batch_size

    def restored(self, items: Tensor) -> Tensor:
        """x_0 of (B,) items by T steps back from their rows of S as x_T, without further noise: (B, n).

        Guidance is x̂ = (1 + w) x̂(c) − w x̂(0) (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598). The network is affine in the
        encoded condition, so this is x̂ of 1 + w times it, at half the cost.
        """
        rows = self.noisy_rows.dense_rows(items)
        condition = (1 + self.hyperparameters.guidance) * self.denoiser.encode(self.conditions.dense_rows(items))
        for step in reversed(range(self.hyperparameters.num_steps)):
            steps = torch.full_like(items, step)
            rows = self.diffusion.before(rows, self.denoiser(rows, condition, steps).float(), step)
        return rows

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        users, items = super().vectors_from(initial)
        return users, items + item_convolution(self.item_graphs[0], initial[: len(self.items)], self.hyperparameters.num_item_layers)

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """By which modality those neighbours of the item were near to it before that denoising left."""
        left = self.mixed()[0].dense_rows(items) > 0
        weights = self.hyperparameters.modality_weights
        near = [weight * (left * self.modality_graphs[modality].dense_rows(items)).sum(1) for modality, weight in weights.items()]
        return shares_by_length(list(weights), torch.stack(near).view(len(near), -1, 1, 1))

    def neighbours(self, graph: SparseProduct | LearnedMixture) -> Tensor:
        """Of every item what its neighbours are: (items, d)."""
        return item_convolution(graph, self.items, self.hyperparameters.num_item_layers)

    def recommendation_loss(self, positives: Tensor) -> Tensor:
        settings = self.hyperparameters
        users, behaviour = light_convolution(self.adjacency, self.users, self.items, self.num_layers)
        items = behaviour + self.neighbours(self.item_graphs[0])
        chosen = self.train_interactions.items[positives[: settings.contrast_size]].unique()
        noisy = (behaviour + self.neighbours(self.original))[chosen]
        contrast = info_nce(noisy, items[chosen], settings.contrast_temperature)
        return self.ranking_loss(self.candidates(positives), users, items) + settings.contrast_weight * contrast
