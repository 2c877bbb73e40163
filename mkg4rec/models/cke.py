"""CKE: collaborative knowledge base embedding (Zhang et al., KDD 2016, https://doi.org/10.1145/2939672.2939673)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Annotated, Any, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.group import Count
from mkg4rec.layers.denoising_autoencoder import DenoisingAutoencoder
from mkg4rec.layers.transr import TransR
from mkg4rec.models.base import Input, Objective
from mkg4rec.models.data import Modalities, TrainingData
from mkg4rec.models.dot_product import DotProduct, RankingHyperparameters
from mkg4rec.training.losses import squared_norm
from mkg4rec.training.samplers import TailSampler, shuffled_batches
from mkg4rec.tuning.space import Beside, Range

CODES_AT_FIRST = 0.02
"""How long codes are at first, of what Xavier's initialisation makes of them. Ours: as that has them, they are more than twice as long as
the vectors that they are added to, which have to learn around whatever the untrained auto-encoders happen to say."""


class CkeHyperparameters(RankingHyperparameters):
    """Attributes:
    modalities: whose contents have codes; none leaves the structural knowledge alone.
    dimension: d of all vectors and codes.
    hidden_dimensions: of the auto-encoders, between content and code.
    noise: share of a content's entries that is missing when it is reconstructed.
    kg_weight, reconstruction_weight: of the mean losses of facts and of the auto-encoders, beside that of recommendation.
    regularization: λ_U = λ_I = λ_v, on what a batch involves of users' vectors, items' offsets and their vectors in TransR; what a
        search varies in place of the weight decay, which does harm.
    kg_batch_size, content_batch_size: facts, and contents of each modality, beside a batch of interactions.
    """

    modalities: Modalities
    dimension: Count
    hidden_dimensions: list[Count]
    noise: Annotated[float, Field(ge=0, lt=1)]
    kg_weight: Annotated[float, Field(ge=0), Range(0.01, 1.0, log=True)]
    reconstruction_weight: Annotated[float, Field(ge=0), Range(0.1, 100.0, log=True), Beside("modalities")]
    regularization: Annotated[float, Field(ge=0), Range(1e-3, 1e-1, log=True)]
    weight_decay: Annotated[float, Field(ge=0)]
    kg_batch_size: Count
    content_batch_size: Count


@dataclass(frozen=True)
class JointBatch:
    """Numbers of train interactions, of facts, and of each modality's contents."""

    interactions: Tensor
    facts: Tensor
    contents: list[Tensor]


