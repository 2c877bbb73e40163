"""Every model that reads modalities takes a third one through its list of them alone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mkg4rec import params
from mkg4rec.device import Arithmetic, seed_everything
from mkg4rec.evaluation.metrics import accuracy
from mkg4rec.evaluation.ranking import rank
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.graph.nearest import by_features
from mkg4rec.models import registry
from mkg4rec.models.base import AttendsModalities, ClosedForm, Input, Model, Neural
from mkg4rec.models.data import ItemContents, TrainingData
from mkg4rec.tables import Modality
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import fit
from stages.gather import named_modalities
from tests.conftest import ROOT
from tests.worlds import checkerboard

ALL = [str(modality) for modality in Modality]
PARAMS = params.load(ROOT / "params.yaml")
READING = [name for name in registry.names() if {Input.FEATURES, Input.ITEM_GRAPHS} & registry.model_class(name).reads and name != "blend"]


def with_web(name: str) -> dict[str, Any]:
    """The hyper-parameters of params.yaml with web beside the other modalities, in whichever form the model lists them."""
    values = PARAMS.hyperparameters("demo", name)
    if "modalities" in values:
        values["modalities"] = ALL
    elif "modality_weights" in values:
        values["modality_weights"] = dict.fromkeys(ALL, 0.3)
    else:
        kernels = {modality: {"source": "vectors", "modality": modality} for modality in ALL}
        weights = [key for key in values if key.endswith("weights")]
        values |= {"kernels": kernels} | {key: {"visual": 0.2, "text": 0.2, "web": 2.0} for key in weights}
    short = {"max_epochs": 2, "batch_size": 128, "kg_batch_size": 128, "learning_rate": 0.01}
    return values | {key: value for key, value in short.items() if key in values}


def world() -> tuple[TrainingData, set[str]]:
    """The checkerboard, told by web alone: image and text are noise. And the modalities that were read, as they are."""
    data, _ = checkerboard()
    told, asked = data.read_features(Modality.WEB), set[str]()
    generator = torch.Generator().manual_seed(1)
    noise = {modality: torch.randn(told.vectors.shape, generator=generator) for modality in (Modality.VISUAL, Modality.TEXT)}

    def features(modality: str) -> FeatureMatrix:
        asked.add(modality)
        return told if modality == Modality.WEB else FeatureMatrix(noise[Modality(modality)], told.present)

    def graph(modality: str) -> ItemGraph:
        return by_features(features(modality), data.num_items, 4)

    return replace(data, read_features=features, read_item_graph=graph), asked


def trained(name: str, values: dict[str, Any], data: TrainingData, folder: Path) -> Model:
    seed_everything(0)
    model = registry.create(name, values, data)
    if isinstance(model, Neural):
        fit(model, data, Arithmetic(torch.float32, compile=False), Checkpoint(folder / "state.safetensors"))
    else:
        assert isinstance(model, ClosedForm)
        model.fit()
    return model


@pytest.mark.parametrize("name", READING)
def test_a_model_takes_web_through_its_list_alone(name: str, tmp_path: Path) -> None:
    data, asked = world()
    values = with_web(name)
    model = trained(name, values, data, tmp_path)
    assert asked == set(ALL)
    assert named_modalities(values) == ALL
    users = torch.arange(data.num_users)
    assert model.scorer().score(users).isfinite().all()
    if isinstance(model, ClosedForm):
        lists = rank(model.scorer(), users, data.train, 2, 16)
        assert accuracy(lists, data.valid, (2,))["recall@2"].mean() > 0.8
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model", data)
    assert torch.equal(registry.load(name, values, tmp_path / "model", data).score(users), model.scorer().score(users))
    if isinstance(model, AttendsModalities):
        shares = model.modality_attention(users, users % data.num_items)
        assert model.modalities == ALL
        torch.testing.assert_close(shares.sum(1), torch.ones(len(users)))
        assert (shares > 0).all()


def test_the_models_are_those_that_read_modalities() -> None:
    assert set(READING) == {
        "multi_kg4rec",
        "mkgat",
        "cke",
        "content_ease",
        "content_knn",
        "kernel_ease",
        "freedom",
        "siger",
        "igdmrec",
        "egra",
    }


@pytest.mark.parametrize("name", [name for name, values in PARAMS.models.items() if name.endswith("_with_web")])
def test_variants_with_web_are_described(name: str) -> None:
    values = PARAMS.hyperparameters("ml-1m", name)
    registry.hyperparameters(PARAMS.base_model(name), values)
    assert Modality.WEB in named_modalities(values)


def test_a_model_that_does_not_name_web_does_not_follow_it() -> None:
    assert named_modalities(PARAMS.hyperparameters("demo", "multi_kg4rec")) == [Modality.VISUAL, Modality.TEXT]
    assert named_modalities(PARAMS.hyperparameters("demo", "ease")) == []


def test_words_of_pages_are_a_kernel_of_their_own() -> None:
    data, right = checkerboard()
    pages = [["even", "odd"][item % 2] if item % 5 else "" for item in range(data.num_items)]
    contents = ItemContents([""] * data.num_items, torch.full((data.num_items,), torch.nan).double(), pages)
    values = {
        "num_neighbours": 24,
        "frequency_exponent": 0.0,
        "kernels": {
            "plot": {"source": "words"},
            "page": {"source": "words", "of": ["page"]},
            "both": {"source": "words", "of": ["description", "page"]},
        },
    }
    for weights, found in (({"page": 1.0}, True), ({"both": 1.0}, True), ({"plot": 1.0}, False)):
        model = trained("content_knn", values | {"weights": weights}, replace(data, read_contents=lambda: contents), Path())
        scores = model.scorer().score(torch.arange(data.num_users))
        assert bool(scores[right].max() > 0) is found
        assert scores[~right].max() == 0
    without = ItemContents(contents.texts, contents.years)
    model = trained("content_knn", values | {"weights": {"page": 1.0}}, replace(data, read_contents=lambda: without), Path())
    assert model.scorer().score(torch.arange(data.num_users)).abs().max() == 0
