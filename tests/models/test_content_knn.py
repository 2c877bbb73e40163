"""Content kNN against its sum, item by item."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from mkg4rec.models import registry
from mkg4rec.models.content_knn import ContentKnn
from mkg4rec.models.data import ItemContents
from tests.worlds import checkerboard, dense_interactions

ITEMS, COLD = 9, 4
VALUES: dict[str, Any] = {
    "num_neighbours": 3,
    "frequency_exponent": 0.5,
    "kernels": {"year": {"source": "years", "width": 4}, "words": {"source": "words"}},
    "weights": {"year": 2.0, "words": 0.5},
}


def test_scores_add_up_likeness_to_what_the_user_took_among_the_nearest() -> None:
    generator = torch.Generator().manual_seed(0)
    taken = torch.rand(12, ITEMS, generator=generator) < 0.4
    taken[:, COLD] = False
    years = 1990 + 10 * torch.rand(ITEMS, generator=generator).double()
    contents = ItemContents([f"{'red' if item % 2 else 'blue'} thing" for item in range(ITEMS)], years)
    data = replace(checkerboard()[0], train=dense_interactions(taken), read_contents=lambda: contents)
    model = registry.create("content_knn", VALUES, data)
    assert isinstance(model, ContentKnn)
    model.fit()
    every = torch.arange(ITEMS)
    likeness = model.kernels.among(VALUES["weights"], every)
    scores = model.scorer().score(torch.arange(12))
    for item in range(ITEMS):
        speaking = {other: likeness[other, item] / taken[:, other].sum() ** 0.5 for other in range(ITEMS) if other not in (item, COLD)}
        nearest = sorted(speaking, key=lambda other: -float(speaking[other]))[:3]
        for user in range(12):
            expected = sum((float(speaking[other]) for other in nearest if taken[user, other]), 0.0)
            assert float(scores[user, item]) == pytest.approx(expected, abs=1e-5)
    assert scores[:, COLD].any()
