"""Content EASE: EASE that also has to rebuild what the knowledge graph and the features say of the items.

The collective form of Jeunen et al., "Closed-Form Models for Collaborative Filtering with Side-Information" (RecSys 2020,
https://doi.org/10.1145/3383313.3418480).
"""

from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.group import Group
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import Input
from mkg4rec.models.data import Modalities, TrainingData
from mkg4rec.models.item_weights import ItemWeightsModel, gram_matrix, zero_diagonal_regression
from mkg4rec.tuning.space import Beside, Range


class ContentEaseHyperparameters(Group):
    """Attributes:
    regularization: λ, the L2 penalty on the item–item weights.
    attribute_weight: α_G, of the graph's attributes.
    modalities: feature files that take part; none leaves the attributes alone.
    feature_weight: α_F, of each of them.
    """

    regularization: Annotated[float, Field(gt=0), Range(1.0, 10_000.0, log=True)]
    attribute_weight: Annotated[float, Field(ge=0), Range(1.0, 1000.0, log=True)]
    modalities: Modalities
    feature_weight: Annotated[float, Field(ge=0), Range(0.1, 1000.0, log=True), Beside("modalities")]


class ContentEase(ItemWeightsModel):
    """min over B of ‖X − X B‖² + Σ_m α_m ‖F_mᵀ − F_mᵀ B‖² + λ‖B‖² with diag(B) = 0, in closed form. Scores: x_u B.

    That is EASE on the users' rows X with the items' contents F_m (items, D_m) as further rows √α_m F_mᵀ under them, which
    add α_m F_m F_mᵀ to XᵀX. Ours: each F_m has rows of length 1, so that what is known of an item counts the same whether
    it is much or little, and F_m F_mᵀ holds cosines; an item without content has zeros.

    Nobody could take an item that was kept out of training. Its column of B has to rebuild its contents alone.
    """

    Hyperparameters = ContentEaseHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES})

    def __init__(self, hyperparameters: ContentEaseHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters
        self.unseen = data.unseen
        self.triplets = data.read_triplets()
        self.features = [data.read_features(modality) for modality in hyperparameters.modalities]

    @classmethod
    def knows_unseen(cls, hyperparameters: ContentEaseHyperparameters) -> bool:
        return hyperparameters.attribute_weight > 0 or (hyperparameters.feature_weight > 0 and bool(hyperparameters.modalities))

    def fit(self) -> float:
        """Solve for B; gives the minimum / (users · items).

        Raises:
            PipelineError: there is no memory for its five matrices of items × items in double precision.
        """
        self.require_memory("content_ease", 5 * 8 * self.train.num_items**2)
        penalty = self.hyperparameters.regularization
        contents = self._contents()
        contents.diagonal().add_(penalty)
        self.weights, minima = zero_diagonal_regression(gram_matrix(self.train) + contents)
        if self.unseen is not None:
            weights, content_minima = zero_diagonal_regression(contents)
            self.weights = torch.where(self.unseen, weights, self.weights)
            minima = torch.where(self.unseen, content_minima, minima)
        return float((minima - penalty).mean()) / self.train.num_users

    def _contents(self) -> Tensor:
        """Σ_m α_m F_m F_mᵀ, (items, items)."""
        contents = self.hyperparameters.attribute_weight * attribute_cosines(self.triplets, self.train.num_items)
        for features in self.features:
            contents += self.hyperparameters.feature_weight * feature_cosines(features, self.train.num_items)
        return contents


def attribute_cosines(triplets: Triplets, num_items: int) -> Tensor:
    """(items, items) in double precision: cosines of items by the entities that triplets join them to, whatever the relation.

    Ours: an entity has the weight ln(items / items joined to it), so that a shared director says more than a shared
    language, and one joined to a single item, which says nothing of another, has none.
    """
    attributes = item_attributes(triplets, num_items)
    counts = attributes.counts
    weights = torch.where(counts > 1, torch.log(num_items / counts.clamp(min=1).float()), 0)
    products = gram_matrix(attributes, weights.square())
    inverse_norms = products.diagonal().rsqrt().nan_to_num(posinf=0)
    return inverse_norms.unsqueeze(1) * products * inverse_norms


def item_attributes(triplets: Triplets, num_items: int) -> Interactions:
    """Entities × items: which entity stands in a triplet with which item, as its head or its tail."""
    ends = torch.stack([triplets.heads, triplets.tails])
    items, entities = torch.cat([ends, ends.flip(0)], dim=1)
    of_items = items < num_items
    return Interactions.from_pairs(entities[of_items], items[of_items], triplets.num_entities, num_items)


def feature_cosines(features: FeatureMatrix, num_items: int) -> Tensor:
    """(items, items) in double precision: cosines of the items' vectors about their mean, 0 with a missing one.

    Ours: the vectors of one encoder lie in a narrow cone, and what they have in common says nothing of an item.
    """
    vectors, present = features.vectors[:num_items].double(), features.present[:num_items].unsqueeze(1)
    mean = vectors.sum(0) / present.sum().clamp(min=1)
    unit = F.normalize(vectors - mean) * present
    return unit @ unit.T
