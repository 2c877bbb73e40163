"""The demo catalogue at its real size: do the models find what is planted?"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.evaluation.metrics import evaluate
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Device, Precision, Train
from mkg4rec.tables import INTERACTIONS, Modality
from mkg4rec.training.train import train
from stages.inputs import indexed, training_data
from stages.layout import Layout
from tests.conftest import ROOT
from tests.pipeline.clone import Clone, clean_environment

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("planted")]

STAGES = ("synthesize", "download", "fetch_dump", "prepare", "link", "split", "fetch_media", "build_kg", "encoder", "embed", "item_graphs")
EPOCHS = {
    "multi_kg4rec": 32,
    "mkgat": 8,
    "kgat": 6,
    "kgcn": 12,
    "bpr_mf": 15,
    "cke": 12,
    "convncf": 2,
    "dmicf": 3,
    "freedom": 10,
    "siger": 8,
    "igdmrec": 15,
    "egra": 15,
}
"""Where models whose epochs take long have learned enough for what is asked of them here."""


class Popularity:
    """The same scores for everybody: train interactions of each item."""

    def __init__(self, train: Interactions) -> None:
        self.counts = train.item_counts.float()

    def score(self, users: Tensor) -> Tensor:
        return self.counts.expand(len(users), -1)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainingData, Interactions]:
    """Training data and test interactions of the demo catalogue, as the stages make them."""
    folder = tmp_path_factory.mktemp("planted")
    clone = Clone.of_working_tree(folder / "clone", clean_environment(folder / "home"))
    for stage in STAGES:
        clone.succeed("python", "-m", f"stages.{stage}", "demo")
    here = Path.cwd()
    os.chdir(clone.path)
    try:
        layout = Layout("demo")
        data = training_data(layout, torch.device("cpu"))
        features = {modality: data.read_features(modality) for modality in map(str, Modality)}
        item_graphs = {modality: data.read_item_graph(modality) for modality in features}
        triplets, contents, ratings = data.read_triplets(), data.read_contents(), data.read_ratings()
        test = indexed(INTERACTIONS.read(layout.split("test")), data.user_ids, data.item_ids)
    finally:
        os.chdir(here)
    read = replace(
        data,
        read_triplets=lambda: triplets,
        read_features=features.__getitem__,
        read_contents=lambda: contents,
        read_ratings=lambda: ratings,
        read_item_graph=item_graphs.__getitem__,
    )
    return read, test


@pytest.fixture(scope="module")
def trained(demo: tuple[TrainingData, Interactions], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Scorer]:
    """The model `name` as params.yaml has it for the demo catalogue, with a few other values and no more than `EPOCHS`; trained once."""

    @cache
    def train_once(name: str, **others: object) -> Scorer:
        values = params.load(ROOT / "params.yaml").hyperparameters("demo", name) | others
        if "max_epochs" in values and "max_epochs" not in others:
            values["max_epochs"] = EPOCHS.get(name, 40)
        settings = Train(seed=0, device=Device.CPU, precision=Precision.FLOAT32, compile=False)
        return train(name, values, demo[0], settings, tmp_path_factory.mktemp(name) / "checkpoint.safetensors")[0].scorer()

    return train_once


SLOW = {"convncf", "egra", "mkgat", "multi_kg4rec", "spectralcf"}
"""Models that train for longest on the demo catalogue; `make test` has them on the checkerboard."""

NAMES = [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in registry.names() if name != "popularity"]


@pytest.mark.parametrize("name", NAMES)
def test_every_model_learns_what_is_planted(demo: tuple[TrainingData, Interactions], trained: Callable[..., Scorer], name: str) -> None:
    data, test = demo
    found = evaluate(trained(name), data.train, data.valid, test, 10)
    popular = evaluate(Popularity(data.train), data.train, data.valid, test, 10)
    # Contents alone do not tell how many take an item, so that a model of nothing else is judged among those that few took.
    measure = "among_rare_ndcg@20" if name == "content_knn" else "ndcg@20"
    assert found.averages[measure] > 1.5 * popular.averages[measure]
    # What a user took before is never recommended.
    seen = data.train.union(data.valid)
    assert not seen.contains(found.lists.users[:, None], found.lists.items).any()


def test_pages_help_where_few_took_an_item(demo: tuple[TrainingData, Interactions]) -> None:
    data, test = demo
    settings = params.load(ROOT / "params.yaml")
    found = {}
    for name in ("kernel_ease", "kernel_ease_with_web"):
        model = registry.create("kernel_ease", settings.hyperparameters("demo", name), data)
        assert isinstance(model, ClosedForm)
        model.fit()
        found[name] = evaluate(model.scorer(), data.train, data.valid, test, 10).averages
    for measure in ("rare_ndcg@20", "among_rare_ndcg@20"):
        assert found["kernel_ease_with_web"][measure] > 1.05 * found["kernel_ease"][measure]


@pytest.mark.slow
def test_multi_kg4rec_is_far_above_popularity_and_fusion_pays_on_rare_items(
    demo: tuple[TrainingData, Interactions], trained: Callable[..., Scorer]
) -> None:
    data, test = demo
    fused = {fusion: trained("multi_kg4rec", fusion=fusion, max_epochs=32) for fusion in ("both", "none")}
    scorers = fused | {"popularity": Popularity(data.train)}
    measured = {name: evaluate(scorer, data.train, data.valid, test, 10).averages for name, scorer in scorers.items()}
    assert measured["both"]["ndcg@20"] > 2 * measured["popularity"]["ndcg@20"]
    assert measured["both"]["ndcg@20"] > measured["none"]["ndcg@20"]
    assert measured["both"]["rare_ndcg@20"] > 1.3 * measured["none"]["rare_ndcg@20"]
    assert measured["both"]["rare_recall@50"] > measured["popularity"]["rare_recall@50"]
