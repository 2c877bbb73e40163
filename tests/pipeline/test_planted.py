"""The demo catalogue at its real size: does Multi-KG4Rec find what is planted?"""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mkg4rec import params
from mkg4rec.device import seed_everything
from mkg4rec.evaluation.metrics import evaluate
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.interactions import Interactions
from mkg4rec.models import registry
from mkg4rec.models.base import Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import INTERACTIONS
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.loop import Arithmetic, fit
from stages.inputs import indexed, training_data
from stages.layout import Layout
from tests.conftest import ROOT
from tests.pipeline.clone import Clone, clean_environment

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("planted")]

STAGES = ("synthesize", "download", "prepare", "link", "split", "fetch_media", "build_kg", "encoder", "embed")
EPOCHS = 20
"""Where both variants are past their steepest learning."""


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
        features = {modality: data.read_features(modality) for modality in ("visual", "text")}
        triplets = data.read_triplets()
        test = indexed(INTERACTIONS.read(layout.split("test")), data.user_ids, data.item_ids)
    finally:
        os.chdir(here)
    return TrainingData(data.user_ids, data.item_ids, data.train, data.valid, lambda: triplets, features.__getitem__), test


def _trained(data: TrainingData, fusion: str, folder: Path) -> Scorer:
    seed_everything(0)
    values = params.load(ROOT / "params.yaml").hyperparameters("demo", "multi_kg4rec") | {"fusion": fusion, "max_epochs": EPOCHS}
    model = registry.create("multi_kg4rec", values, data)
    assert isinstance(model, Neural)
    fit(model, data, Arithmetic(torch.float32, compile=False), Checkpoint(folder / fusion / "checkpoint.safetensors"))
    return model.scorer()


def test_it_is_far_above_popularity_and_fusion_pays_on_rare_items(demo: tuple[TrainingData, Interactions], tmp_path: Path) -> None:
    data, test = demo
    scorers = {"both": _trained(data, "both", tmp_path), "none": _trained(data, "none", tmp_path), "popularity": Popularity(data.train)}
    measured = {name: evaluate(scorer, data.train, data.valid, test, 10).averages for name, scorer in scorers.items()}
    assert measured["both"]["ndcg@20"] > 2 * measured["popularity"]["ndcg@20"]
    assert measured["both"]["ndcg@20"] > measured["none"]["ndcg@20"]
    assert measured["both"]["rare_ndcg@20"] > 1.3 * measured["none"]["rare_ndcg@20"]
    assert measured["both"]["rare_recall@50"] > measured["popularity"]["rare_recall@50"]
