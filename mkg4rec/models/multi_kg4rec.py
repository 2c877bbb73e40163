"""Multi-KG4Rec (Wang et al., Expert Systems with Applications 268, 2025, 126308).

Equation numbers are those of the paper's section 3. Where it is silent, the choice is marked "ours" with its reason.
"""

from itertools import pairwise
from typing import Annotated, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from mkg4rec.errors import PipelineError
from mkg4rec.graph.neighbours import neighbour_sequences
from mkg4rec.graph.sparse import Pattern, SparseProduct
from mkg4rec.group import Count, Lax
from mkg4rec.layers.bi_interaction import BiInteraction
from mkg4rec.layers.cross_modal import CrossModalBlock, Fusion, attention_mask, reads
from mkg4rec.layers.modality import ModalFeatures
from mkg4rec.models.base import AttendsModalities, Input
from mkg4rec.models.data import Modalities, TrainingData
from mkg4rec.models.knowledge_graph import KnowledgeAttentionHyperparameters, KnowledgeAttentionModel, per_modality
from mkg4rec.tuning.space import Beside, Choice, Range

WITH_FUSION = Beside("fusion", (Fusion.BOTH, Fusion.TEXT_TO_IMAGE, Fusion.IMAGE_TO_TEXT))


class MultiKG4RecHyperparameters(KnowledgeAttentionHyperparameters):
    """Attributes:
    modalities: feature files that take part; none of them is KGAT, one is an ablation of the paper.
    fusion: which side reads which in the cross-modal blocks.
    sequence_length: n, nodes that a block reads about an item, the item included.
    identity_dropout: share of the items that are without their embedding at a step of training, so that what is known of
        them has to do; then also those that are kept out of training are without it. 0 in the paper.
    """

    modalities: Modalities
    fusion: Annotated[Fusion, Lax]
    num_blocks: Annotated[Count, Range(1, 3), Beside("modalities"), WITH_FUSION]
    num_heads: Count
    sequence_length: Annotated[Count, Choice((4, 8, 16)), Beside("modalities"), WITH_FUSION]
    feedforward_dimension: Count
    identity_dropout: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.dimension % self.num_heads:
            raise ValueError(f"dimension {self.dimension} is not a multiple of num_heads {self.num_heads}")
        if self.fusion in (Fusion.TEXT_TO_IMAGE, Fusion.IMAGE_TO_TEXT) and not {"visual", "text"} <= set(self.modalities):
            raise ValueError(f"fusion {self.fusion.value} needs the modalities visual and text, not {self.modalities}")
        return self


