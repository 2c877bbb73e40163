"""What a stage does at the least, done plainly: the references of `benchmarks.stages`.

Each reads the inputs of a built data set in the current folder, and writes, if at all, into the empty `folder`.
"""

import csv
import gzip
import hashlib
import math
import shutil
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.pinned import read_pinned
from mkg4rec.features.contents import attribute_names, item_posters, item_texts, pairs
from mkg4rec.features.embedding import choose_batch_size
from mkg4rec.features.encoder import load
from mkg4rec.models.base import WEIGHTS
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, ENTITIES, INTERACTIONS, POSTERS, Modality
from stages.download import ROLES
from stages.layout import Layout

LISTED = 50
"""Length of the lists of the stage `evaluate`."""


def copy(layout: Layout, folder: Path) -> None:
    """`cp` of the raw files."""
    for role in ROLES:
        shutil.copy(layout.raw_file(role), folder)


def split_lines(layout: Layout, folder: Path) -> None:
    """Every rating or review through `line.split`, in Python."""
    path = layout.raw_file("ratings")
    if path.suffix == ".gz":
        with gzip.open(path) as lines:
            for line in lines:
                line.split(b", ")
        return
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("ratings.dat"))
        with archive.open(name) as lines:
            for line in lines:
                line.split(b"::")


def rewrite_interactions(layout: Layout, folder: Path) -> None:
    """Interactions and items, read and written."""
    for path in (layout.interactions, layout.items):
        pq.write_table(pq.read_table(path), folder / path.name, compression="zstd")


def rewrite_positives(layout: Layout, folder: Path) -> None:
    """The positive interactions, read and written."""
    pq.write_table(pq.read_table(layout.positives), folder / "positives.parquet", compression="zstd")


def decode(layout: Layout, folder: Path) -> None:
    """Every poster through Pillow."""
    for image in pq.read_table(layout.posters)["image"].to_pylist():
        Image.open(BytesIO(image)).load()


def unpack(layout: Layout, folder: Path) -> None:
    """`gzip -dc DUMP | wc -l`."""
    dump = read_pinned(layout.dump).fetch(Downloader.from_environment(params.load().http, layout.mirror))
    subprocess.run(["sh", "-c", 'gzip -dc "$1" | wc -l', "sh", str(dump)], check=True, stdout=subprocess.DEVNULL)


def encoder_passes(layout: Layout, folder: Path) -> None:
    """Forward and backward passes over one batch, as many as there were batches in training."""
    settings = params.load()
    chosen = settings.dataset(layout.dataset).encoder
    device = choose_device(settings.embed.device)
    encoder = load(layout.encoder).to(device)
    with (layout.encoder / "log.csv").open(newline="", encoding="utf-8") as file:
        epochs = len(list(csv.DictReader(file)))
    texts = item_texts(CATALOGUE.read(layout.catalogue), DESCRIPTIONS.read(layout.descriptions), chosen.title_as_text)
    examples = pairs(item_posters(POSTERS.read(layout.posters)), texts)
    # Where there are no pairs, two views of a text are one.
    left = Modality.VISUAL if examples else Modality.TEXT
    halves = [(pair.poster, pair.text) for pair in examples] or [(text, text) for text in texts.values()]
    batch = halves[: chosen.batch_size]
    first = torch.stack([encoder.prepare(left, content) for content, _ in batch]).to(device)
    second = torch.stack([encoder.prepare(Modality.TEXT, text) for _, text in batch]).to(device)
    for _ in range(epochs * math.ceil(len(halves) / chosen.batch_size)):
        (encoder.encode(left, first) * encoder.encode(Modality.TEXT, second)).sum().backward()


@torch.inference_mode()
def encode(layout: Layout, folder: Path) -> None:
    """Every content through the encoder, a batch after another, nothing ahead and nothing kept."""
    values = params.load()
    settings = values.embed
    device = choose_device(settings.device)
    batch_size = choose_batch_size(settings.batch_size, device)
    encoder = load(layout.encoder).to(device)
    title_as_text = values.dataset(layout.dataset).encoder.title_as_text
    texts = item_texts(CATALOGUE.read(layout.catalogue), DESCRIPTIONS.read(layout.descriptions), title_as_text)
    contents = {
        Modality.VISUAL: [*item_posters(POSTERS.read(layout.posters)).values()],
        Modality.TEXT: [*texts.values(), *attribute_names(ENTITIES.read(layout.entities)).values()],
    }
    for modality, chosen in contents.items():
        distinct = list({content.sha256: content for content in chosen}.values())
        for start in range(0, len(distinct), batch_size):
            batch = [encoder.prepare(modality, content) for content in distinct[start : start + batch_size]]
            encoder.encode(modality, torch.stack(batch).to(device)).cpu()


def digest(layout: Layout, folder: Path) -> None:
    """The SHA-256 of graph and features."""
    for path in (layout.entities, layout.relations, layout.triplets, *(layout.features(modality) for modality in Modality)):
        hashlib.sha256(path.read_bytes()).hexdigest()


def solve(layout: Layout, folder: Path) -> None:
    """EASE as its paper prints it, in NumPy."""
    taken = train_matrix(layout)
    gram = (taken.T @ taken).astype(np.float64)
    gram[np.diag_indices_from(gram)] += params.load().hyperparameters(layout.dataset, "ease")["regularization"]
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    np.fill_diagonal(weights, 0)


def multiply_and_sort(layout: Layout, folder: Path) -> None:
    """EASE's scores of all users at once, and the largest of them."""
    taken = train_matrix(layout)
    weights = load_file(layout.model("ease") / WEIGHTS)["item_weights"]
    scores = torch.from_numpy(taken @ weights)
    scores.masked_fill_(torch.from_numpy(taken) > 0, -torch.inf)
    scores.topk(min(LISTED, scores.shape[1]))


def train_matrix(layout: Layout) -> NDArray[np.float32]:
    """(users, items), 1 where the user took the item."""
    train = INTERACTIONS.read(layout.split("train"))
    users, rows = np.unique(train["user_id"].to_numpy(), return_inverse=True)
    items = CATALOGUE.read(layout.catalogue)["item_id"].to_numpy()
    matrix = np.zeros((len(users), len(items)), np.float32)
    matrix[rows, np.searchsorted(items, train["item_id"].to_numpy())] = 1
    return matrix
