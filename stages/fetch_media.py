"""fetch_media: the posters and descriptions of the catalogue, with a status row for every item and modality."""

from pathlib import Path

import pyarrow as pa

from mkg4rec import params, tables
from mkg4rec.download.downloader import Downloader
from mkg4rec.errors import PipelineError
from mkg4rec.media.contents import (
    NO_ADDRESS,
    NO_ADDRESS_NOR_ISBN,
    POSTERS_PER_BATCH,
    description_outcomes,
    description_rows,
    fetch_candidates,
    poster_candidates,
    poster_outcomes,
    poster_rows,
)
from mkg4rec.media.fetching import Poster, fetch_posters
from mkg4rec.media.journal import Journal
from mkg4rec.media.status import Failure, check_share, status_rows, summary
from mkg4rec.params import Sources
from mkg4rec.progress import progress
from mkg4rec.sources.descriptions import Descriptions, read_descriptions
from mkg4rec.sources.posters import PosterAddresses, read_posters
from mkg4rec.sources.published_contents import covered, described
from mkg4rec.tables import Modality
from stages import run
from stages.layout import Layout

JOURNALS = Path(".mkg4rec") / "fetch_media"


def main(dataset: str) -> None:
    settings, layout = params.load(), Layout(dataset)
    chosen = settings.dataset(dataset)
    limit = f"datasets.{dataset}.media.max_missing"
    item_ids = tables.CATALOGUE.read(layout.catalogue, ["item_id"])["item_id"].combine_chunks()
    items = item_ids.to_pylist()

    # Descriptions first: where too many are missing, that is known before the long download.
    published, listed = _published(layout, chosen.sources, item_ids.type)
    text = description_outcomes(items, published, (chosen.sources.descriptions or chosen.sources.file("metadata")).address)
    check_share(text, Modality.TEXT, chosen.media.max_missing_descriptions, f"{limit}_descriptions")

    candidates = poster_candidates(items, listed, chosen.media.isbn_covers)
    downloader = Downloader.from_environment(settings.http, layout.mirror)
    conditions: dict[str, str | int] = {
        "mirror": str(downloader.mirror.root),
        "max_bytes": settings.media.max_bytes,
        "max_pixels": settings.media.max_pixels,
    }
    with Journal(JOURNALS / f"{dataset}.jsonl", conditions) as journal:

        def fetch(addresses: list[str]) -> dict[str, Poster | Failure]:
            return dict(progress(fetch_posters(addresses, downloader, settings.media, journal), "posters", len(addresses)))

        fetched = fetch_candidates(candidates, fetch)
        visual = poster_outcomes(items, candidates, fetched, NO_ADDRESS_NOR_ISBN if chosen.media.isbn_covers else NO_ADDRESS)
        try:
            check_share(visual, Modality.VISUAL, chosen.media.max_missing_posters, f"{limit}_posters")
        except PipelineError:
            # The next run must see a source that was repaired because of this error.
            journal.remove()
            raise
        outcomes = {Modality.VISUAL: visual, Modality.TEXT: text}
        tables.POSTERS.write(poster_rows(item_ids, visual, fetched), layout.posters, row_group_size=POSTERS_PER_BATCH)
        tables.DESCRIPTIONS.write(description_rows(item_ids, text, published), layout.descriptions)
        tables.MEDIA_STATUS.write(status_rows(item_ids, outcomes), layout.media_status)
        journal.remove()
    repeated, unreadable = listed.repeated + published.repeated, listed.unreadable + published.unreadable
    print(f"{dataset}: {summary(outcomes)}; passed over {repeated:,} repeated and {unreadable:,} unreadable lines of the sources")


def _published(layout: Layout, sources: Sources, identifier: pa.DataType) -> tuple[Descriptions, PosterAddresses]:
    """Descriptions and poster addresses from files of their own, or from the metadata."""
    if sources.descriptions and sources.posters:
        return read_descriptions(layout.raw_file("descriptions"), identifier), read_posters(layout.raw_file("posters"), identifier)
    contents = tables.PUBLISHED_CONTENTS.read(layout.published_contents)
    return described(contents), covered(contents)


if __name__ == "__main__":
    run(main)
