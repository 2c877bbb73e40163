"""The parameters of a data set that the user brings: which local file holds what, in which columns.

All paths are relative to the data set's folder, `own/<data set>`, and stay within it.
"""

from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainValidator, model_validator

from mkg4rec.group import Group


def _within(path: str) -> str:
    if path != PurePosixPath(path).as_posix() or path.startswith("/") or {"", ".", ".."} & set(path.split("/")) or "\\" in path:
        raise ValueError("a path within the folder of the data set is needed, such as `interactions.csv`: not absolute, without `..`")
    return path


LocalPath = Annotated[str, AfterValidator(_within)]


def _column(value: object) -> str | int:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise ValueError("a column is a name in the header, or in a file without a header a position from 1")


Header = Annotated[str, Field(min_length=1)]
ColumnName = Annotated[str | int, PlainValidator(_column)]
"""A name in the header, or a position from 1 in a file without one."""


class TableFile(Group):
    """A table in a file: Parquet where the name ends in `.parquet`, else text with a separator, quotes as in CSV, in UTF-8.

    Attributes:
        file: its path.
        separator: the one character between the fields of a text; null for Parquet.
    """

    file: LocalPath
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None

    @property
    def is_parquet(self) -> bool:
        return self.file.endswith(".parquet")

    @property
    def columns(self) -> dict[str, str | int | None]:
        """The column that holds each role."""
        return {role: getattr(self, role) for role in type(self).model_fields if role in _ROLES}

    @model_validator(mode="after")
    def _say_how_to_read_it(self) -> Self:
        if self.is_parquet != (self.separator is None):
            raise ValueError("separator is null for Parquet, and one character for everything else")
        if self.separator is not None and (self.separator in '"\n\r' or not self.separator.isascii()):
            raise ValueError("separator is an ASCII character that is no quote and no line end")
        given = [column for column in self.columns.values() if column is not None]
        if len({type(column) for column in given}) > 1 or (self.is_parquet and any(isinstance(column, int) for column in given)):
            raise ValueError("columns are all names of a header or all positions; those of Parquet have names")
        return self


class InteractionsFile(TableFile):
    """Who took what: a row per interaction.

    Attributes:
        rating: null where every interaction counts alike; its rating is then 1.
        time: seconds since 1970 or ISO 8601 (UTC); null where unknown.
        scale: the least and the greatest rating that can be right; null for any finite one.
    """

    user: ColumnName
    item: ColumnName
    rating: ColumnName | None
    time: ColumnName | None
    scale: Annotated[list[float], Field(min_length=2, max_length=2)] | None

    @model_validator(mode="after")
    def _have_a_scale_with_room(self) -> Self:
        if self.scale is not None and (self.rating is None or self.scale[0] >= self.scale[1]):
            raise ValueError("scale is [least, greatest] of a column of ratings; null where there is none")
        return self


class ItemsFile(TableFile):
    """What is told of items: a row per item.

    Attributes:
        page: the text of a web page about the item, or its HTML.
        year: a whole number; what is none is as if it were not there.
        genres: with `|` between them, or lists of strings in Parquet.
    """

    item: ColumnName
    title: ColumnName | None
    description: ColumnName | None
    page: ColumnName | None = None
    year: ColumnName | None = None
    genres: ColumnName | None = None


class LinksFile(TableFile):
    """Which entity an item is: a row per item.

    Attributes:
        drop_unlinked: whether an item without a link is left out with its interactions, or stays without facts.
    """

    item: ColumnName
    entity: ColumnName
    drop_unlinked: bool


class TriplesFile(TableFile):
    """Facts: a row per fact. An end that is an item's identifier (or its entity, where there are links) is that item."""

    head: ColumnName
    relation: ColumnName
    tail: ColumnName


class NamesFile(TableFile):
    """What entities are called: a row per entity; the first name of an entity counts."""

    entity: ColumnName
    name: ColumnName


_ROLES = {"user", "item", "rating", "time", "title", "description", "page", "year", "genres", "entity", "head", "relation", "tail", "name"}


class RecBoleSources(Group):
    """RecBole's atomic files (https://recbole.io/docs/user_guide/data/atomic_files.html) in the data set's folder.

    NAME.inter must be there; NAME.item, and NAME.link with NAME.kg, are read where they are.

    Attributes:
        name: of the data set in RecBole, with which the names of the files begin.
        rating, time: fields of NAME.inter, as in an `InteractionsFile`.
        title, description, page, year, genres: fields of NAME.item; genres have blanks between them.
        images: a folder of pictures named by item; null for none.
    """

    format: Literal["recbole"]
    name: LocalPath
    rating: Header | None
    time: Header | None
    scale: Annotated[list[float], Field(min_length=2, max_length=2)] | None
    title: Header | None
    description: Header | None
    page: Header | None = None
    year: Header | None = None
    genres: Header | None = None
    images: LocalPath | None

    @property
    def items_file(self) -> str:
        return f"{self.name}.item"

    @property
    def has_descriptions(self) -> bool:
        return self.description is not None

    @property
    def has_pages(self) -> bool:
        return self.page is not None
