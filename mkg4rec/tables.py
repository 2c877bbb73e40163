"""The Arrow schema of every table that passes between stages: the contracts.

`user_id` and `item_id` keep the form in which the source published them: whole numbers (MovieLens)
are int64, anything else (the ASINs of Amazon, with their leading zeros) is string. All tables of
one data set agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing


class Modality(StrEnum):
    """A way in which an entity shows itself: its poster, its description, a web page about it."""

    VISUAL = "visual"
    TEXT = "text"
    WEB = "web"


@dataclass(frozen=True)
class Column:
    """A column: its name, the Arrow types it may have (the first is the usual one), and whether a value may be missing."""

    name: str
    types: tuple[pa.DataType, ...]
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A contract between two stages: the name and columns of a table."""

    name: str
    columns: tuple[Column, ...]

    def write(self, rows: pa.Table, path: Path, metadata: Mapping[str, str] | None = None, row_group_size: int | None = None) -> None:
        """Write `rows` to the Parquet file `path`, all of it or nothing.

        Args:
            rows: the table; its columns must be those of the contract, in order.
            path: the file to make or replace.
            metadata: kept in the file's schema metadata, for tables that say how they were made.
            row_group_size: rows that are encoded at a time, to be set where rows are large; by default Arrow's own.

        Raises:
            PipelineError: `rows` breaks the contract, or the disk is full.
        """
        self.check(rows, path)
        with replacing(path) as temporary:
            pq.write_table(rows.replace_schema_metadata(dict(metadata or {})), temporary, compression="zstd", row_group_size=row_group_size)

    def read(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Read the Parquet file `path` (or some `columns` of it) and check it against the contract.

        Raises:
            PipelineError: no such file, not Parquet, or not this table.
        """
        try:
            rows = pq.read_table(path, partitioning=None)
        except FileNotFoundError as error:
            raise PipelineError(f"{path}: there is no such {self.name} table; `dvc repro` makes it.") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise PipelineError(f"{path}: not a readable Parquet file ({error}); delete it and run `dvc repro`.") from error
        self.check(rows, path)
        return rows.select(columns) if columns else rows

    def without_rows(self) -> pa.Table:
        """A table of this form without rows, its identifiers strings."""
        return pa.schema([(column.name, column.types[-1]) for column in self.columns]).empty_table()

    def check(self, rows: pa.Table, where: Path) -> None:
        """Hold `rows` against the contract.

        Raises:
            PipelineError: a column is missing, extra, of another type, or has missing values where none may be.
        """
        expected = [column.name for column in self.columns]
        if rows.column_names != expected:
            raise PipelineError(f"{where}: a {self.name} table has the columns {expected}, not {rows.column_names}.")
        for column in self.columns:
            values = rows[column.name]
            if not any(_same_type(values.type, allowed) for allowed in column.types):
                wanted = " or ".join(str(allowed) for allowed in column.types)
                raise PipelineError(f"{where}: column {column.name} of a {self.name} table is {wanted}, not {values.type}.")
            if values.null_count and not column.nullable:
                raise PipelineError(f"{where}: column {column.name} of a {self.name} table has {values.null_count} missing values.")


def _same_type(actual: pa.DataType, allowed: pa.DataType) -> bool:
    if pa.types.is_list(allowed) and pa.types.is_fixed_size_list(actual):
        return bool(actual.value_type.equals(allowed.value_type))
    if pa.types.is_list(allowed) and pa.types.is_list(actual):
        return bool(actual.value_type.equals(allowed.value_type))
    return bool(actual.equals(allowed))


def _identifier(name: str, nullable: bool = False) -> Column:
    return Column(name, (pa.int64(), pa.string()), nullable)


def _text(name: str, nullable: bool = False) -> Column:
    return Column(name, (pa.string(),), nullable)


def _index(name: str) -> Column:
    return Column(name, (pa.int32(),))


def untitled(item: int | str) -> str:
    """The title of an item whose source has none."""
    return f"item {item}"


INTERACTIONS = Table(
    "interactions",
    (
        _identifier("user_id"),
        _identifier("item_id"),
        Column("rating", (pa.float32(),)),
        Column("timestamp", (pa.int64(),)),
    ),
)
"""One row per (user, item): the rating as published and the time in seconds since 1970 (0 where unknown)."""

ITEMS = Table(
    "items",
    (
        _identifier("item_id"),
        _text("title"),
        Column("year", (pa.int32(),), nullable=True),
        Column("genres", (pa.list_(pa.string()),)),
    ),
)
"""Every item that the source describes, sorted by item_id."""

ATTRIBUTES = Table(
    "attributes",
    (
        _identifier("item_id"),
        _text("relation"),
        _text("name"),
    ),
)
"""What the source's metadata says of an item beside its title: a row says that the item stands in `relation`
(`metadata.genre`) to what is called `name`. Sorted, without repetition."""

PUBLISHED_CONTENTS = Table(
    "published contents",
    (
        _identifier("item_id"),
        Column("line", (pa.int64(),)),
        _text("cover"),
        _text("description"),
    ),
)
"""Of a source whose metadata has them: each described item with the line (from 1) that describes it, the address
of its cover and its description, "" where there is none. Sorted by item_id; no row where other files have them."""

LINKS = Table("links", (_identifier("item_id"), _text("entity")))
"""Which entity each item is, sorted by item_id; of the catalogue's items what the knowledge graph needs to know of it."""

DESCRIBED_ITEMS = Table(
    "described items",
    (
        _identifier("item_id"),
        _text("title"),
        _text("description"),
        _text("page"),
        Column("year", (pa.int32(),), nullable=True),
        Column("genres", (pa.list_(pa.string()),)),
    ),
)
"""Of a data set that the user brings: what is told of its items, "" where there is nothing, in the order of the file."""

FACTS = Table("facts", (_text("head"), _text("relation"), _text("tail")))
NAMES = Table("names", (_text("entity"), _text("name")))
"""Of a data set that the user brings: all facts about entities by their identifiers, and what entities are called."""

CATALOGUE = Table(
    "catalogue",
    (
        _identifier("item_id"),
        _text("entity"),
        _text("title"),
        Column("year", (pa.int32(),), nullable=True),
        Column("genres", (pa.list_(pa.string()),)),
    ),
)
"""The items that take part, sorted by item_id: the row number is the item's index everywhere after.
`entity` is the Freebase MID (`m.…` or `g.…`) that KB4Rec links the item to; in a data set that the user brings, what its links say."""

MEDIA_STATUS = Table(
    "media status",
    (
        _identifier("item_id"),
        _text("modality"),
        _text("status"),
        _text("reason"),
        _text("address"),
    ),
)
"""A row per item and modality: status is ok, missing, broken or too_large; reason says why it is not ok ("" where it is)."""

POSTERS = Table(
    "posters",
    (
        _identifier("item_id"),
        Column("image", (pa.binary(),)),
        _text("sha256"),
        Column("width", (pa.int32(),)),
        Column("height", (pa.int32(),)),
    ),
)
"""The posters that decode, as published bytes, in catalogue order; an item without one has no row."""

DESCRIPTIONS = Table(
    "descriptions",
    (
        _identifier("item_id"),
        _text("text"),
        _text("sha256"),
    ),
)
"""The descriptions that are there, in catalogue order; an item without one has no row. sha256 is of the UTF-8 bytes."""

PAGES = Table("pages", DESCRIPTIONS.columns)
"""The web pages that are there, as plain text; else like the descriptions."""

ENTITIES = Table(
    "entities",
    (
        _text("entity"),
        _identifier("item_id", nullable=True),
        _text("name", nullable=True),
    ),
)
"""The nodes of the knowledge graph; the row number is the entity's index. The items come first, in
catalogue order (item i is entity i), then the attributes, sorted by entity, with item_id missing. What only the
metadata names is the entity `relation:name` (`metadata.genre:Drama`)."""

RELATIONS = Table(
    "relations",
    (
        _text("relation"),
        Column("triplets", (pa.int64(),)),
    ),
)
"""The relations kept, sorted by name (`film.film.directed_by`), with their number of triplets; the row number is the index."""

TRIPLETS = Table(
    "triplets",
    (
        _index("head"),
        _index("relation"),
        _index("tail"),
    ),
)
"""The facts kept, as row numbers of the entities and relations tables, sorted, without repetition."""

FEATURES = Table(
    "features",
    (
        _text("entity"),
        _identifier("item_id", nullable=True),
        _text("sha256", nullable=True),
        Column("vector", (pa.list_(pa.float32()),), nullable=True),
    ),
)
"""One modality's vectors (fixed_size_list<float>, L2-normalised). First a row per catalogue item, in
order, with a missing vector where the content is missing; then attribute entities that have content.
sha256 is of the embedded content. The schema metadata tells encoder, weights hash and preprocessing."""

ITEM_GRAPH = Table(
    "item graph",
    (
        _identifier("item_id"),
        _identifier("neighbour_id"),
        Column("weight", (pa.float32(),)),
    ),
)
"""The nearest items of each item by one modality's vectors, sorted by both; weight is the cosine of the two. No row where
an item lacks the modality, nor for an item and itself."""

USER_VECTORS = Table("user vectors", (_identifier("user_id"), Column("vector", (pa.list_(pa.float32()),))))
ITEM_VECTORS = Table("item vectors", (_identifier("item_id"), Column("vector", (pa.list_(pa.float32()),))))
"""Final vectors of a dot-product model: the score of (user, item) is the inner product of the two."""

NEWCOMER_SCORES = Table(
    "newcomer scores",
    (
        _identifier("user_id"),
        Column("score", (pa.float32(),)),
        Column("place", (pa.int32(),)),
    ),
)
NEWCOMER_VECTORS = Table(
    "newcomer vectors",
    (
        _text("modality"),
        Column("vector", (pa.list_(pa.float32()),)),
    ),
)
TOP_LISTS = Table(
    "top lists",
    (
        _identifier("user_id"),
        _index("rank"),
        _identifier("item_id"),
        Column("score", (pa.float32(),)),
        Column("hit", (pa.bool_(),)),
    ),
)
"""The best 50 items of every user with a test item, rank 1 first, train and validation items left out; hit where it is a test item."""

PER_USER = Table(
    "per-user values",
    (
        _identifier("user_id"),
        _index("relevant"),
        *(
            Column(f"{items}{measure}@{k}", (pa.float64(),), nullable=items != "")
            for items in ("", "rare_", "among_rare_")
            for k in (10, 20, 50)
            for measure in ("recall", "mrr", "ndcg")
        ),
    ),
)
"""Every user with a test item: how many there are, and Recall, MRR and NDCG of the user's list as
`mkg4rec.evaluation.metrics` defines them; those of rare items are missing where the user has no rare test item."""

ATTENTION = Table(
    "attention",
    (
        _identifier("user_id"),
        _index("rank"),
        _identifier("item_id"),
        _text("title"),
        Column("score", (pa.float32(),)),
        Column("hit", (pa.bool_(),)),
        _text("modality"),
        Column("attention", (pa.float32(),)),
    ),
)
"""A model's case study: the best items of some users as in its top lists, a row per modality with its share of the attention
that the model gives the pair of user and item. The shares of a pair sum to 1; no row where there is nothing to show."""

COLD_PER_USER = Table(
    "per-user values on warm and cold items",
    (
        _identifier("user_id"),
        *(
            Column(f"{items}_{measure}@{k}", (pa.float64(),), nullable=True)
            for items in ("warm", "cold", "among_cold")
            for k in (10, 20, 50)
            for measure in ("recall", "mrr", "ndcg")
        ),
    ),
)
"""Every user with a warm or a cold item to find, after a training without the cold items, as `mkg4rec.evaluation.cold` defines them."""