class MultiKG4Rec(KnowledgeAttentionModel, AttendsModalities):
    """Single-modal knowledge graphs, fused by cross-modal attention around each item, propagated with knowledge-aware attention.

    Nodes are numbered as in `CollaborativeGraph`; M is the number of modalities (1 where there is none).
    """

    Hyperparameters = MultiKG4RecHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES})

    def __init__(self, hyperparameters: MultiKG4RecHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: MultiKG4RecHyperparameters = hyperparameters
        self.modalities = hyperparameters.modalities
        device = data.train.items.device
        settings = hyperparameters
        sides = max(1, len(settings.modalities))

        self.features = nn.ModuleList(self._modal_features(data, modality) for modality in settings.modalities)
        # Without modalities there is nothing to fuse: KGAT. Without fusion an item keeps its tokens, as other nodes do.
        self.blocks = nn.ModuleList(
            CrossModalBlock(sides, settings.dimension, settings.num_heads, settings.feedforward_dimension)
            for _ in range(settings.num_blocks if settings.modalities and settings.fusion is not Fusion.NONE else 0)
        )
        self.layers = nn.ModuleList(
            BiInteraction(sides, width, next_width, settings.negative_slope) for width, next_width in pairwise(settings.widths)
        )
        self.to(device)

        self.user_means = _mean_over_items(data)
        if self.blocks:
            self.sequences = neighbour_sequences(self.graph, settings.sequence_length)
            allowed = reads(settings.modalities, settings.fusion).to(device)
            self.mask = attention_mask(allowed, self.sequences.present)
        self.refresh()

    def _modal_features(self, data: TrainingData, modality: str) -> ModalFeatures:
        features = data.read_features(modality)
        if len(features.vectors) != self.graph.num_entities:
            raise PipelineError(
                f"modality {modality}: {len(features.vectors)} rows for {self.graph.num_entities} entities; run `dvc repro`."
            )
        return ModalFeatures(features.vectors, features.present, self.hyperparameters.dimension, self.hyperparameters.negative_slope)

    def compile_layers(self) -> None:
        super().compile_layers()
        for block in self.blocks:
            block.compile()

    def initial_nodes(self) -> Tensor:
        """e_m⁰: tokens, those of items fused."""
        return self.fuse(self.tokens())

    def tokens(self) -> Tensor:
        """x_m(v) = e_v + f_m(v), (M, nodes, d); the f_m of a user is the mean of those of its train items."""
        embeddings = self.identities()
        if not self.features:
            return embeddings.unsqueeze(0)
        entities = torch.stack([features() for features in self.features])
        items = entities[:, : self.graph.num_items]
        users = per_modality(self.user_means, items)
        return embeddings + torch.cat([entities, users.to(entities.dtype)], dim=1)

    def identities(self) -> Tensor:
        """(nodes, d) embeddings, without those that identity dropout takes."""
        share, num_items = self.hyperparameters.identity_dropout, self.graph.num_items
        if not share:
            return self.embeddings
        kept = torch.ones(self.graph.num_nodes, device=self.embeddings.device)
        if self.training:
            kept[:num_items] = (torch.rand(num_items, device=kept.device) >= share).to(kept.dtype)
        if self.unseen is not None:
            kept[:num_items] *= ~self.unseen
        return self.embeddings * kept.unsqueeze(1)

    def fuse(self, tokens: Tensor) -> Tensor:
        """e_m⁰: an item's token after the cross-modal blocks over its neighbour sequence; every other node keeps its own."""
        if not self.blocks:
            return tokens
        items = self.blocks[-1](self._read_sequences(tokens), self.mask, 1).squeeze(2)
        return torch.cat([items, tokens[:, self.graph.num_items :]], dim=1)

    def _read_sequences(self, tokens: Tensor) -> Tensor:
        """What enters the last block: (M, items, n, d)."""
        sequences = tokens[:, self.sequences.nodes]
        for block in self.blocks[:-1]:
            sequences = block(sequences, self.mask, sequences.shape[2])
        return sequences

    @torch.no_grad()
    def modality_attention(self, users: Tensor, items: Tensor) -> Tensor:
        """The attention mass that each (user, item) pair gives to each modality, (B, M), rows summing to 1.

        The paper shows such numbers (Figure 4) without a formula; ours: in the last block the item's own
        query of side m spreads over the tokens of modality m′ with mass a_mm′ (heads averaged); a side
        counts by its part of the score, p_m = softmax_m(e*_m(u) · e*_m(i)); the pair gives Σ_m p_m a_mm′.
        Without fusion a side reads itself alone, and p_m is all there is.

        Args:
            users, items: (B,) indices.
        """
        training = self.training
        self.eval()
        tokens = self.tokens()
        vectors = self.propagate(self.fuse(tokens)).view(self.graph.num_nodes, len(tokens), -1)
        sides = (vectors[self.graph.num_entities + users] * vectors[items]).sum(-1).softmax(-1)
        shares = (sides.unsqueeze(-1) * self._attention_mass(tokens, items)).sum(1)
        self.train(training)
        return shares

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """As `modality_attention`."""
        return dict(zip(self.modalities, self.modality_attention(users, items).T, strict=True)) if self.modalities else {}

    def _attention_mass(self, tokens: Tensor, items: Tensor) -> Tensor:
        """(B, M, M): how the query of each side of an item spreads over the tokens of each modality in the last block."""
        if not self.blocks:
            return torch.eye(len(tokens), device=tokens.device).expand(len(items), -1, -1)
        sequences, last = self._read_sequences(tokens), self.blocks[-1]
        assert isinstance(last, CrossModalBlock)
        sides, _, length, _ = sequences.shape
        weights = last.attention(sequences[:, items], self.mask[items]).mean(1)
        return weights.view(-1, sides, length, sides, length)[:, :, 0].sum(-1)


def _mean_over_items(data: TrainingData) -> SparseProduct:
    """users × items, 1/n_u where user u took the item in train."""
    pattern = Pattern.build(data.train.users, data.train.items, (data.num_users, data.num_items))
    return pattern.weighted(1 / data.train.counts[data.train.users].float())
