"""Raw ratings archive → interactions and items, in the pipeline's own form."""

from collections.abc import Callable
from pathlib import Path

from mkg4rec import params, tables
from mkg4rec.params import SourceFormat
from mkg4rec.sources import movielens
from mkg4rec.sources.ratings import Published, described_items, latest_ratings
from stages import run
from stages.layout import Layout

READERS: dict[SourceFormat, Callable[[Path], Published]] = {
    SourceFormat.MOVIELENS: movielens.read,
}


def main(dataset: str) -> None:
    layout = Layout(dataset)
    read = READERS[params.load().dataset(dataset).sources.format]
    published = read(layout.raw_file("ratings"))
    interactions = latest_ratings(published.ratings)
    items = described_items(published.items, interactions)
    tables.INTERACTIONS.write(interactions, layout.interactions)
    tables.ITEMS.write(items, layout.items)
    print(
        f"{dataset}: {interactions.num_rows:,} interactions, {items.num_rows:,} items; "
        f"{published.ratings.num_rows - interactions.num_rows:,} ratings repeated and dropped, "
        f"{items.num_rows - published.items.num_rows:,} items without a description"
    )


if __name__ == "__main__":
    run(main)
