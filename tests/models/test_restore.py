"""A trained model that is made anew with its weights."""

from pathlib import Path

import pytest
import torch

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.models import registry
from tests.conftest import ROOT
from tests.worlds import checkerboard


def test_a_restored_model_is_the_one_that_was_saved(tmp_path: Path) -> None:
    data, _ = checkerboard()
    values = params.load(ROOT / "params.yaml").models["multi_kg4rec"]
    model = registry.create("multi_kg4rec", values, data)
    model.save(tmp_path, data)

    restored = registry.restore("multi_kg4rec", values, tmp_path, data)

    users = torch.arange(data.num_users)
    assert torch.equal(restored.scorer().score(users), model.scorer().score(users))


def test_a_model_of_scores_alone_has_nothing_to_restore(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match=r"models\.ease: computed at once"):
        registry.restore("ease", {"regularization": 1.0}, tmp_path, checkerboard()[0])
