"""Multi-KG4Rec (Wang et al., Expert Systems with Applications 268, 2025, 126308).

Equation numbers are those of the paper's section 3. Where it is silent, the choice is marked "ours" with its reason.
"""

from itertools import pairwise
from typing import Annotated, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from mkg4rec.errors import PipelineError
from mkg4rec.graph.neighbours import neighbour_sequences
from mkg4rec.graph.sparse import Pattern, SparseProduct
from mkg4rec.layers.attention import knowledge_attention
from mkg4rec.layers.bi_interaction import BiInteraction
from mkg4rec.layers.cross_modal import CrossModalBlock, Fusion, attention_mask, reads
from mkg4rec.layers.modality import ModalFeatures
from mkg4rec.layers.transr import TransR
from mkg4rec.models.base import DotProduct, Input, Objective, RankingHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Count, Lax, Name
from mkg4rec.training.samplers import ComplementSampler, shuffled_batches


class MultiKG4RecHyperparameters(RankingHyperparameters):
    """Attributes:
    modalities: feature files that take part; none of them is KGAT, one is an ablation of the paper.
    fusion: which side reads which in the cross-modal blocks.
    dimension: d of embeddings, features and blocks.
    num_layers, layer_dimensions: propagation uses the first `num_layers` of the widths.
    sequence_length: n, nodes that a block reads about an item, the item included.
    kg_batch_size: triplets in a batch of TransR.
    negative_slope: of every LeakyReLU. The paper does not say; 0.2 is what KGAT's TensorFlow code uses.
    """

    modalities: list[Name]
    fusion: Annotated[Fusion, Lax]
    dimension: Count
    num_layers: Count
    layer_dimensions: Annotated[list[Count], Field(min_length=1)]
    message_dropout: Annotated[float, Field(ge=0, lt=1)]
    num_blocks: Count
    num_heads: Count
    sequence_length: Count
    feedforward_dimension: Count
    kg_batch_size: Count
    negative_slope: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.dimension % self.num_heads:
            raise ValueError(f"dimension {self.dimension} is not a multiple of num_heads {self.num_heads}")
        if self.num_layers > len(self.layer_dimensions):
            raise ValueError(f"num_layers is {self.num_layers}, but layer_dimensions has {len(self.layer_dimensions)} widths")
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"a modality stands twice in {self.modalities}")
        if self.fusion in (Fusion.TEXT_TO_IMAGE, Fusion.IMAGE_TO_TEXT) and not {"visual", "text"} <= set(self.modalities):
            raise ValueError(f"fusion {self.fusion.value} needs the modalities visual and text, not {self.modalities}")
        return self


