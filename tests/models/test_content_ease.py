"""Content EASE against a regression for each item on the stacked matrix, whose rows are made triplet by triplet."""

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.content_ease import ContentEase
from mkg4rec.models.data import TrainingData
from mkg4rec.models.ease import Ease
from tests.worlds import checkerboard, random_interactions, random_triplets

USERS, ITEMS, ATTRIBUTES = 25, 10, 7

VALUES: dict[str, Any] = {"regularization": 3.0, "attribute_weight": 2.0, "modalities": ["text", "visual"], "feature_weight": 0.7}


def _data() -> TrainingData:
    """Facts in both directions, between items too; modalities that miss some items."""
    generator = torch.Generator().manual_seed(0)
    facts = random_triplets(ITEMS, ATTRIBUTES, 3, 30, generator)
    ends = torch.stack([facts.heads, facts.tails])
    ends[:, ::2] = ends[:, ::2].flip(0)
    heads, tails = torch.cat([ends, torch.tensor([[0, 4], [1, 1]])], dim=1)
    triplets = Triplets(heads, torch.zeros_like(heads), tails, facts.num_entities, 3)
    contents = {
        modality: FeatureMatrix(
            torch.randn(facts.num_entities, width, generator=generator), torch.rand(facts.num_entities, generator=generator) < 0.7
        )
        for modality, width in (("text", 4), ("visual", 6))
    }
    for content in contents.values():
        content.vectors[~content.present] = 0
    return replace(
        checkerboard()[0],
        train=random_interactions(USERS, ITEMS, 0.3, generator),
        read_triplets=lambda: triplets,
        read_features=lambda modality: contents[modality],
    )


def _fitted(data: TrainingData, **changes: Any) -> tuple[Tensor, float]:
    model = registry.create("content_ease", VALUES | changes, data)
    assert isinstance(model, ContentEase)
    loss = model.fit()
    return model.weights.double(), loss


def _literal_attributes(triplets: Triplets) -> Tensor:
    """(items, entities) rows of length 1."""
    joined: dict[int, set[int]] = {entity: set() for entity in range(triplets.num_entities)}
    for head, tail in zip(triplets.heads.tolist(), triplets.tails.tolist(), strict=True):
        if head < ITEMS:
            joined[tail].add(head)
        if tail < ITEMS:
            joined[head].add(tail)
    rows = torch.zeros(ITEMS, triplets.num_entities, dtype=torch.float64)
    for entity, items in joined.items():
        for item in items:
            rows[item, entity] = math.log(ITEMS / len(items)) if len(items) >= 2 else 0
    return _unit(rows)


def _literal_features(features: FeatureMatrix) -> Tensor:
    """(items, D) rows of length 1."""
    present = [item for item in range(ITEMS) if features.present[item]]
    rows = torch.zeros(ITEMS, features.vectors.shape[1], dtype=torch.float64)
    mean = features.vectors[present].double().mean(0)
    for item in present:
        rows[item] = features.vectors[item].double() - mean
    return _unit(rows)


def _unit(rows: Tensor) -> Tensor:
    return torch.stack([row / row.norm() if row.any() else row for row in rows])


def _literal_column(stacked: Tensor, item: int) -> tuple[Tensor, float]:
    """Ridge regression of a column on the others, and its minimum."""
    others = torch.arange(ITEMS) != item
    kept = stacked[:, others]
    solution = torch.linalg.inv(kept.T @ kept + VALUES["regularization"] * torch.eye(ITEMS - 1)) @ kept.T @ stacked[:, item]
    weights = torch.zeros(ITEMS, dtype=torch.float64)
    weights[others] = solution
    residual = stacked[:, item] - stacked @ weights
    return weights, float(residual.square().sum() + VALUES["regularization"] * weights.square().sum())


@pytest.mark.parametrize("unseen", [None, [2, 7]])
def test_is_a_ridge_regression_of_each_column_of_the_stacked_matrix(unseen: list[int] | None) -> None:
    data = _data()
    if unseen:
        kept_out = torch.isin(torch.arange(ITEMS), torch.tensor(unseen))
        train = data.train
        warm = ~kept_out[train.items]
        data = replace(data, train=type(train).from_pairs(train.users[warm], train.items[warm], USERS, ITEMS), unseen=kept_out)
    weights, loss = _fitted(data)

    interactions = torch.zeros(USERS, ITEMS, dtype=torch.float64)
    interactions[data.train.users, data.train.items] = 1
    attributes = _literal_attributes(data.read_triplets())
    assert (attributes.norm(dim=1) == 0).sum() < ITEMS / 2
    features = [_literal_features(data.read_features(modality)) for modality in ("text", "visual")]
    contents = [math.sqrt(2.0) * attributes.T, *(math.sqrt(0.7) * rows.T for rows in features)]
    total = 0.0
    for item in range(ITEMS):
        # What was kept out of training has contents alone.
        expected, minimum = _literal_column(torch.cat(contents if item in (unseen or []) else [interactions, *contents]), item)
        torch.testing.assert_close(weights[:, item], expected, atol=1e-6, rtol=0)
        total += minimum
    assert loss == pytest.approx(total / (USERS * ITEMS))


def test_without_contents_it_is_ease() -> None:
    data = _data()
    weights, loss = _fitted(data, attribute_weight=0.0, modalities=[])
    ease = registry.create("ease", {"regularization": 3.0}, data)
    assert isinstance(ease, Ease)
    assert loss == pytest.approx(ease.fit())
    torch.testing.assert_close(weights, ease.weights.double())


def test_an_item_that_nobody_took_is_found_by_its_contents() -> None:
    data, right = checkerboard()
    train = data.train
    kept_out = torch.arange(data.num_items) >= data.num_items - 4
    warm = ~kept_out[train.items]
    cold = replace(data, train=type(train).from_pairs(train.users[warm], train.items[warm], data.num_users, data.num_items))
    model = registry.create("content_ease", VALUES | {"modalities": ["text"]}, cold.without(kept_out))
    assert isinstance(model, ClosedForm)
    model.fit()
    scores = model.scorer().score(torch.arange(data.num_users))[:, kept_out]
    assert scores[right[:, kept_out]].min() > scores[~right[:, kept_out]].max()


def test_refuses_a_modality_that_stands_twice() -> None:
    with pytest.raises(PipelineError, match=r"models\.content_ease\.modalities.*stands twice"):
        registry.hyperparameters("content_ease", VALUES | {"modalities": ["text", "text"]})
