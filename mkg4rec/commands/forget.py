"""`mkg4rec forget`: what was downloaded and is of no use is downloaded anew."""

from mkg4rec import params
from mkg4rec.dataset_params import SourceFile, Sources
from mkg4rec.download.downloader import Downloader
from mkg4rec.errors import PipelineError
from stages.layout import Layout


def forget(dataset: str, source: str) -> None:
    """Drop a published file of `dataset` from the download cache, and say which stage brings it again.

    What DVC keeps of it stays: an earlier commit still finds its own files.

    Args:
        source: one of `mkg4rec.dataset_params.ROLES`.

    Raises:
        PipelineError: the data set has no such file.
    """
    settings = params.load()
    sources = settings.dataset(dataset).sources
    if not isinstance(sources, Sources):
        raise PipelineError(f"{dataset}: its files are your own, in own/{dataset}; nothing of it is downloaded.")
    file: SourceFile | None = getattr(sources, source)
    if file is None:
        raise PipelineError(f"{dataset}: there is no {source} to download, its address in params.yaml is null.")
    Downloader.from_environment(settings.http, Layout(dataset).mirror).forget(file.address)
    stage = "fetch_dump" if source == "dump" else "download"
    print(
        f"{file.address} is forgotten; `dvc repro --force --single-item {stage}@{dataset}` downloads it anew, "
        "and `dvc repro` builds what depends on it"
    )
