"""The posters and descriptions of a whole catalogue: an outcome for every item, a row for every content that is there."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import islice

import pyarrow as pa

from mkg4rec.errors import PipelineError
from mkg4rec.media.fetching import Poster
from mkg4rec.media.status import Failure, Outcome, Status
from mkg4rec.sources.descriptions import FIELDS, Descriptions
from mkg4rec.sources.posters import PosterAddresses
from mkg4rec.sources.published import ItemId

POSTERS_PER_BATCH = 128
"""Posters that are read, and written as a row group, at a time."""

NO_ADDRESS = Failure(Status.MISSING, "no poster address is published")
NO_LINE = Failure(Status.MISSING, "the source has no line for the item")
NO_DESCRIPTION = Failure(Status.MISSING, "the source has no description")


def poster_outcomes(items: Sequence[ItemId], published: PosterAddresses, fetched: Mapping[str, Poster | Failure]) -> list[Outcome]:
    """What became of the poster of each of `items`, in their order.

    Args:
        items: the catalogue's.
        published: where the posters should be.
        fetched: by address, the poster or why there is none; every address of `items` is there.
    """

    def outcome(item: ItemId) -> Outcome:
        address = published.addresses.get(item, "")
        if not address:
            return Outcome.failed(NO_ADDRESS, address)
        result = fetched[address]
        return Outcome.failed(result, address) if isinstance(result, Failure) else Outcome.ok(address)

    return [outcome(item) for item in items]


def poster_rows(items: pa.Array, outcomes: Sequence[Outcome], fetched: Mapping[str, Poster | Failure]) -> pa.Table:
    """The posters table, in the order of `items`.

    The bytes are read a batch at a time, so that the table is the only copy of them in memory.

    Raises:
        PipelineError: a file has changed since it was decoded.
    """
    there = (
        (item, poster)
        for item, outcome in zip(items.to_pylist(), outcomes, strict=True)
        if isinstance(poster := fetched.get(outcome.address), Poster)
    )
    types = {"item_id": items.type, "image": pa.binary(), "sha256": pa.string(), "width": pa.int32(), "height": pa.int32()}
    schema = pa.schema(list(types.items()))
    batches = []
    while batch := list(islice(there, POSTERS_PER_BATCH)):
        columns = {
            "item_id": [item for item, _ in batch],
            "image": [_bytes(poster) for _, poster in batch],
            "sha256": [poster.sha256 for _, poster in batch],
            "width": [poster.width for _, poster in batch],
            "height": [poster.height for _, poster in batch],
        }
        batches.append(pa.RecordBatch.from_pydict(columns, schema))
    return pa.Table.from_batches(batches, schema)


def description_outcomes(items: Sequence[ItemId], published: Descriptions, source: str) -> list[Outcome]:
    """What became of the description of each of `items`, in their order.

    Args:
        items: the catalogue's.
        published: what was read.
        source: the address of the file that was read; an outcome's address tells the line as well.
    """

    def outcome(item: ItemId) -> Outcome:
        if (line := published.broken.get(item)) is not None:
            return Outcome.failed(Failure(Status.BROKEN, f"a line with {line.fields} fields instead of {FIELDS}"), f"{source}#L{line.line}")
        if (description := published.descriptions.get(item)) is None:
            return Outcome.failed(NO_LINE, source)
        address = f"{source}#L{description.line}"
        return Outcome.ok(address) if description.text else Outcome.failed(NO_DESCRIPTION, address)

    return [outcome(item) for item in items]


def description_rows(items: pa.Array, outcomes: Sequence[Outcome], published: Descriptions) -> pa.Table:
    """The descriptions table, in the order of `items`."""
    there = [
        (item, published.descriptions[item].text)
        for item, outcome in zip(items.to_pylist(), outcomes, strict=True)
        if outcome.status is Status.OK
    ]
    return pa.table(
        {
            "item_id": pa.array([item for item, _ in there], items.type),
            "text": pa.array([text for _, text in there], pa.string()),
            "sha256": pa.array([hashlib.sha256(text.encode()).hexdigest() for _, text in there], pa.string()),
        }
    )


def _bytes(poster: Poster) -> bytes:
    image = poster.path.read_bytes()
    if hashlib.sha256(image).hexdigest() != poster.sha256:
        raise PipelineError(f"{poster.path}: the file changed while it was read; run again.")
    return image
