"""Interactions, items and KB4Rec's links → positive interactions, dislikes, the catalogue of items that take part, what the graph needs."""

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec import params, tables
from mkg4rec.dataset_params import OWN_FORMATS, KgSource
from mkg4rec.selection import select
from mkg4rec.sources.kb4rec import Links, read_links
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    chosen = params.load().dataset(dataset)
    interactions = tables.INTERACTIONS.read(layout.interactions)
    items = tables.ITEMS.read(layout.items)
    if chosen.sources.format in OWN_FORMATS:
        links = Links(tables.LINKS.read(layout.brought("links", tables.LINKS)), repeats=0)
    else:
        links = read_links(layout.raw_file("links"), items["item_id"].type)
    selection = select(interactions, items, links.table, chosen.link)
    tables.INTERACTIONS.write(selection.positives, layout.positives)
    tables.INTERACTIONS.write(selection.dislikes, layout.dislikes)
    tables.CATALOGUE.write(selection.catalogue, layout.catalogue)
    tables.LINKS.write(selection.catalogue.select(["item_id", "entity"]), layout.links)
    tables.ATTRIBUTES.write(_attributes(layout, selection.catalogue, KgSource.METADATA in chosen.kg.sources), layout.linked_attributes)
    print(
        f"{dataset}: {selection.positives.num_rows:,} positive interactions of "
        f"{pc.count_distinct(selection.positives['user_id']).as_py():,} users and {selection.catalogue.num_rows:,} items; "
        f"{selection.dislikes.num_rows:,} dislikes, "
        f"{selection.unlinked_items:,} items without a link left out with {selection.unlinked_interactions:,} positive interactions, "
        f"{links.repeats:,} links repeated"
    )


def _attributes(layout: Layout, catalogue: pa.Table, is_source: bool) -> pa.Table:
    """What the metadata says of the catalogue's items; nothing where it is no source of the graph, which then does not follow it."""
    attributes = tables.ATTRIBUTES.read(layout.attributes)
    return (
        attributes.filter(pc.is_in(attributes["item_id"], catalogue["item_id"].combine_chunks())) if is_source else attributes.slice(0, 0)
    )


if __name__ == "__main__":
    run(main)
