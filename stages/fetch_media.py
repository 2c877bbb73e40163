"""fetch_media: the posters, descriptions and web pages of the catalogue, with a status row for every item and modality."""

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from mkg4rec import params, tables
from mkg4rec.dataset_params import DatasetMedia, FileSources, Sources
from mkg4rec.download.downloader import Downloader
from mkg4rec.errors import PipelineError
from mkg4rec.media.brought import decode_pictures, picture_outcomes
from mkg4rec.media.contents import (
    NO_ADDRESS,
    NO_ADDRESS_NOR_ISBN,
    POSTERS_PER_BATCH,
    description_outcomes,
    description_rows,
    fetch_candidates,
    page_outcomes,
    page_rows,
    poster_candidates,
    poster_outcomes,
    poster_rows,
)
from mkg4rec.media.fetching import Poster, fetch_posters
from mkg4rec.media.journal import Journal
from mkg4rec.media.status import Failure, Outcome, check_share, status_rows, summary
from mkg4rec.own_params import RecBoleSources
from mkg4rec.params import Params
from mkg4rec.progress import progress
from mkg4rec.sources.descriptions import Descriptions, read_descriptions
from mkg4rec.sources.own.items import descriptions_of, find_pictures, pages_in
from mkg4rec.sources.pages import Pages, read_pages
from mkg4rec.sources.posters import PosterAddresses, read_posters
from mkg4rec.sources.published import ItemId
from mkg4rec.sources.published_contents import covered, described
from mkg4rec.tables import Modality
from stages import run
from stages.layout import Layout

JOURNALS = Path(".mkg4rec") / "fetch_media"


def main(dataset: str) -> None:
    settings, layout = params.load(), Layout(dataset)
    item_ids = tables.CATALOGUE.read(layout.catalogue, ["item_id"])["item_id"].combine_chunks()
    sources = settings.dataset(dataset).sources
    if isinstance(sources, Sources):
        _fetch(settings, layout, sources, item_ids)
    else:
        _take(settings, layout, sources, item_ids)


def _fetch(settings: Params, layout: Layout, sources: Sources, item_ids: pa.Array) -> None:
    """The posters from their addresses, descriptions and pages from their lists."""
    dataset, items = layout.dataset, item_ids.to_pylist()
    chosen = settings.dataset(dataset)
    limit = f"datasets.{dataset}.media.max_missing"

    # Descriptions and pages first: where too many are missing, that is known before the long download.
    published, listed = _published(layout, sources, item_ids.type)
    text = description_outcomes(items, published, (sources.descriptions or sources.file("metadata")).address)
    check_share(text, Modality.TEXT, chosen.media.max_missing_descriptions, f"{limit}_descriptions")
    pages = read_pages(layout.raw_file("pages"), item_ids.type) if sources.pages else Pages()
    web = _enough_pages(items, pages, sources.pages.address if sources.pages else None, layout, chosen.media)

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
        outcomes = {Modality.VISUAL: visual, Modality.TEXT: text, Modality.WEB: web}
        _write(layout, item_ids, outcomes, fetched, published, pages)
        journal.remove()
    lists = (listed, published, pages)
    repeated, unreadable = sum(source.repeated for source in lists), sum(source.unreadable for source in lists)
    unknown = len(pages.pages.keys() - set(items))
    print(
        f"{dataset}: {summary(outcomes)}; passed over {repeated:,} repeated and {unreadable:,} unreadable lines of the sources, "
        f"{unknown:,} pages of no item that takes part"
    )


def _take(settings: Params, layout: Layout, sources: FileSources | RecBoleSources, item_ids: pa.Array) -> None:
    """The images, descriptions and pages that the user brings; none may be missing that its description does not leave out."""
    items, allowed = item_ids.to_pylist(), settings.dataset(layout.dataset).media
    limit = f"datasets.{layout.dataset}.media.max_missing"
    described_items = tables.DESCRIBED_ITEMS.read(layout.brought("descriptions", tables.DESCRIBED_ITEMS))
    published = descriptions_of(described_items)
    text = description_outcomes(items, published, sources.items_file)
    if sources.has_descriptions:
        check_share(text, Modality.TEXT, allowed.max_missing_descriptions, f"{limit}_descriptions")
    pages = pages_in(described_items) if sources.has_pages else Pages()
    web = _enough_pages(items, pages, sources.items_file if sources.has_pages else None, layout, allowed)
    pictures = find_pictures(layout.raw("posters"), items)
    found = decode_pictures(pictures.of_items, settings.media)
    visual = picture_outcomes(items, pictures.of_items, found)
    if sources.images:
        check_share(visual, Modality.VISUAL, allowed.max_missing_posters, f"{limit}_posters")
    outcomes = {Modality.VISUAL: visual, Modality.TEXT: text, Modality.WEB: web}
    _write(layout, item_ids, outcomes, found, published, pages)
    told = summary(outcomes)
    print(f"{layout.dataset}: {told}; passed over {pictures.unknown:,} images of no item that takes part, {pictures.repeated:,} repeated")


def _enough_pages(items: list[ItemId], pages: Pages, source: str | None, layout: Layout, allowed: DatasetMedia) -> list[Outcome]:
    """What became of each item's page; too many missing are an error, but for a data set that has no source of pages."""
    web = page_outcomes(items, pages, source)
    if source is not None:
        check_share(web, Modality.WEB, allowed.max_missing_pages, f"datasets.{layout.dataset}.media.max_missing_pages")
    return web


def _write(
    layout: Layout,
    item_ids: pa.Array,
    outcomes: Mapping[Modality, list[Outcome]],
    posters: Mapping[str, Poster | Failure],
    descriptions: Descriptions,
    pages: Pages,
) -> None:
    visual, text, web = (outcomes[modality] for modality in (Modality.VISUAL, Modality.TEXT, Modality.WEB))
    tables.POSTERS.write(poster_rows(item_ids, visual, posters), layout.posters, row_group_size=POSTERS_PER_BATCH)
    tables.DESCRIPTIONS.write(description_rows(item_ids, text, descriptions), layout.descriptions)
    tables.PAGES.write(page_rows(item_ids, web, pages), layout.pages)
    tables.MEDIA_STATUS.write(status_rows(item_ids, outcomes), layout.media_status)


def _published(layout: Layout, sources: Sources, identifier: pa.DataType) -> tuple[Descriptions, PosterAddresses]:
    """Descriptions and poster addresses from files of their own, or from the metadata."""
    if sources.descriptions and sources.posters:
        return read_descriptions(layout.raw_file("descriptions"), identifier), read_posters(layout.raw_file("posters"), identifier)
    contents = tables.PUBLISHED_CONTENTS.read(layout.published_contents)
    return described(contents), covered(contents)


if __name__ == "__main__":
    run(main)
