"""Item-kNN: neighbourhoods of items (Sarwar et al., WWW 2001, https://doi.org/10.1145/371920.372071)."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from mkg4rec.group import Count, Group
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_weights import ItemWeightsModel, gram_rows
from mkg4rec.tuning.space import Range


class ItemKnnHyperparameters(Group):
    """Attributes:
    num_neighbours: k.
    shrinkage: h, which pulls similarities towards 0 that few users vouch for.
    """

    num_neighbours: Annotated[Count, Range(10, 1000, log=True)]
    shrinkage: Annotated[float, Field(ge=0), Range(0.0, 500.0)]


class ItemKnn(ItemWeightsModel):
    """ŷ_uj = Σ s_ij over the items i of u that are among the k items most similar to j.

    With |i ∩ j| the users who took both and n_i those who took i, the similarity is the cosine of two columns (section
    3.1.1), shrunk as Ferrari Dacrema et al. (RecSys 2019, https://arxiv.org/abs/1907.06902) do:

        s_ij = |i ∩ j| / (√(n_i n_j) + h)

    Sarwar's weighted sum (section 3.2.1) is an average of ratings; where there are none, the sum alone ranks, as in
    Deshpande and Karypis (ACM TOIS 22, 2004, https://doi.org/10.1145/963770.963776). These let each item of u speak for its
    own k neighbours instead, which favours popular items.
    """

    Hyperparameters = ItemKnnHyperparameters

    def __init__(self, hyperparameters: ItemKnnHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters

    def fit(self) -> float:
        """Find the neighbours. They are the k that lose the least similarity; gives the share that is lost.

        Raises:
            PipelineError: there is no memory for its matrix of items × items.
        """
        self.require_memory("item_knn", 4 * self.train.num_items**2)
        size = self.train.num_items
        self.weights = torch.zeros(size, size, device=self.train.items.device)
        sums = torch.zeros(2, dtype=torch.float64, device=self.weights.device)
        for items, rows in gram_rows(self.train):
            similarities = self._similarities(items, rows)
            nearest, neighbours = similarities.topk(min(self.hyperparameters.num_neighbours, size))
            self.weights[neighbours, items.unsqueeze(1)] = nearest
            sums += torch.stack([nearest.sum(), similarities.sum()])
        kept, all_there_is = sums.tolist()
        return 1 - kept / all_there_is if all_there_is else 0.0

    def _similarities(self, items: Tensor, taken_together: Tensor) -> Tensor:
        """s_ij of (b,) items j with all i, from (b, items) |i ∩ j|; 0 with itself."""
        counts = self.train.item_counts.float()
        lengths = (counts[items].unsqueeze(1) * counts).sqrt()
        # Where nobody took an item the numerator is 0, and any denominator will do.
        similarities = taken_together / (lengths + self.hyperparameters.shrinkage).clamp(min=1)
        return similarities.scatter(1, items.unsqueeze(1), 0)
