"""Items that came after the training: described, joined to the data, and scored without training anything again.

What all users would give an item is regressed on what is known of it: the cold view of kernel EASE (`mkg4rec.models.kernel_ease`),
S_new = γ S_W (K_WW + μ I)⁻¹ K_W,new, whatever model the scores S_W of the items W that were trained on come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import torch
from torch import Tensor

from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import ItemContents, Ratings, TrainingData
from mkg4rec.models.kernel_ease import KernelEase, KernelEaseHyperparameters


@dataclass(frozen=True)
class Newcomer:
    """What is known of an item that is not in the catalogue.

    Attributes:
        text: title and description.
        page: text of a web page about it, "" for none.
        entity: its identifier in the knowledge base, "" for none.
        year: NaN where unknown.
        vectors: (D,) by modality, of the data set's own encoder; a modality that is missing is not listed.
        facts: relation and entity by index, the item being the head.
    """

    text: str
    year: float
    vectors: dict[str, Tensor]
    facts: Sequence[tuple[int, int]]
    page: str = ""
    entity: str = ""


def joined(data: TrainingData, newcomer: Newcomer) -> TrainingData:
    """The data with the newcomer as the last item, which nobody took; entities that are no items move up by one."""
    return replace(
        data,
        item_ids=pa.concat_arrays([data.item_ids, pa.nulls(1, data.item_ids.type)]),
        train=_widened(data.train),
        valid=_widened(data.valid),
        read_triplets=lambda: _with_facts(data.read_triplets(), data.num_items, newcomer.facts),
        read_features=lambda modality: _with_vector(data.read_features(modality), data.num_items, newcomer.vectors.get(modality)),
        read_contents=lambda: _with_text(data.read_contents(), newcomer),
        read_ratings=lambda: Ratings(data.read_ratings().taken, _widened(data.read_ratings().dislikes)),
    )


def _widened(interactions: Interactions) -> Interactions:
    return Interactions(interactions.offsets, interactions.items, interactions.num_items + 1)


def _with_facts(triplets: Triplets, place: int, facts: Sequence[tuple[int, int]]) -> Triplets:
    device = triplets.heads.device
    relations, entities = torch.tensor(facts, dtype=torch.long, device=device).reshape(-1, 2).T
    heads, tails = (ends + (ends >= place).long() for ends in (triplets.heads, triplets.tails))
    return replace(
        triplets,
        heads=torch.cat([heads, torch.full_like(relations, place)]),
        relations=torch.cat([triplets.relations, relations]),
        tails=torch.cat([tails, entities + (entities >= place).long()]),
        num_entities=triplets.num_entities + 1,
    )


def _with_vector(features: FeatureMatrix, place: int, vector: Tensor | None) -> FeatureMatrix:
    row = torch.zeros_like(features.vectors[:1]) if vector is None else vector.to(features.vectors).unsqueeze(0)
    present = torch.tensor([vector is not None], device=features.present.device)
    return FeatureMatrix(
        torch.cat([features.vectors[:place], row, features.vectors[place:]]),
        torch.cat([features.present[:place], present, features.present[place:]]),
    )


def _with_text(contents: ItemContents, newcomer: Newcomer) -> ItemContents:
    years = torch.cat([contents.years, torch.tensor([newcomer.year], dtype=contents.years.dtype)])
    none_known = [""] * len(contents.texts)
    pages = [*(contents.pages or none_known), newcomer.page]
    entities = [*(contents.entities or none_known), newcomer.entity]
    return ItemContents([*contents.texts, newcomer.text], years, pages, entities)


class NewcomerScores:
    """Scores of all items and, last, of the newcomer.

    Attributes:
        warm: (W,) items that somebody took in train.
        column: (W,) γ (K_WW + μ I)⁻¹ K_W,new: how much each of them says of the newcomer.
    """

    def __init__(self, scorer: Scorer, hyperparameters: KernelEaseHyperparameters, data: TrainingData, newcomer: Newcomer) -> None:
        """
        Args:
            scorer: of a model that was trained on `data`.
            hyperparameters: of kernel EASE, for kernels, weights, μ and γ.
        """
        self.scorer = scorer
        self.warm = (data.train.item_counts > 0).nonzero().squeeze(1)
        self.column = KernelEase(hyperparameters, joined(data, newcomer)).cold_column(self.warm, data.num_items)

    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items + 1)"""
        scores = self.scorer.score(users)
        return torch.cat([scores, (scores[:, self.warm] @ self.column.to(scores.dtype)).unsqueeze(1)], dim=1)


def places(scorer: NewcomerScores, data: TrainingData, block_size: int = 1024) -> tuple[Tensor, Tensor]:
    """(users,) scores of the newcomer, and the place that it has among what each user has not taken, from 1."""
    values, ranks = [], []
    seen = data.train.union(data.valid)
    for users in torch.arange(data.num_users, device=data.train.items.device).split(block_size):
        scores = scorer.score(users)
        row, items = seen.rows(users)
        scores[row, items] = -torch.inf
        values.append(scores[:, -1])
        ranks.append((scores[:, :-1] > scores[:, -1:]).sum(1) + 1)
    return torch.cat(values), torch.cat(ranks)
