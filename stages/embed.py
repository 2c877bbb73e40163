"""Embed the posters, texts and names of a data set: a file of vectors per modality."""

import pyarrow as pa

from mkg4rec import params
from mkg4rec.device import choose_device, choose_precision
from mkg4rec.features.cache import VectorCache, default_folder
from mkg4rec.features.contents import Content, attribute_names, item_posters, item_texts
from mkg4rec.features.embedding import embed
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
    precision = choose_precision(settings.precision, device)
    encoder, weights = load(layout.encoder), weights_sha256(layout.encoder)
    catalogue = CATALOGUE.read(layout.catalogue)
    for modality in Modality:
        of_items, of_attributes = _contents(modality, catalogue, layout, title_as_text)
        by_row = [of_items.get(item) for item in catalogue["item_id"].to_pylist()] + list(of_attributes.values())
        contents = [content for content in by_row if content]
        provenance = encoder.provenance(modality, weights, precision)
        cache = VectorCache(default_folder(), provenance)
        embedded = embed(encoder, modality, contents, cache, settings.batch_size, device, precision)
        rows = FeatureRows(
            entities=pa.array(catalogue["entity"].to_pylist() + list(of_attributes)),
            item_ids=pa.array(catalogue["item_id"].to_pylist() + [None] * len(of_attributes), catalogue["item_id"].type),
            sha256=pa.array([content and content.sha256 for content in by_row], pa.string()),
            vectors=embedded.vectors,
        )
        write_features(layout.features(modality), rows, provenance)
        print(f"{modality}: {len(contents)} {_UNITS[modality]}: {embedded}")
        for shard in cache.damaged:
            print(f"{shard}: damaged, removed; what it had was embedded again")


def _contents(
    modality: Modality, catalogue: pa.Table, layout: Layout, title_as_text: bool
) -> tuple[dict[int | str, Content], dict[str, Content]]:
    """Of the items by item_id, and of the attribute entities by entity."""
    if modality is Modality.VISUAL:
        return item_posters(POSTERS.read(layout.posters)), {}
    return item_texts(catalogue, DESCRIPTIONS.read(layout.descriptions), title_as_text), attribute_names(ENTITIES.read(layout.entities))


if __name__ == "__main__":
    run(main)