class MultiKG4Rec(DotProduct):
    """Single-modal knowledge graphs, fused by cross-modal attention around each item, propagated with knowledge-aware attention.

    Nodes are numbered as in `CollaborativeGraph`; M is the number of modalities (1 where there is none).
    """

    Hyperparameters = MultiKG4RecHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES})

    def __init__(self, hyperparameters: MultiKG4RecHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: MultiKG4RecHyperparameters = hyperparameters
        self.graph = data.graph
        device = data.train.items.device
        settings = hyperparameters
        sides = max(1, len(settings.modalities))

        self.embeddings = nn.Parameter(nn.init.xavier_uniform_(torch.empty(self.graph.num_nodes, settings.dimension)))
        self.transr = TransR(self.graph.num_relations, settings.dimension)
        self.features = nn.ModuleList(self._modal_features(data, modality) for modality in settings.modalities)
        # Without modalities there is nothing to fuse: KGAT. Without fusion an item keeps its tokens, as other nodes do.
        self.blocks = nn.ModuleList(
            CrossModalBlock(sides, settings.dimension, settings.num_heads, settings.feedforward_dimension)
            for _ in range(settings.num_blocks if settings.modalities and settings.fusion is not Fusion.NONE else 0)
        )
        widths = [settings.dimension, *settings.layer_dimensions[: settings.num_layers]]
        self.layers = nn.ModuleList(
            BiInteraction(sides, width, next_width, settings.negative_slope) for width, next_width in pairwise(widths)
        )
        self.to(device)

        self.pattern = Pattern.build(self.graph.heads, self.graph.tails, (self.graph.num_nodes, self.graph.num_nodes))
        self.user_means = _mean_over_items(data)
        if self.blocks:
            self.sequences = neighbour_sequences(self.graph, settings.sequence_length)
            allowed = reads(settings.modalities, settings.fusion).to(device)
            self.mask = attention_mask(allowed, self.sequences.present)
        self.triplet_groups, self.negative_tails = _corrupted_tails(
            self.graph.heads, self.graph.relations, self.graph.tails, self.graph.num_nodes
        )
        self.refresh()

    def _modal_features(self, data: TrainingData, modality: str) -> ModalFeatures:
        features = data.read_features(modality)
        if len(features.vectors) != self.graph.num_entities:
            raise PipelineError(
                f"modality {modality}: {len(features.vectors)} rows for {self.graph.num_entities} entities; run `dvc repro`."
            )
        return ModalFeatures(features.vectors, features.present, self.hyperparameters.dimension, self.hyperparameters.negative_slope)

    def refresh(self) -> None:
        """π of the whole graph from the present weights (equation 10); constant until the next call."""
        self.attention = self.pattern.weighted(knowledge_attention(self.graph, self.embeddings, self.transr))

    def compile_layers(self) -> None:
        for layer in (*self.blocks, *self.layers):
            layer.compile()

    def objectives(self) -> list[Objective[Tensor]]:
        """The recommendation (equation 14), then TransR over all edges of G."""
        edges, size = len(self.graph.heads), self.hyperparameters.kg_batch_size
        device = self.embeddings.device
        return [
            self.recommendation(),
            Objective("kg_loss", -(-edges // size), lambda: shuffled_batches(edges, size, device), self.kg_loss),
        ]

    def kg_loss(self, edges: Tensor) -> Tensor:
        """TransR's loss (equation 2) of (B,) edges of G, each with one corrupted tail."""
        corrupted = self.negative_tails.draw(self.triplet_groups[edges])
        vectors = self.embeddings
        return self.transr.loss(
            vectors[self.graph.heads[edges]], self.graph.relations[edges], vectors[self.graph.tails[edges]], vectors[corrupted]
        )

    def final_vectors(self) -> tuple[Tensor, Tensor]:
        """e* = e⁰ ‖ … ‖ e^L of every modality, modalities concatenated: (users, D) and (items, D)."""
        final = self.propagate(self.fuse(self.tokens())).float()
        return final[self.graph.num_entities :], final[: self.graph.num_items]

    def tokens(self) -> Tensor:
        """x_m(v) = e_v + f_m(v), (M, nodes, d); the f_m of a user is the mean of those of its train items."""
        if not self.features:
            return self.embeddings.unsqueeze(0)
        entities = torch.stack([features() for features in self.features])
        items = entities[:, : self.graph.num_items]
        users = _per_modality(self.user_means, items)
        return self.embeddings + torch.cat([entities, users.to(entities.dtype)], dim=1)

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

    def propagate(self, nodes: Tensor) -> Tensor:
        """(M, nodes, d) → (nodes, D): the un-normalised value goes on, its L2-normalised copy is concatenated (equations 9–13)."""
        outputs = [nodes]
        for layer in self.layers:
            nodes = layer(nodes, _per_modality(self.attention, nodes))
            nodes = F.dropout(nodes, self.hyperparameters.message_dropout, self.training)
            outputs.append(F.normalize(nodes.float(), dim=-1))
        return torch.cat([output.float() for output in outputs], dim=-1).permute(1, 0, 2).flatten(1)

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

    def _attention_mass(self, tokens: Tensor, items: Tensor) -> Tensor:
        """(B, M, M): how the query of each side of an item spreads over the tokens of each modality in the last block."""
        if not self.blocks:
            return torch.eye(len(tokens), device=tokens.device).expand(len(items), -1, -1)
        sequences, last = self._read_sequences(tokens), self.blocks[-1]
        assert isinstance(last, CrossModalBlock)
        sides, _, length, _ = sequences.shape
        weights = last.attention(sequences[:, items], self.mask[items]).mean(1)
        return weights.view(-1, sides, length, sides, length)[:, :, 0].sum(-1)


def _per_modality(product: SparseProduct, nodes: Tensor) -> Tensor:
    """The sparse product for all modalities at once: (M, columns, d) → (M, rows, d)."""
    sides = len(nodes)
    rows = product(nodes.permute(1, 0, 2).flatten(1))
    return rows.view(len(rows), sides, -1).permute(1, 0, 2)


def _mean_over_items(data: TrainingData) -> SparseProduct:
    """users × items, 1/n_u where user u took the item in train."""
    pattern = Pattern.build(data.train.users, data.train.items, (data.num_users, data.num_items))
    return pattern.weighted(1 / data.train.counts[data.train.users].float())


def _corrupted_tails(heads: Tensor, relations: Tensor, tails: Tensor, num_nodes: int) -> tuple[Tensor, ComplementSampler]:
    """For every edge the number of its (head, relation), and a sampler of nodes that are no tail of it."""
    _, groups = torch.unique_consecutive(torch.stack([heads, relations]), dim=1, return_inverse=True)
    return groups, ComplementSampler(groups, tails, int(groups[-1]) + 1, num_nodes)
