"""What every registered model must do, found by name: a new model is tested by being there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.device import Arithmetic, seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.metrics import accuracy
from mkg4rec.evaluation.ranking import Scorer, rank
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm, Input, Model, Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import Modality
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from tests.conftest import ROOT
from tests.worlds import checkerboard

FLOAT32 = Arithmetic(torch.float32, compile=False)


def _hyperparameters(name: str) -> dict[str, Any]:
    """Those of params.yaml, a training short enough for a test."""
    values = params.load(ROOT / "params.yaml").hyperparameters("demo", name)
    short = {"max_epochs": 12, "batch_size": 128, "kg_batch_size": 128, "learning_rate": 0.01}
    return values | {key: value for key, value in short.items() if key in values}


def _trained(name: str, data: TrainingData, folder: Path) -> Model:
    seed_everything(0)
    model = registry.create(name, _hyperparameters(name), data)
    if isinstance(model, Neural):
        fit(model, data, FLOAT32, Checkpoint(folder / "checkpoint" / "state.safetensors"))
    else:
        assert isinstance(model, ClosedForm)
        model.fit()
    return model


def _all_scores(scorer: Scorer, data: TrainingData) -> Tensor:
    return scorer.score(torch.arange(data.num_users))


# A model is trained once and asked by several tests: they stay together when tests run in several processes.
@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(f"model {name}")) for name in registry.names()])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, TrainingData, Tensor, Model]:
    data, right = checkerboard()
    return request.param, data, right, _trained(request.param, data, tmp_path_factory.mktemp("model"))


def test_solves_the_checkerboard(trained: tuple[str, TrainingData, Tensor, Model]) -> None:
    name, data, _, model = trained
    if name == "popularity":
        pytest.skip("it recommends the same to everybody")
    lists = rank(model.scorer(), torch.arange(data.num_users), data.train, 2, 16)
    assert accuracy(lists, data.valid, (2,))["recall@2"].mean() > 0.95


def test_saves_and_loads_to_identical_scores(trained: tuple[str, TrainingData, Tensor, Model], tmp_path: Path) -> None:
    name, data, _, model = trained
    model.save(tmp_path, data)
    loaded = registry.load(name, _hyperparameters(name), tmp_path, data)
    assert torch.equal(_all_scores(loaded, data), _all_scores(model.scorer(), data))
    assert not [path for path in tmp_path.rglob("*.*") if path.suffix not in (".safetensors", ".parquet")]


def test_gives_the_same_scores_for_the_same_seed(trained: tuple[str, TrainingData, Tensor, Model], tmp_path: Path) -> None:
    name, data, _, model = trained
    again = _trained(name, data, tmp_path)
    assert torch.equal(_all_scores(again.scorer(), data), _all_scores(model.scorer(), data))


def test_refuses_unknown_and_impossible_hyperparameters(trained: tuple[str, TrainingData, Tensor, Model]) -> None:
    name, *_ = trained
    values = _hyperparameters(name)
    with pytest.raises(PipelineError, match=rf"models\.{name}\.no_such_key: unknown key"):
        registry.hyperparameters(name, values | {"no_such_key": 1})
    for key in values:
        with pytest.raises(PipelineError, match=rf"models\.{name}\.{key}"):
            registry.hyperparameters(name, values | {key: {"not": "possible"}})
        with pytest.raises(PipelineError, match=rf"models\.{name}\.{key}: this key is missing"):
            registry.hyperparameters(name, {other: value for other, value in values.items() if other != key})
        if isinstance(values[key], int | float) and not isinstance(values[key], bool):
            with pytest.raises(PipelineError, match=rf"models\.{name}\.{key}"):
                registry.hyperparameters(name, values | {key: -1})


WITH_FEATURES = [name for name in registry.names() if Input.FEATURES in registry.model_class(name).reads]


@pytest.mark.parametrize("having", [0, 1])
@pytest.mark.parametrize("name", WITH_FEATURES)
def test_a_modality_may_be_there_for_hardly_any_item_or_none(name: str, having: int, tmp_path: Path) -> None:
    data, _ = checkerboard()

    def read(modality: str) -> FeatureMatrix:
        whole = data.read_features(modality)
        few = whole.present & (whole.present.cumsum(0) <= having) if modality == Modality.VISUAL else whole.present
        return FeatureMatrix(whole.vectors * few.unsqueeze(1), few)

    without = replace(data, read_features=read)
    model = _trained(name, without, tmp_path / "training")
    scores = _all_scores(model.scorer(), data)
    assert scores.isfinite().all()
    lists = rank(model.scorer(), torch.arange(data.num_users), data.train, 2, 16)
    assert accuracy(lists, data.valid, (2,))["recall@2"].mean() > 0.9
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model", without)
    assert torch.equal(_all_scores(registry.load(name, _hyperparameters(name), tmp_path / "model", without), data), scores)
