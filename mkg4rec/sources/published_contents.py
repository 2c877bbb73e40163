"""Cover addresses and descriptions out of a source's own metadata, in the form that files of their own have."""

import pyarrow as pa

from mkg4rec.sources.descriptions import Description, Descriptions
from mkg4rec.sources.posters import PosterAddresses


def described(contents: pa.Table) -> Descriptions:
    """The descriptions of a table as `tables.PUBLISHED_CONTENTS`, with the lines where they stand."""
    rows = zip(*(contents[name].to_pylist() for name in ("item_id", "line", "description")), strict=True)
    return Descriptions({item: Description(line, text) for item, line, text in rows}, broken={}, unreadable=0, repeated=0)


def covered(contents: pa.Table) -> PosterAddresses:
    """The cover addresses of a table as `tables.PUBLISHED_CONTENTS`."""
    rows = zip(contents["item_id"].to_pylist(), contents["cover"].to_pylist(), strict=True)
    return PosterAddresses(dict(rows), unreadable=0, repeated=0)
