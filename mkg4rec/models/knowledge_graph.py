"""What models on the collaborative knowledge graph have in common.

All follow KGAT (Wang et al., KDD 2019, https://arxiv.org/abs/1905.07854): the nodes of G have embeddings that make its
facts plausible, and a node's final vector collects what layers of propagation over G bring to it.
"""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Self

import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.graph.sparse import LearnedProduct, Pattern, SparseProduct
from mkg4rec.group import Count, Lax
from mkg4rec.layers.attention import Attention, knowledge_logits, over_the_rest, softmax_by_head
from mkg4rec.layers.structure_attention import MultiHopProduct, StructureAwareAttention
from mkg4rec.layers.transr import TransR
from mkg4rec.models.base import Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.models.dot_product import RankingHyperparameters
from mkg4rec.models.message_passing import MessagePassing, Messages
from mkg4rec.training.pretraining import PretrainingHyperparameters, bpr_embeddings
from mkg4rec.training.samplers import TailSampler, shuffled_batches
from mkg4rec.tuning.space import Range


class KnowledgeGraphHyperparameters(RankingHyperparameters):
    """What these models add.

    Attributes:
        dimension: d of the embeddings.
        num_layers, layer_dimensions: propagation uses the first `num_layers` of the widths.
        message_dropout: share of a layer's output that is dropped in training.
        kg_batch_size: facts in a batch of the knowledge graph's loss.
        negative_slope: of every LeakyReLU. The papers do not say; 0.2 is what KGAT's TensorFlow code uses.
    """

    dimension: Count
    num_layers: Count
    layer_dimensions: Annotated[list[Count], Field(min_length=1)]
    message_dropout: Annotated[float, Field(ge=0, lt=1), Range(0.0, 0.5)]
    kg_batch_size: Count
    negative_slope: Annotated[float, Field(ge=0, lt=1)]

    @model_validator(mode="after")
    def _have_a_width_for_every_layer(self) -> Self:
        if self.num_layers > len(self.layer_dimensions):
            raise ValueError(f"num_layers is {self.num_layers}, but layer_dimensions has {len(self.layer_dimensions)} widths")
        return self

    @property
    def widths(self) -> list[int]:
        """Of e⁰, …, e^L."""
        return [self.dimension, *self.layer_dimensions[: self.num_layers]]


