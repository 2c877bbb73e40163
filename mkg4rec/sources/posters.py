"""Poster addresses by item: a CSV file with the columns `item_id` and `image`.

For MovieLens-1M: https://github.com/antonsteenvoorden/ml1m-images (addresses at IMDb's image host).
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pyarrow as pa

from mkg4rec.errors import DOWNLOAD_ANEW, PipelineError
from mkg4rec.sources.published import ItemId, item_id, published_text

COLUMNS = ("item_id", "image")


@dataclass(frozen=True)
class PosterAddresses:
    """What a file of poster addresses holds.

    Attributes:
        addresses: by item, as published; "" where the item's row has none.
        unreadable: rows without a readable item id; they are passed over.
        repeated: rows of an item that had one before; the first one counts.
    """

    addresses: dict[ItemId, str]
    unreadable: int
    repeated: int


def read_posters(path: Path, identifier: pa.DataType) -> PosterAddresses:
    """Read the poster addresses at `path`.

    Args:
        path: UTF-8, a header line, further columns allowed.
        identifier: the type of the catalogue's item ids; strings keep their leading zeros.

    Raises:
        PipelineError: not a text file, not CSV, or a column is missing from its header.
    """
    rows = csv.DictReader(StringIO(published_text(path), newline=""), strict=True)
    addresses: dict[ItemId, str] = {}
    unreadable = repeated = 0
    try:
        _check_header(rows.fieldnames or [], path)
        for row in rows:
            try:
                item = item_id(row["item_id"] or "", pa.types.is_integer(identifier))
            except ValueError:
                unreadable += 1
                continue
            if item in addresses:
                repeated += 1
            else:
                addresses[item] = (row["image"] or "").strip()
    except csv.Error as error:
        raise PipelineError(f"{path}:{rows.line_num}: not CSV ({error}). {DOWNLOAD_ANEW}") from error
    return PosterAddresses(addresses, unreadable, repeated)


def _check_header(found: Sequence[str], path: Path) -> None:
    if missing := [column for column in COLUMNS if column not in found]:
        raise PipelineError(
            f"{path}:1: a file of poster addresses needs the columns {' and '.join(COLUMNS)}; {' and '.join(missing)} is missing, "
            f"its first line has {', '.join(found)[:200] or 'nothing'}. Check the address of this source in params.yaml."
        )
