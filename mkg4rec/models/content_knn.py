"""Content kNN: recommend what is like the items that a user took, by what is known of them and by nothing else.

The content-based recommender of Lops, de Gemmis and Semeraro (Recommender Systems Handbook, 2011,
https://doi.org/10.1007/978-0-387-85820-3_3), section 3.3.1, with kernels as similarities.
"""

from typing import Annotated

import torch
from pydantic import Field

from mkg4rec.group import Count, Group
from mkg4rec.kernels import BLOCK
from mkg4rec.models.base import Input
from mkg4rec.models.content_kernels import ContentKernels, Kernels, KernelWeights
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_weights import ItemWeightsModel
from mkg4rec.tuning.space import Range


class ContentKnnHyperparameters(Group):
    """Attributes:
    num_neighbours: k.
    frequency_exponent: β; an item that n users took counts n^−β where it speaks for another.
    kernels: what is known of the items.
    weights: α_m of each kernel.
    """

    num_neighbours: Annotated[Count, Range(10, 1000, log=True)]
    frequency_exponent: Annotated[float, Field(ge=0, le=1), Range(0.0, 1.0)]
    kernels: Kernels
    weights: KernelWeights


class ContentKnn(ItemWeightsModel):
    """ŷ_uj = Σ K(i, j) / n_i^β over the items i of u that are among the k items most like j, with K = Σ_m α_m K_m.

    An item that nobody took is scored like any other.
    """

    Hyperparameters = ContentKnnHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES, Input.CONTENTS})

    def __init__(self, hyperparameters: ContentKnnHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters
        self.kernels = ContentKernels(hyperparameters.kernels, data)

    @classmethod
    def knows_unseen(cls, hyperparameters: ContentKnnHyperparameters) -> bool:
        return any(hyperparameters.weights.values())

    def fit(self) -> float:
        """Find the neighbours. They are the k that lose the least likeness; gives the share that is lost.

        Raises:
            PipelineError: there is no memory for its three matrices of items × items, and for blocks of kernels.
        """
        self.require_memory("content_knn", 4 * self.train.num_items * (3 * self.train.num_items + 6 * BLOCK))
        every = torch.arange(self.train.num_items, device=self.train.items.device)
        counts = self.train.item_counts
        likeness = self.kernels.among(self.hyperparameters.weights, every).float().fill_diagonal_(0)
        # Only what somebody took can speak for another item.
        likeness *= (counts.float().clamp(min=1).pow(-self.hyperparameters.frequency_exponent) * (counts > 0)).unsqueeze(1)
        nearest, neighbours = likeness.topk(min(self.hyperparameters.num_neighbours, len(every)), dim=0)
        self.weights = torch.zeros_like(likeness).scatter(0, neighbours, nearest)
        all_there_is = float(likeness.abs().sum())
        return 1 - float(nearest.abs().sum()) / all_there_is if all_there_is else 0.0
