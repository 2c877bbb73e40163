"""Trained and untrained graph models on small data."""

from dataclasses import replace
from functools import cache
from typing import Any

import torch

from mkg4rec import params
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.models.egra import Egra
from mkg4rec.models.message_passing import Explainable, MessagePassing
from tests.conftest import ROOT
from tests.worlds import checkerboard, dense_interactions

OVER_INTERACTIONS = ["lightgcn", "dmicf", "spectralcf", "freedom", "siger", "siger_without_infusion", "igdmrec", "egra"]
MODELS = ["kgat", "kgat_structure_aware", "mkgat", "multi_kg4rec", "multi_kg4rec_structure_aware", *OVER_INTERACTIONS]
EVERY = [*MODELS, "kgcn"]
SMALL: dict[str, Any] = {"dimension": 8, "num_layers": 2, "learning_rate": 0.02, "batch_size": 256}
OF_THE_KNOWLEDGE_GRAPH: dict[str, Any] = {"layer_dimensions": [8, 8], "kg_batch_size": 512, "message_dropout": 0.0}


@cache
def _params() -> params.Params:
    return params.load(ROOT / "params.yaml")


def base_model(name: str) -> str:
    """The model that `name` is, or is a variant of."""
    return _params().base_model(name)


def message_passing_on(name: str, data: TrainingData) -> MessagePassing:
    """As `model_on`, one of `MODELS`."""
    model = model_on(name, data)
    assert isinstance(model, MessagePassing)
    return model


def model_on(name: str, data: TrainingData, seed: int = 0) -> Explainable:
    """The model with random parameters, in which every message says something."""
    base, values = base_model(name), _params().hyperparameters("demo", name) | SMALL
    if base == "kgcn":
        values = {name: value for name, value in values.items() if name != "num_layers"} | {"num_neighbours": 4}
    elif base not in OVER_INTERACTIONS:
        values |= OF_THE_KNOWLEDGE_GRAPH
    if base == "dmicf":
        values = {name: value for name, value in values.items() if name != "num_layers"} | {"num_intents": 4, "intent_dimension": 3}
    if base == "egra":
        values["num_neighbours"] = 3
    if base == "igdmrec":
        values |= {"num_neighbours": 3, "hidden_dimension": 8, "dropout": 0.0}
    if base == "multi_kg4rec":
        values |= {"num_heads": 2, "num_blocks": 1, "feedforward_dimension": 8, "sequence_length": 4}
    torch.manual_seed(seed)
    model = registry.create(base, values, data)
    assert isinstance(model, Explainable)
    torch.manual_seed(seed)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    if isinstance(model, Egra):
        # Who is near whom follows from a training, of which there is none here.
        model.neighbours[:] = (torch.arange(data.num_items).unsqueeze(1) + torch.tensor([2, 4, 5])) % data.num_items
        model.joined[:, 1:] = True
    model.refresh()
    return model.eval()


def small_data(name: str = "") -> TrainingData:
    """The checkerboard; for KGCN, whose score knows nothing but facts, with more than one of an item."""
    data = checkerboard(12, 10)[0]
    return with_more_facts(data) if name == "kgcn" else data


def with_more_facts(data: TrainingData) -> TrainingData:
    """The same data in which each item has three more facts, of two relations, that say nothing."""
    generator, planted = torch.Generator().manual_seed(0), data.read_triplets()
    heads = torch.arange(data.num_items).repeat_interleave(3)
    relations = torch.randint(1, 3, heads.shape, generator=generator)
    tails = torch.randint(planted.num_entities, planted.num_entities + 6, heads.shape, generator=generator)
    columns = [torch.cat(parts) for parts in ((planted.heads, heads), (planted.relations, relations), (planted.tails, tails))]
    triplets = Triplets(columns[0], columns[1], columns[2], planted.num_entities + 6, 3)
    return replace(data, read_triplets=lambda: triplets)


def without_interaction(data: TrainingData, user: int, item: int) -> TrainingData:
    """The same data, had the user not taken the item in train."""
    taken = torch.zeros(data.num_users, data.num_items, dtype=torch.bool)
    taken[data.train.users, data.train.items] = True
    taken[user, item] = False
    return replace(data, train=dense_interactions(taken))
