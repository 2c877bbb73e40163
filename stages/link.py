"""Interactions, items and KB4Rec's links → positive interactions, dislikes, and the catalogue of items that take part."""

import pyarrow.compute as pc

from mkg4rec import params, tables
from mkg4rec.selection import select
from mkg4rec.sources.kb4rec import read_links
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    rules = params.load().dataset(dataset).link
    interactions = tables.INTERACTIONS.read(layout.interactions)
    items = tables.ITEMS.read(layout.items)
    links = read_links(layout.raw_file("links"), items["item_id"].type)
    selection = select(interactions, items, links.table, rules)
    tables.INTERACTIONS.write(selection.positives, layout.positives)
    tables.INTERACTIONS.write(selection.dislikes, layout.dislikes)
    tables.CATALOGUE.write(selection.catalogue, layout.catalogue)
    print(
        f"{dataset}: {selection.positives.num_rows:,} positive interactions of "
        f"{pc.count_distinct(selection.positives['user_id']).as_py():,} users and {selection.catalogue.num_rows:,} items; "
        f"{selection.dislikes.num_rows:,} dislikes, "
        f"{selection.unlinked_items:,} items without a link left out with {selection.unlinked_interactions:,} positive interactions, "
        f"{links.repeats:,} links repeated"
    )


if __name__ == "__main__":
    run(main)