class KnowledgeGraphModel(MessagePassing):
    """Trained in turn for recommendation and for the facts of G, with e* = e⁰ ‖ … ‖ e^L.

    A subclass gives e⁰, its layers, how a layer reads the neighbourhoods, and the loss of facts.

    Attributes:
        graph: G, with nodes numbered as in `CollaborativeGraph`.
        layers: of propagation.
    """

    hyperparameters: KnowledgeGraphHyperparameters
    layers: nn.ModuleList

    def __init__(self, hyperparameters: KnowledgeGraphHyperparameters, data: TrainingData, graph: CollaborativeGraph) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: KnowledgeGraphHyperparameters = hyperparameters
        self.graph = graph
        self.negative_tails = TailSampler(graph.heads, graph.relations, graph.tails, graph.num_nodes)

    @abstractmethod
    def propagate_once(self, layer: nn.Module, nodes: Tensor) -> Tensor:
        """e^{l+1} from e^l by one of `layers`, before dropout."""

    @abstractmethod
    def fact_loss(self, heads: Tensor, relations: Tensor, tails: Tensor, corrupted_tails: Tensor) -> Tensor:
        """The mean loss of (B,) facts of G, each beside a false one."""

    def objectives(self) -> list[Objective[Any]]:
        """The recommendation, then every edge of G once."""
        edges, size, device = len(self.graph.heads), self.hyperparameters.kg_batch_size, self.graph.heads.device
        return [
            self.recommendation(),
            Objective("kg_loss", -(-edges // size), lambda: shuffled_batches(edges, size, device), self.kg_loss),
        ]

    def kg_loss(self, edges: Tensor) -> Tensor:
        """The loss of (B,) edges of G, each with one corrupted tail."""
        corrupted_tails = self.negative_tails.draw(edges)
        return self.fact_loss(self.graph.heads[edges], self.graph.relations[edges], self.graph.tails[edges], corrupted_tails)

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        final = self.propagate(initial)
        return final[self.graph.num_entities :], final[: self.graph.num_items]

    def propagate(self, nodes: Tensor) -> Tensor:
        """e* of e⁰, (…, nodes, d) → (…, nodes, D).

        The un-normalised value goes on, its L2-normalised copy is concatenated: KGAT's code does so, its paper does not say.
        """
        outputs = [nodes]
        for layer in self.layers:
            nodes = F.dropout(self.propagate_once(layer, nodes), self.hyperparameters.message_dropout, self.training)
            outputs.append(F.normalize(nodes.float(), dim=-1))
        return torch.cat([output.float() for output in outputs], dim=-1)


class KnowledgeAttentionHyperparameters(KnowledgeGraphHyperparameters):
    """What models add whose attention is by TransR.

    Attributes:
        attention: KGAT's, or that and the structure of the graph.
        hops: K of the attention that is aware of structure; KGAT's has one.
        pretraining: the matrix factorisation whose vectors users and items begin with (KGAT, section 4.2.3); null begins at random.
    """

    attention: Annotated[Attention, Lax]
    hops: Count
    pretraining: PretrainingHyperparameters | None


class KnowledgeAttentionModel(KnowledgeGraphModel):
    """TransR on G, whose projections also give the attention, which is constant during an epoch.

    Of the attention that is aware of structure that is a part, and another is learned at every step. MKGAT is none of these
    models: its attention is learned with its layers already, by equations of its own that leave nothing to switch.

    Nodes are (M, nodes, d) for M modalities, each with a graph and layers of its own; M is 1 where there are none.

    Attributes:
        structure: what is learned of the attention; None for KGAT's, of which nothing is.
        logits: the part of the attention that TransR gives, (edges,).
        attention: the product with π, which is the same in every layer and for every modality.
        kept: how much of each edge is there, (edges,) from 0 to 1; None where all are.
    """

    logits: Tensor
    attention: SparseProduct | LearnedProduct | MultiHopProduct

    def __init__(self, hyperparameters: KnowledgeAttentionHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data, data.graph)
        self.hyperparameters: KnowledgeAttentionHyperparameters = hyperparameters
        nodes, dimension = self.graph.num_nodes, hyperparameters.dimension
        self.embeddings = nn.Parameter(nn.init.xavier_uniform_(torch.empty(nodes, dimension)))
        self.transr = TransR(self.graph.num_relations, dimension)
        aware = hyperparameters.attention is Attention.STRUCTURE_AWARE
        self.structure = StructureAwareAttention(self.graph, hyperparameters.hops) if aware else None
        self.pattern = Pattern.build(self.graph.heads, self.graph.tails, (nodes, nodes))
        self.kept: Tensor | None = None

    def pretrain(self, data: TrainingData) -> None:
        if self.hyperparameters.pretraining is None:
            return
        users, items = bpr_embeddings(data, self.hyperparameters.dimension, self.hyperparameters.pretraining)
        with torch.no_grad():
            self.embeddings[: len(items)] = items
            self.embeddings[self.graph.num_entities :] = users

    def refresh(self) -> None:
        """What TransR gives to the attention, from the present weights; constant until the next call."""
        self.logits = knowledge_logits(self.graph, self.embeddings, self.transr)
        self.attend()

    def attend(self) -> None:
        """The product with π of the present weights, over the edges that are there."""
        weights = self.weights()
        if self.kept is not None:
            weights = over_the_rest(weights, self.kept, self.graph)
        product = self.pattern.learned(weights) if weights.requires_grad else self.pattern.weighted(weights)
        self.attention = product if self.structure is None else MultiHopProduct(product, self.structure.hop_shares())

    def weights(self) -> Tensor:
        """π of the whole graph, (edges,)."""
        return softmax_by_head(self.logits, self.graph) if self.structure is None else self.structure(self.logits)

    def messages(self) -> Messages:
        hop_shares = (1.0,) if self.structure is None else tuple(self.structure.hop_shares().tolist())
        return Messages(self.graph, self.weights().detach(), len(self.layers), hop_shares)

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        whole, self.kept = self.attention, kept
        self.attend()
        try:
            yield
        finally:
            self.attention, self.kept = whole, None

    def compile_layers(self) -> None:
        for layer in self.layers:
            layer.compile()

    def fact_loss(self, heads: Tensor, relations: Tensor, tails: Tensor, corrupted_tails: Tensor) -> Tensor:
        vectors = self.embeddings
        return self.transr.loss(vectors[heads], relations, vectors[tails], vectors[corrupted_tails])

    def propagate_once(self, layer: nn.Module, nodes: Tensor) -> Tensor:
        propagated: Tensor = layer(nodes, per_modality(self.attention, nodes))
        return propagated

    def propagate(self, nodes: Tensor) -> Tensor:
        """(M, nodes, d) → (nodes, M · D), modalities concatenated."""
        if self.structure is not None:
            # Its parameters have changed with the last step.
            self.attend()
        return super().propagate(nodes).permute(1, 0, 2).flatten(1)


def per_modality(product: SparseProduct | LearnedProduct | MultiHopProduct, nodes: Tensor) -> Tensor:
    """The sparse product for all modalities at once: (M, columns, d) → (M, rows, d)."""
    sides = len(nodes)
    rows = product(nodes.permute(1, 0, 2).flatten(1))
    return rows.view(len(rows), sides, -1).permute(1, 0, 2)
