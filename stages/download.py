"""Fetch the published files of a data set, as they are: ratings, links, poster addresses, descriptions, Freebase dump."""

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
    for role in ("ratings", "links", "posters", "descriptions", "dump"):
        source: params.SourceFile = getattr(sources, role)
        name = published_name(source.address)
        file = downloader.fetch(source.address, max_bytes=source.max_bytes, checksum=source.checksum, show_progress=True)
        with replacing(layout.raw(role)) as folder:
            folder.mkdir()
            downloader.cache.place(file, folder / name)
        origin = without_password(str(downloader.mirror.locate(source.address)))
        print(f"{role}: {name}, {file.stat().st_size:,} bytes, from {origin}")


if __name__ == "__main__":
    run(main)
