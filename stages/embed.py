"""Embed the posters, texts and names of a data set: a file of vectors per modality."""

import pyarrow as pa

from mkg4rec import params
from mkg4rec.device import choose_device, choose_precision
from mkg4rec.features.cache import VectorCache, default_folder
from mkg4rec.features.contents import ContentRow, attribute_names, content_rows, item_posters, item_texts
from mkg4rec.features.embedding import choose_batch_size, embed
from mkg4rec.features.encoder import load, weights_sha256
from mkg4rec.features.store import FeatureRows, write_features
from mkg4rec.tables import CATALOGUE, DESCRIPTIONS, ENTITIES, POSTERS, Modality
from stages import run
from stages.layout import Layout

_UNITS = {Modality.VISUAL: "images", Modality.TEXT: "texts"}


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
        provenance = encoder.provenance(modality, weights, precision)
        cache = VectorCache(default_folder(), provenance)
        embedded = embed(encoder, modality, contents, cache, batch_size, device, precision)
        rows = FeatureRows(
            entities=pa.array([row.entity for row in inputs], pa.string()),
            item_ids=pa.array([row.item_id for row in inputs], catalogue["item_id"].type),
            sha256=pa.array([row.content and row.content.sha256 for row in inputs], pa.string()),
            vectors=embedded.vectors,
        )
        write_features(layout.features(modality), rows, provenance)
        print(f"{modality}: {len(contents)} {_UNITS[modality]}: {embedded}")
        for shard in cache.damaged:
            print(f"{shard}: damaged, removed; what it had was embedded again")


def read_contents(modality: Modality, catalogue: pa.Table, layout: Layout, title_as_text: bool) -> list[ContentRow]:
    """What is embedded in one modality, in the order of its features."""
    if modality is Modality.VISUAL:
        return content_rows(catalogue, item_posters(POSTERS.read(layout.posters)), {})
    of_items = item_texts(catalogue, DESCRIPTIONS.read(layout.descriptions), title_as_text)
    return content_rows(catalogue, of_items, attribute_names(ENTITIES.read(layout.entities)))


if __name__ == "__main__":
    run(main)
