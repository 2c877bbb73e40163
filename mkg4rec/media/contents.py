"""The posters, descriptions and web pages of a whole catalogue: an outcome for every item, a row for every content that is there."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from urllib.parse import quote, urlsplit

import pyarrow as pa

from mkg4rec.errors import PipelineError
from mkg4rec.media.fetching import Poster
from mkg4rec.media.status import Failure, Outcome, Status
from mkg4rec.sources.descriptions import FIELDS, Descriptions
from mkg4rec.sources.isbn import address_by_isbn
from mkg4rec.sources.pages import LARGEST_PAGE, Pages
from mkg4rec.sources.posters import PosterAddresses
from mkg4rec.sources.published import ItemId

POSTERS_PER_BATCH = 128
"""Posters that are read, and written as a row group, at a time."""

NO_ADDRESS = Failure(Status.MISSING, "no poster address is published")
NO_ADDRESS_NOR_ISBN = Failure(Status.MISSING, "no poster address is published, and the identifier is no ISBN-10")
NO_LINE = Failure(Status.MISSING, "the source has no line for the item")
NO_DESCRIPTION = Failure(Status.MISSING, "the source has no description")
NO_SOURCE_OF_PAGES = Failure(Status.MISSING, "the data set has no source of pages")
NO_ENTRY = Failure(Status.MISSING, "the source has no entry for the item")
NO_PAGE = Failure(Status.MISSING, "the source has no page of the item")


def poster_candidates(items: Sequence[ItemId], published: PosterAddresses, isbn_covers: str | None) -> dict[ItemId, list[str]]:
    """The addresses where the poster of each of `items` may be, in the order in which they are tried.

    Args:
        items: the catalogue's.
        published: where their source has them.
        isbn_covers: a second address for items whose identifier is an ISBN-10, which stands for `{isbn}` in it; None for none.
    """

    def addresses(item: ItemId) -> list[str]:
        second = address_by_isbn(isbn_covers, item) if isbn_covers else None
        return [address for address in (published.addresses.get(item), second) if address]

    return {item: addresses(item) for item in items}


def fetch_candidates(
    candidates: Mapping[ItemId, Sequence[str]], fetch: Callable[[list[str]], Mapping[str, Poster | Failure]]
) -> dict[str, Poster | Failure]:
    """What was found at the first address of every item, and at the next one of those that have no poster yet, and so on.

    Args:
        candidates: by item, addresses in the order in which they are tried.
        fetch: gives for addresses, all different, the poster or why there is none.
    """
    fetched: dict[str, Poster | Failure] = {}
    for choice in range(max(map(len, candidates.values()), default=0)):
        without = (
            addresses
            for addresses in candidates.values()
            if not any(isinstance(fetched.get(tried), Poster) for tried in addresses[:choice])
        )
        wanted = dict.fromkeys(addresses[choice] for addresses in without if len(addresses) > choice)
        fetched |= fetch([address for address in wanted if address not in fetched])
    return fetched


def poster_outcomes(
    items: Sequence[ItemId],
    candidates: Mapping[ItemId, Sequence[str]],
    fetched: Mapping[str, Poster | Failure],
    nowhere: Failure = NO_ADDRESS,
) -> list[Outcome]:
    """What became of the poster of each of `items`, in their order.

    The address is where the poster is, else the last that was tried.

    Args:
        items: the catalogue's.
        candidates: by item, the addresses where its poster may be, in the order in which they were tried.
        fetched: by address, the poster or why there is none; every address up to the first with a poster is there.
        nowhere: what befell an item without any.
    """

    def outcome(item: ItemId) -> Outcome:
        failures: list[tuple[str, Failure]] = []
        for address in candidates[item]:
            result = fetched[address]
            if not isinstance(result, Failure):
                return Outcome.ok(address)
            failures.append((address, result))
        return Outcome.failed(_together(failures), failures[-1][0]) if failures else Outcome.failed(nowhere, "")

    return [outcome(item) for item in items]


def _together(failures: Sequence[tuple[str, Failure]]) -> Failure:
    """What befell all addresses of an item: a single one's own failure; of several each host's, and missing if all are missing."""
    if len(failures) == 1:
        return failures[0][1]
    status = next((failure.status for _, failure in failures if failure.status is not Status.MISSING), Status.MISSING)
    return Failure(status, "; ".join(f"{_host(address)}: {failure.reason}" for address, failure in failures))


def _host(address: str) -> str:
    try:
        return urlsplit(address).hostname or address[:80]
    except ValueError:
        return address[:80]


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
    return _text_rows(items, outcomes, lambda item: published.descriptions[item].text)


def page_outcomes(items: Sequence[ItemId], published: Pages, source: str | None) -> list[Outcome]:
    """What became of the web page of each of `items`, in their order.

    Args:
        items: the catalogue's.
        published: what was read.
        source: the address of the file that was read, None where there is none; an outcome's address tells the entry as well.
    """

    def outcome(item: ItemId) -> Outcome:
        if source is None:
            return Outcome.failed(NO_SOURCE_OF_PAGES, "")
        address = f"{source}#/{quote(str(item))}"
        if (text := published.pages.get(item)) is not None:
            return Outcome.ok(address) if text else Outcome.failed(NO_PAGE, address)
        if (characters := published.too_large.get(item)) is not None:
            too_large = Failure(Status.TOO_LARGE, f"a page of {characters:,} characters, more than the {LARGEST_PAGE:,} allowed")
            return Outcome.failed(too_large, address)
        if (kind := published.broken.get(item)) is not None:
            return Outcome.failed(Failure(Status.BROKEN, f"{kind} in the place of a text"), address)
        return Outcome.failed(NO_ENTRY, source)

    return [outcome(item) for item in items]


def page_rows(items: pa.Array, outcomes: Sequence[Outcome], published: Pages) -> pa.Table:
    """The pages table, in the order of `items`."""
    return _text_rows(items, outcomes, lambda item: published.pages[item])


def _text_rows(items: pa.Array, outcomes: Sequence[Outcome], text_of: Callable[[ItemId], str]) -> pa.Table:
    pairs = zip(items.to_pylist(), outcomes, strict=True)
    there = [(item, text_of(item)) for item, outcome in pairs if outcome.status is Status.OK]
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
