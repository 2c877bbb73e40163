"""Our models and RecBole's, made to the same size."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers.ours import Ours
from benchmarks.peers.theirs import RecBole
from mkg4rec import params
from mkg4rec.device import seed_everything
from mkg4rec.group import Group
from mkg4rec.models import registry
from mkg4rec.models.base import Neural
from stages.inputs import training_data
from stages.layout import Layout


@dataclass(frozen=True)
class Peer:
    """RecBole's version of one of our models.

    Attributes:
        name: as RecBole calls it.
        shape: RecBole's settings for the shape that our hyper-parameters give the model, beside the dimension.
        users_at_a_time: users that RecBole ranks at a time.
    """

    name: str
    shape: Callable[[Any], dict[str, Any]] = lambda ours: {}
    users_at_a_time: int = 1024


PEERS = {
    "bpr_mf": Peer("BPR"),
    "convncf": Peer("ConvNCF", lambda ours: convolutions(ours.dimension, ours.channels), users_at_a_time=1),
    "lightgcn": Peer("LightGCN", lambda ours: {"n_layers": ours.num_layers}),
    "spectralcf": Peer("SpectralCF", lambda ours: {"n_layers": ours.num_layers}),
    "cke": Peer("CKE"),
    "cke_without_text_and_visual": Peer("CKE"),
    "kgcn": Peer(
        "KGCN",
        lambda ours: {"n_iter": ours.num_hops, "neighbor_sample_size": ours.num_neighbours, "aggregator": str(ours.aggregation)},
        users_at_a_time=1,
    ),
    "kgat": Peer("KGAT", lambda ours: {"layers": ours.widths[1:], "mess_dropout": ours.message_dropout}),
}
"""By the name of our model in params.yaml."""


@dataclass(frozen=True)
class Sameness:
    """What is the same on both sides.

    Attributes:
        tuned: whether ours keeps everything but the dimension as params.yaml has it.
    """

    dimension: int
    batch_size: int
    learning_rate: float
    tuned: bool = False

    def ours(self, values: dict[str, Any]) -> dict[str, Any]:
        """The hyper-parameters `values` of a model of ours, made the same as far as it has them."""
        same: dict[str, Any] = {"dimension": self.dimension}
        if not self.tuned:
            same |= {"batch_size": self.batch_size, "kg_batch_size": self.batch_size, "learning_rate": self.learning_rate}
            same |= {"loss": "bpr", "similarity": "dot"}
        return values | {name: value for name, value in same.items() if name in values}

    def theirs(self, peer: Peer, ours: Group, num_items: int) -> dict[str, Any]:
        """RecBole's settings."""
        return {
            "embedding_size": self.dimension,
            "kg_embedding_size": self.dimension,
            "train_batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            # RecBole counts scores, also of a padding item.
            "eval_batch_size": peer.users_at_a_time * (num_items + 1),
        } | peer.shape(ours)


def convolutions(dimension: int, channels: int) -> dict[str, Any]:
    """ConvNCF's layers as its paper has them: 2 × 2 with stride 2, until one pixel of the d × d map is left."""
    layers = dimension.bit_length() - 1
    return {"cnn_channels": [1, *[channels] * layers], "cnn_kernels": [2] * layers, "cnn_strides": [2] * layers}


@contextmanager
def pair(name: str, dataset: str, files: Path, python: Path, sameness: Sameness) -> Iterator[tuple[Ours, RecBole]]:
    """Both sides of the model `name`, new, on the same split.

    Raises:
        PipelineError: bad hyper-parameters, RecBole fails, or it has read something else.
    """
    settings = params.load()
    seed_everything(settings.train.seed)
    data = training_data(Layout(dataset), torch.device("cpu"))
    model = registry.create(settings.base_model(name), sameness.ours(settings.hyperparameters(dataset, name)), data)
    assert isinstance(model, Neural)
    peer = PEERS[name]
    with (
        RecBole(python, peer.name, files, sameness.theirs(peer, model.hyperparameters, data.num_items)) as theirs,
        tempfile.TemporaryDirectory() as folder,
    ):
        theirs.check_same(data)
        yield Ours(model, data, Path(folder) / "checkpoint.safetensors"), theirs
