"""Fetch the published files of a data set, as they are: ratings, metadata, links, poster addresses, descriptions, pages.

Of a data set that the user brings, the tables and images take their place, every value checked.
"""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec import dataset_params, params, tables
from mkg4rec.dataset_params import FileSources, SourceFile, Sources
from mkg4rec.download.addresses import published_name
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import DownloadError, without_password
from mkg4rec.download.wholeness import check_whole
from mkg4rec.files import replacing
from mkg4rec.own_params import RecBoleSources
from mkg4rec.sources.own.description import own_files
from mkg4rec.sources.own.graph import read_links, read_names, read_triples
from mkg4rec.sources.own.interactions import read_interactions
from mkg4rec.sources.own.items import picture_files, read_items, titled_items
from stages import run
from stages.layout import Layout

ROLES = tuple(role for role in dataset_params.ROLES if role != "dump")
"""The published files that lie in `data/X/raw`; `fetch_dump` has the dump."""


def main(dataset: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    sources = settings.dataset(dataset).sources
    if isinstance(sources, Sources):
        downloader = Downloader.from_environment(settings.http, layout.mirror)
        for role in ROLES:
            source: SourceFile | None = getattr(sources, role)
            if source is None:
                _leave_note(layout, role)
            else:
                _fetch(layout, role, source, downloader)
        _leave_note(layout, "triples")
    else:
        _take_in(layout, sources, has_dump=settings.dataset(dataset).dump is not None)


def _fetch(layout: Layout, role: str, source: SourceFile, downloader: Downloader) -> None:
    name = published_name(source.address)
    file = downloader.fetch(source.address, max_bytes=source.max_bytes, checksum=source.checksum, show_progress=True)
    if source.checksum is None:
        try:
            check_whole(file, source.address)
        except DownloadError:
            downloader.forget(source.address)
            raise
    with replacing(layout.raw(role)) as folder:
        folder.mkdir()
        downloader.cache.place(file, folder / name)
    origin = without_password(str(downloader.mirror.locate(source.address)))
    print(f"{role}: {name}, {file.stat().st_size:,} bytes, from {origin}")


def _take_in(layout: Layout, sources: FileSources | RecBoleSources, has_dump: bool) -> None:
    """The files in `own/` as tables, and the images as they are."""
    files = own_files(layout.own, sources)
    interactions = read_interactions(files.interactions, files.scale)
    items = read_items(files.items)
    identifiers = pc.unique(pa.chunked_array([*interactions["item_id"].chunks, *items["item_id"].chunks], pa.string()))
    links = read_links(files.links, identifiers, files.drop_unlinked, freebase=has_dump)
    facts, names = read_triples(files.triples), read_names(files.names)
    images = picture_files(files.images) if files.images else []

    _write_tables(layout.raw("ratings"), {tables.INTERACTIONS: interactions, tables.ITEMS: titled_items(items)})
    _leave_note(layout, "metadata")
    _leave_note(layout, "pages")
    _write_tables(layout.raw("descriptions"), {tables.DESCRIBED_ITEMS: items})
    _write_tables(layout.raw("links"), {tables.LINKS: links})
    _write_tables(layout.raw("triples"), {tables.FACTS: facts, tables.NAMES: names})
    with replacing(layout.raw("posters")) as folder:
        folder.mkdir()
        for image in images:
            shutil.copyfile(image, folder / image.name)
        if not images:
            # DVC warns of an empty folder whenever it meets one.
            (folder / "none.txt").write_text("This data set has no images.\n", encoding="utf-8")
    print(
        f"{layout.dataset}: {len(interactions):,} interactions, {len(identifiers):,} items, {len(items):,} of them described; "
        f"{len(images):,} images, {len(facts):,} facts, {len(names):,} names of entities"
    )


def _write_tables(folder: Path, contents: dict[tables.Table, pa.Table]) -> None:
    with replacing(folder) as temporary:
        temporary.mkdir()
        for table, rows in contents.items():
            table.write(rows, temporary / Layout.brought_name(table))


def _leave_note(layout: Layout, role: str) -> None:
    with replacing(layout.raw(role)) as folder:
        folder.mkdir()
        # DVC warns of an empty folder whenever it meets one.
        (folder / "none.txt").write_text("This data set has no such file: its address in params.yaml is null.\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
