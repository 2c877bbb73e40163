"""Fetch the published files of a data set, as they are: ratings, metadata, links, poster addresses, descriptions, Freebase dump."""

from mkg4rec import params
from mkg4rec.download.addresses import published_name
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import without_password
from mkg4rec.files import replacing
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    sources = settings.dataset(dataset).sources
    downloader = Downloader.from_environment(settings.http, layout.mirror)
    for role in params.ROLES:
        source: params.SourceFile | None = getattr(sources, role)
        if source is None:
            _leave_note(layout, role)
            continue
        name = published_name(source.address)
        file = downloader.fetch(source.address, max_bytes=source.max_bytes, checksum=source.checksum, show_progress=True)
        with replacing(layout.raw(role)) as folder:
            folder.mkdir()
            downloader.cache.place(file, folder / name)
        origin = without_password(str(downloader.mirror.locate(source.address)))
        print(f"{role}: {name}, {file.stat().st_size:,} bytes, from {origin}")


def _leave_note(layout: Layout, role: str) -> None:
    with replacing(layout.raw(role)) as folder:
        folder.mkdir()
        # DVC warns of an empty folder whenever it meets one.
        (folder / "none.txt").write_text("This data set has no such file: its address in params.yaml is null.\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
