"""What the stages that train and evaluate have in common: what they read, and where a training keeps its checkpoint."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import torch

from mkg4rec.features.store import FeatureMatrix, read_aligned
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.imports import ROOT
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import CATALOGUE, ENTITIES, INTERACTIONS, RELATIONS, TRIPLETS
from stages.layout import Layout

STOPPING = {"max_epochs", "patience"}


def training_data(layout: Layout, device: torch.device) -> TrainingData:
    """Train and validation interactions of a data set on `device`; graph and features as they are asked for."""
    return training_data_of(layout, INTERACTIONS.read(layout.split("train")), INTERACTIONS.read(layout.split("valid")), device)


def training_data_of(layout: Layout, train: pa.Table, valid: pa.Table, device: torch.device) -> TrainingData:
    """As `training_data`, of another split: `train` and `valid` are tables of interactions."""
    # Every user has a train interaction, so the train part knows them all.
    user_ids = pc.unique(train["user_id"].combine_chunks()).sort()
    item_ids = CATALOGUE.read(layout.catalogue)["item_id"].combine_chunks()
    return TrainingData(
        user_ids,
        item_ids,
        indexed(train, user_ids, item_ids).to(device),
        indexed(valid, user_ids, item_ids).to(device),
        lambda: read_triplets(layout, device),
        lambda modality: read_features(layout, modality, device),
    )


def indexed(rows: pa.Table, user_ids: pa.Array, item_ids: pa.Array) -> Interactions:
    """Published identifiers as an users × items matrix of indices."""
    users = pc.index_in(rows["user_id"].combine_chunks(), user_ids).to_numpy()
    items = pc.index_in(rows["item_id"].combine_chunks(), item_ids).to_numpy()
    return Interactions.from_pairs(torch.tensor(users), torch.tensor(items), len(user_ids), len(item_ids))


def read_triplets(layout: Layout, device: torch.device) -> Triplets:
    """The knowledge graph by index."""
    rows = TRIPLETS.read(layout.triplets)
    heads, relations, tails = (
        torch.tensor(rows[name].to_numpy(), dtype=torch.long, device=device) for name in ("head", "relation", "tail")
    )
    return Triplets(heads, relations, tails, len(ENTITIES.read(layout.entities)), len(RELATIONS.read(layout.relations)))


def read_features(layout: Layout, modality: str, device: torch.device) -> FeatureMatrix:
    """The vectors of one modality by entity index."""
    matrix = read_aligned(layout.features(modality), ENTITIES.read(layout.entities))
    return FeatureMatrix(matrix.vectors.to(device), matrix.present.to(device))


def checkpoint_path(layout: Layout, model: str, seed: int, data: TrainingData) -> Path:
    """Where the training of exactly these settings, inputs and code keeps its checkpoint.

    Outside of DVC's sight: DVC removes a stage's outputs before it runs the stage. When to stop is no part of
    the name, so that an interrupted training can go on with another number of epochs.
    """
    gathered = json.loads(layout.gathered(model).read_text(encoding="utf-8"))
    gathered["hyperparameters"] = {key: value for key, value in gathered["hyperparameters"].items() if key not in STOPPING}
    gathered["train"]["seed"] = seed
    digest = hashlib.sha256(json.dumps(gathered, sort_keys=True).encode())
    for interactions in (data.train, data.valid):
        digest.update(interactions.keys.cpu().numpy().tobytes())
    for path in sorted((ROOT / "mkg4rec" / "training").glob("*.py")):
        digest.update(path.read_bytes())
    return Path(".mkg4rec") / "checkpoints" / layout.dataset / model / digest.hexdigest()[:16] / "checkpoint.safetensors"
