"""The images of a data set that the user brings: files in a folder, each decoded before it counts."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mkg4rec.media.fetching import Poster, decoded
from mkg4rec.media.status import Failure, Outcome, Status
from mkg4rec.params import Media
from mkg4rec.progress import progress
from mkg4rec.sources.published import ItemId

NO_PICTURE = Failure(Status.MISSING, "the folder of images has none of the item")


def decode_pictures(pictures: Mapping[str, Path], limits: Media) -> dict[str, Poster | Failure]:
    """By the name of its file, each picture, or why it cannot be used."""
    paths = list(pictures.values())
    with ThreadPoolExecutor(limits.workers) as threads:
        results = progress(threads.map(lambda path: decoded(path, limits), paths), "images", len(paths))
        return {path.name: result for path, result in zip(paths, results, strict=True)}


def picture_outcomes(items: Sequence[ItemId], pictures: Mapping[str, Path], found: Mapping[str, Poster | Failure]) -> list[Outcome]:
    """What became of the picture of each of `items`, in their order; the address is the name of the file."""

    def outcome(item: ItemId) -> Outcome:
        path = pictures.get(str(item))
        if path is None:
            return Outcome.failed(NO_PICTURE, "")
        result = found[path.name]
        return Outcome.failed(result, path.name) if isinstance(result, Failure) else Outcome.ok(path.name)

    return [outcome(item) for item in items]
