"""Bring the Freebase dump into the download cache, and write down which bytes these are: what stands for 31 GB in the pipeline.

The file itself is no output, so that nobody who has pulled the graph needs it.
"""

from mkg4rec import params
from mkg4rec.download.downloader import Downloader
from mkg4rec.download.failure import without_password
from mkg4rec.download.pinned import PinnedFile, write_pinned
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    settings, layout = params.load(), Layout(dataset)
    source = settings.dataset(dataset).dump
    if source is None:
        write_pinned(None, layout.dump)
        print(f"{dataset}: no dump")
        return
    downloader = Downloader.from_environment(settings.http, layout.mirror)
    file = downloader.fetch(source.address, max_bytes=source.max_bytes, checksum=source.checksum, show_progress=True)
    write_pinned(PinnedFile.of(source.address, file), layout.dump)
    print(f"{dataset}: dump of {file.stat().st_size:,} bytes, from {without_password(str(downloader.mirror.locate(source.address)))}")


if __name__ == "__main__":
    run(main)
