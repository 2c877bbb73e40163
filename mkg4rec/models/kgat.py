"""KGAT: knowledge graph attention network (Wang et al., KDD 2019, https://arxiv.org/abs/1905.07854).

Its authors stop training on the test part; here, as everywhere, validation decides.
"""

from itertools import pairwise
from typing import Annotated

from torch import Tensor, nn

from mkg4rec.group import Lax
from mkg4rec.layers.aggregators import AGGREGATORS, Aggregator
from mkg4rec.models.base import Input
from mkg4rec.models.data import TrainingData
from mkg4rec.models.knowledge_graph import KnowledgeAttentionHyperparameters, KnowledgeAttentionModel


class KgatHyperparameters(KnowledgeAttentionHyperparameters):
    """Attributes:
    aggregator: how a layer joins a node with its neighbourhood (equations 6 – 8).
    """

    aggregator: Annotated[Aggregator, Lax]


class Kgat(KnowledgeAttentionModel):
    """Embeddings of users, items and entities by TransR (equations 1 and 2), propagated over G with attention.

    A layer gathers e_N = Σ π(h, r, t) e_t (equations 3 – 5) and aggregates it with e (equation 8, or 6, or 7); all its
    outputs together make the prediction (equations 11 and 12). An epoch is BPR, then TransR, then new attention. Ours, as a
    switch: `StructureAwareAttention` in place of equations 3 – 5.
    """

    Hyperparameters = KgatHyperparameters
    reads = frozenset({Input.GRAPH})

    def __init__(self, hyperparameters: KgatHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        layer = AGGREGATORS[hyperparameters.aggregator]
        self.layers = nn.ModuleList(
            layer(1, width, next_width, hyperparameters.negative_slope) for width, next_width in pairwise(hyperparameters.widths)
        )
        self.to(data.train.items.device)
        self.refresh()

    def initial_nodes(self) -> Tensor:
        """e⁰, (1, nodes, d)."""
        return self.embeddings.unsqueeze(0)
