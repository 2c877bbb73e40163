"""Embed the posters, texts, names and web pages of a data set: a file of vectors per modality."""

from pathlib import Path

import pyarrow as pa
import torch

from mkg4rec import params
from mkg4rec.device import choose_device, choose_precision
from mkg4rec.features.cache import VectorCache, default_folder
from mkg4rec.features.contents import Content, ContentRow, attribute_names, content_rows, item_pages, item_posters, item_texts
from mkg4rec.features.embedding import Embedded, choose_batch_size, embed
from mkg4rec.features.encoder import Encoder, load, weights_sha256
from mkg4rec.features.pages import EmbeddedPages, PageCaches, embed_pages
from mkg4rec.features.store import FeatureRows, write_features
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, ENTITIES, PAGES, POSTERS, Modality
from stages import run
from stages.layout import Layout

_UNITS = {Modality.VISUAL: "images", Modality.TEXT: "texts", Modality.WEB: "pages"}


def main(dataset: str) -> None:
    values = params.load()
    settings, title_as_text = values.embed, values.dataset(dataset).encoder.title_as_text
    layout = Layout(dataset)
    device = choose_device(settings.device)
    precision, batch_size = choose_precision(settings.precision, device), choose_batch_size(settings.batch_size, device)
    encoder, weights = load(layout.encoder), weights_sha256(layout.encoder)
    catalogue = CATALOGUE.read(layout.catalogue)
    for modality in Modality:
        inputs = read_contents(modality, catalogue, layout, title_as_text)
        contents = [row.content for row in inputs if row.content]
        embedded, damaged = _embedded(encoder, modality, contents, weights, batch_size, device, precision)
        rows = FeatureRows(
            entities=pa.array([row.entity for row in inputs], pa.string()),
            item_ids=pa.array([row.item_id for row in inputs], catalogue["item_id"].type),
            sha256=pa.array([row.content and row.content.sha256 for row in inputs], pa.string()),
            vectors=embedded.vectors,
        )
        write_features(layout.features(modality), rows, encoder.provenance(modality, weights, precision))
        print(f"{modality}: {len(contents)} {_UNITS[modality]}: {embedded}")
        for shard in damaged:
            print(f"{shard}: damaged, removed; what it had was embedded again")


def _embedded(
    encoder: Encoder,
    modality: Modality,
    contents: list[Content],
    weights: str,
    batch_size: int,
    device: torch.device,
    precision: torch.dtype,
) -> tuple[Embedded | EmbeddedPages, list[Path]]:
    """The vectors of `contents`, and the damaged shards of the cache."""
    if modality is Modality.WEB:
        caches = PageCaches.of(default_folder(), encoder, weights, precision)
        return embed_pages(encoder, contents, caches, batch_size, device, precision), caches.damaged
    cache = VectorCache(default_folder(), encoder.provenance(modality, weights, precision))
    return embed(encoder, modality, contents, cache, batch_size, device, precision), cache.damaged


def read_contents(modality: Modality, catalogue: pa.Table, layout: Layout, title_as_text: bool) -> list[ContentRow]:
    """What is embedded in one modality, in the order of its features."""
    if modality is Modality.VISUAL:
        return content_rows(catalogue, item_posters(POSTERS.read(layout.posters)), {})
    if modality is Modality.WEB:
        return content_rows(catalogue, item_pages(PAGES.read(layout.pages)), {})
    of_items = item_texts(catalogue, DESCRIPTIONS.read(layout.descriptions), title_as_text)
    return content_rows(catalogue, of_items, attribute_names(ENTITIES.read(layout.entities)))


if __name__ == "__main__":
    run(main)