class Cke(DotProduct):
    """ŷ = u · e_i with e_i = η_i + the item's vector in TransR + its text's code + its image's code (section 5).

    All terms of the joint objective are minimised together: BPR, TransR's pairwise loss on the knowledge graph, and
    the reconstruction of contents. The paper encodes text by a stacked denoising auto-encoder and raw images by a
    convolutional one. Ours: the former for both, because an image is a CLIP vector here, which has no pixels left.
    """

    Hyperparameters = CkeHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES})

    def __init__(self, hyperparameters: CkeHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: CkeHyperparameters = hyperparameters
        self.triplets = data.read_triplets()
        sizes = (data.num_users, data.num_items, self.triplets.num_entities)
        self.users, self.offsets, self.entities = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(size, hyperparameters.dimension))) for size in sizes
        )
        self.transr = TransR(self.triplets.num_relations, hyperparameters.dimension)
        contents = (ItemContents(data.read_features(modality), data.num_items, hyperparameters) for modality in hyperparameters.modalities)
        # A modality that no item has leaves nothing to reconstruct.
        self.contents = cast(Sequence[ItemContents], nn.ModuleList(part for part in contents if len(part.items)))
        self.to(data.train.items.device)
        facts = self.triplets
        self.negative_tails = TailSampler(facts.heads, facts.relations, facts.tails, facts.num_entities)

    @classmethod
    def knows_unseen(cls, hyperparameters: CkeHyperparameters) -> bool:
        # Nothing but the loss of facts moves the vector in TransR of an item that nobody took.
        return hyperparameters.kg_weight > 0 or bool(hyperparameters.modalities)

    def objectives(self) -> list[Objective[Any]]:
        """All terms at once: an epoch goes through the interactions, and beside them again and again through facts and contents."""
        interactions = self.recommendation()
        return [Objective("loss", interactions.num_batches, lambda: self._batches(interactions.batches()), self.joint_loss)]

    def _batches(self, interactions: Iterator[Tensor]) -> Iterator[JointBatch]:
        settings, device = self.hyperparameters, self.triplets.heads.device
        facts = _endless_batches(len(self.triplets.heads), settings.kg_batch_size, device)
        contents = [_endless_batches(len(part.vectors), settings.content_batch_size, device) for part in self.contents]
        for batch in interactions:
            yield JointBatch(batch, next(facts), [next(part) for part in contents])

    def joint_loss(self, batch: JointBatch) -> Tensor:
        """−ln σ of the better item and of the truer fact, and the contents' reconstruction (equation 15)."""
        settings = self.hyperparameters
        loss = self.recommendation_loss(batch.interactions) + settings.kg_weight * self.fact_loss(batch.facts)
        for part, chosen in zip(self.contents, batch.contents, strict=True):
            loss = loss + settings.reconstruction_weight * part.reconstruction_loss(chosen)
        return loss

    def fact_loss(self, facts: Tensor) -> Tensor:
        """TransR's loss of (B,) facts, each beside one with a corrupted tail (section 4.1); 0 where the graph has none."""
        if not len(facts):
            return self.entities.new_zeros(())
        heads, tails = self.triplets.heads[facts], self.triplets.tails[facts]
        embedded = F.embedding(torch.stack([heads, tails, self.negative_tails.draw(facts)]), self.entities)
        return self.transr.loss(embedded[0], self.triplets.relations[facts], embedded[1], embedded[2])

    def final_vectors(self) -> tuple[Tensor, Tensor]:
        items = self.offsets + self.entities[: len(self.offsets)]
        for part in self.contents:
            items = items.index_add(0, part.items, part().to(items.dtype))
        return self.users, items

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """λ/2 (‖u‖² + Σ ‖η_i‖² + Σ ‖v_i‖²), v_i in TransR and the sums over the candidates; the mean over the batch."""
        involved = asking, F.embedding(candidates, self.offsets), F.embedding(candidates, self.entities)
        return self.hyperparameters.regularization * squared_norm(*involved)


class ItemContents(nn.Module):
    """The contents of one modality and their auto-encoder.

    Attributes:
        vectors: (contents, D).
        items: (contents,) whose they are; an item without content has no code, and its offset stands for it.
    """

    vectors: Tensor
    items: Tensor

    def __init__(self, features: FeatureMatrix, num_items: int, hyperparameters: CkeHyperparameters) -> None:
        super().__init__()
        items = features.present[:num_items].nonzero().squeeze(1)
        # Not persistent: contents are inputs, and the weights file should not carry them.
        self.register_buffer("items", items, persistent=False)
        self.register_buffer("vectors", features.vectors[items], persistent=False)
        widths = [features.vectors.shape[1], *hyperparameters.hidden_dimensions, hyperparameters.dimension]
        self.autoencoder = DenoisingAutoencoder(widths, hyperparameters.noise, CODES_AT_FIRST)

    def forward(self) -> Tensor:
        """The codes, (contents, d)."""
        return self.autoencoder.encode(self.vectors)

    def reconstruction_loss(self, chosen: Tensor) -> Tensor:
        """Of (B,) contents; 0 where no item has one."""
        if not len(chosen):
            return self.vectors.new_zeros(())
        return self.autoencoder.reconstruction_loss(self.vectors[chosen])


def _endless_batches(size: int, batch_size: int, device: torch.device) -> Iterator[Tensor]:
    return chain.from_iterable(shuffled_batches(size, batch_size, device) for _ in repeat(None))
