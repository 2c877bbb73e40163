"""Amazon-Books: reviews and metadata of 2014 (`amazon_reviews`, `amazon_metadata`) as the ratings, items and contents of the pipeline."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.sources.amazon_metadata import Metadata, Product, read_metadata
from mkg4rec.sources.amazon_reviews import read_reviews
from mkg4rec.sources.ratings import Published, attribute_rows
from mkg4rec.tables import untitled

_ITEMS = pa.schema([("item_id", pa.string()), ("title", pa.string()), ("year", pa.int32()), ("genres", pa.list_(pa.string()))])
_CONTENTS = pa.schema([("item_id", pa.string()), ("line", pa.int64()), ("cover", pa.string()), ("description", pa.string())])


@dataclass(frozen=True)
class AmazonBooks:
    """The published tables, and how the reading of the metadata went."""

    published: Published
    metadata: Metadata


def read(reviews: Path, metadata: Path, linked: pa.Array) -> AmazonBooks:
    """The reviews of all books, and what the metadata says of those that have a review and are `linked`.

    The metadata describes 2.3 million books upstream; a book that no knowledge graph knows takes no part, so its line is not parsed.

    Args:
        reviews: see `amazon_reviews`.
        metadata: see `amazon_metadata`.
        linked: the ASINs of books that are linked to an entity.

    Raises:
        PipelineError: a file that is missing, damaged, or not what it should be.
    """
    ratings = read_reviews(reviews)
    reviewed = pc.unique(ratings["item_id"])
    found = read_metadata(metadata, set(reviewed.filter(pc.is_in(reviewed, value_set=linked)).to_pylist()))
    products = [found.products[asin] for asin in sorted(found.products)]
    return AmazonBooks(Published(ratings, _items(products), _attributes(products), _contents(products)), found)


def _items(products: list[Product]) -> pa.Table:
    columns = (
        [product.asin for product in products],
        [product.title or untitled(product.asin) for product in products],
        [None] * len(products),
        [list(product.categories) for product in products],
    )
    return pa.table(list(columns), schema=_ITEMS)


def _attributes(products: list[Product]) -> pa.Table:
    kinds = {"metadata.category": "categories", "metadata.author": "authors", "metadata.brand": "brands"}
    facts = [(product.asin, relation, name) for product in products for relation, kind in kinds.items() for name in getattr(product, kind)]
    return attribute_rows(facts, pa.string())


def _contents(products: list[Product]) -> pa.Table:
    columns = ([product.asin for product in products], [product.line for product in products])
    texts = ([product.cover for product in products], [product.description for product in products])
    return pa.table([*columns, *texts], schema=_CONTENTS)
