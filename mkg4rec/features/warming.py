"""The vectors of a file of features into the cache: for who has pulled them, and would embed all again at the next change."""

from pathlib import Path

from mkg4rec.features.cache import VectorCache
from mkg4rec.features.slices import with_content
from mkg4rec.features.store import read_features

_ROWS_PER_SHARD = 512


def warm(path: Path, root: Path) -> int:
    """Put into the cache folder `root` what it does not have of the file `path`; gives the number of vectors.

    Raises:
        PipelineError: no such file, or not one of features; or the cache cannot be read or written.
    """
    table, provenance = read_features(path)
    rows = with_content(table)
    vectors = rows["vector"].combine_chunks().flatten().to_numpy().reshape(-1, provenance.dimension)
    by_content = dict(zip(rows["sha256"].to_pylist(), vectors, strict=True))
    cache = VectorCache(root, provenance)
    known = cache.read(by_content.keys())
    missing = sorted(by_content.keys() - known.keys())
    for first in range(0, len(missing), _ROWS_PER_SHARD):
        cache.write({content: by_content[content] for content in missing[first : first + _ROWS_PER_SHARD]})
    return len(missing)
