"""What the stages that train and evaluate have in common: what they read, and where a training keeps its checkpoint."""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import item_texts
from mkg4rec.features.store import FeatureMatrix, read_aligned
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.imports import ROOT
from mkg4rec.interactions import Interactions
from mkg4rec.models.data import ItemContents, Ratings, TrainingData
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, ENTITIES, INTERACTIONS, ITEM_GRAPH, PAGES, RELATIONS, TRIPLETS, untitled
from stages.layout import Layout

STOPPING = {"max_epochs", "patience"}


def training_data(layout: Layout, device: torch.device) -> TrainingData:
    """Train and validation interactions of a data set on `device`; all else as it is asked for."""
    train, valid, dislikes = (INTERACTIONS.read(layout.split(part)) for part in ("train", "valid", "dislikes"))
    return training_data_of(layout, train, valid, dislikes, device)


def training_data_of(layout: Layout, train: pa.Table, valid: pa.Table, dislikes: pa.Table, device: torch.device) -> TrainingData:
    """As `training_data`, of another split: `train`, `valid` and `dislikes` are tables of interactions."""
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
        lambda: read_contents(layout),
        lambda: Ratings(ratings_in_order(train, user_ids, item_ids).to(device), indexed(dislikes, user_ids, item_ids).to(device)),
        lambda modality: read_item_graph(layout, modality, item_ids).to(device),
    )


def indexed(rows: pa.Table, user_ids: pa.Array, item_ids: pa.Array) -> Interactions:
    """Published identifiers as an users × items matrix of indices."""
    return Interactions.from_pairs(*indices(rows, user_ids, item_ids), len(user_ids), len(item_ids))


def indices(rows: pa.Table, user_ids: pa.Array, item_ids: pa.Array) -> tuple[Tensor, Tensor]:
    """(rows,) of users and (rows,) of items, int64."""
    known = (("user_id", user_ids), ("item_id", item_ids))
    users, items = (torch.tensor(pc.index_in(rows[name].combine_chunks(), ids).to_numpy(), dtype=torch.long) for name, ids in known)
    return users, items


def ratings_in_order(train: pa.Table, user_ids: pa.Array, item_ids: pa.Array) -> Tensor:
    """(rows,) float32 ratings in the order of the interactions that `indexed` makes."""
    users, items = indices(train, user_ids, item_ids)
    return torch.tensor(train["rating"].to_numpy())[torch.argsort(users * len(item_ids) + items)]


def read_contents(layout: Layout) -> ItemContents:
    """Texts, years, web pages and entities of the items, as far as they are published."""
    catalogue = CATALOGUE.read(layout.catalogue)
    described = item_texts(catalogue, DESCRIPTIONS.read(layout.descriptions), title_as_text=False)
    rows = zip(catalogue["item_id"].to_pylist(), catalogue["title"].to_pylist(), strict=True)
    titles = {item: "" if title == untitled(item) else title for item, title in rows}
    texts = [described[item].data.decode() if item in described else title for item, title in titles.items()]
    years = torch.tensor(pc.cast(catalogue["year"], pa.float64()).fill_null(math.nan).to_numpy())
    found = PAGES.read(layout.pages)
    pages = dict(zip(found["item_id"].to_pylist(), found["text"].to_pylist(), strict=True))
    return ItemContents(texts, years, [pages.get(item, "") for item in titles], catalogue["entity"].to_pylist())


def read_triplets(layout: Layout, device: torch.device) -> Triplets:
    """The knowledge graph by index."""
    rows = TRIPLETS.read(layout.triplets)
    heads, relations, tails = (
        torch.tensor(rows[name].to_numpy(), dtype=torch.long, device=device) for name in ("head", "relation", "tail")
    )
    names = RELATIONS.read(layout.relations)["relation"].to_pylist()
    return Triplets(heads, relations, tails, len(ENTITIES.read(layout.entities)), len(names), tuple(names))


def read_features(layout: Layout, modality: str, device: torch.device) -> FeatureMatrix:
    """The vectors of one modality by entity index."""
    matrix = read_aligned(layout.features(modality), ENTITIES.read(layout.entities))
    return FeatureMatrix(matrix.vectors.to(device), matrix.present.to(device))


def read_item_graph(layout: Layout, modality: str, item_ids: pa.Array) -> ItemGraph:
    """The nearest items of each item by index.

    Raises:
        PipelineError: it was made for other items.
    """
    path = layout.item_graph(modality)
    edges = ITEM_GRAPH.read(path)
    items, neighbours = (pc.index_in(edges[name].combine_chunks(), item_ids) for name in ("item_id", "neighbour_id"))
    if items.null_count or neighbours.null_count:
        raise PipelineError(f"{path}: it has items that are not in {layout.catalogue}; run `dvc repro` to make both from one catalogue.")
    from_items, to_neighbours = (torch.tensor(column.to_numpy(), dtype=torch.long) for column in (items, neighbours))
    return ItemGraph.from_edges(from_items, to_neighbours, torch.tensor(edges["weight"].to_numpy()), len(item_ids))


def checkpoint_path(layout: Layout, model: str, hyperparameters: dict[str, Any], seed: int, data: TrainingData) -> Path:
    """Where the training of exactly these values, settings, inputs and code keeps its checkpoint.

    Outside of DVC's sight: DVC removes a stage's outputs before it runs the stage. When to stop is no part of
    the name, so that an interrupted training can go on with another number of epochs.

    Raises:
        PipelineError: the inputs of `model` are not gathered.
    """
    path = layout.gathered(model)
    try:
        gathered = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{path}: there is no such file; `dvc repro` makes it where run.models lists {model}.") from error
    gathered["hyperparameters"] = {key: value for key, value in hyperparameters.items() if key not in STOPPING}
    gathered["train"]["seed"] = seed
    digest = hashlib.sha256(json.dumps(gathered, sort_keys=True).encode())
    for interactions in (data.train, data.valid):
        digest.update(interactions.keys.cpu().numpy().tobytes())
    for path in sorted((ROOT / "mkg4rec" / "training").glob("*.py")):
        digest.update(path.read_bytes())
    return Path(".mkg4rec") / "checkpoints" / layout.dataset / model / digest.hexdigest()[:16] / "checkpoint.safetensors"
