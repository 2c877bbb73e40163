"""Popularity against counting."""

from pathlib import Path

import pytest
import torch

from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.data import TrainingData
from tests.worlds import checkerboard


def _data() -> TrainingData:
    return checkerboard(9, 7)[0]


def test_scores_are_the_numbers_of_train_interactions() -> None:
    data = _data()
    model = registry.create("popularity", {}, data)
    assert isinstance(model, ClosedForm)
    loss = model.fit()
    counts = [data.train.items.tolist().count(item) for item in range(data.num_items)]
    assert len(set(counts)) > 1
    assert model.scorer().score(torch.tensor([3, 0])).tolist() == [counts, counts]

    dense = torch.zeros(data.num_users, data.num_items)
    dense[data.train.users, data.train.items] = 1
    assert loss == pytest.approx(float((dense - dense.mean(0)).square().mean()))


def test_refuses_counts_of_other_items(tmp_path: Path) -> None:
    model = registry.create("popularity", {}, _data())
    assert isinstance(model, ClosedForm)
    model.fit()
    model.save(tmp_path, _data())
    with pytest.raises(PipelineError, match="made for 7 items, the data has 8; run `dvc repro`"):
        registry.load("popularity", {}, tmp_path, checkerboard(9, 8)[0])
