"""Raw ratings and metadata → interactions, items and what is published of these, in the pipeline's own form."""

import pyarrow as pa

from mkg4rec import params, tables
from mkg4rec.dataset_params import SourceFormat
from mkg4rec.sources import amazon_books, movielens
from mkg4rec.sources.kb4rec import read_links
from mkg4rec.sources.ratings import Published, described_items, latest_ratings
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    published = _read(layout, SourceFormat(params.load().dataset(dataset).sources.format))
    interactions = latest_ratings(published.ratings)
    items = described_items(published.items, interactions)
    tables.INTERACTIONS.write(interactions, layout.interactions)
    tables.ITEMS.write(items, layout.items)
    tables.ATTRIBUTES.write(published.attributes, layout.attributes)
    tables.PUBLISHED_CONTENTS.write(published.contents, layout.published_contents)
    print(
        f"{dataset}: {interactions.num_rows:,} interactions, {items.num_rows:,} items; "
        f"{published.ratings.num_rows - interactions.num_rows:,} ratings repeated and dropped, "
        f"{items.num_rows - published.items.num_rows:,} items without a description"
    )


def _read(layout: Layout, source: SourceFormat) -> Published:
    match source:
        case SourceFormat.MOVIELENS:
            return movielens.read(layout.raw_file("ratings"))
        case SourceFormat.AMAZON_BOOKS:
            linked = read_links(layout.raw_file("links"), pa.string()).table["item_id"].combine_chunks()
            books = amazon_books.read(layout.raw_file("ratings"), layout.raw_file("metadata"), linked)
            print(f"{layout.dataset}: metadata: {books.metadata}")
            return books.published
        case SourceFormat.FILES | SourceFormat.RECBOLE:
            ratings, items = (table.read(layout.brought("ratings", table)) for table in (tables.INTERACTIONS, tables.ITEMS))
            return Published(ratings, items, tables.ATTRIBUTES.without_rows(), tables.PUBLISHED_CONTENTS.without_rows())


if __name__ == "__main__":
    run(main)
