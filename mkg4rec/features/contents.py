"""What is embedded: the poster, the text and the web page of an item, the name of an attribute entity."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import pyarrow as pa

from mkg4rec.tables import untitled

ItemId: TypeAlias = int | str


@dataclass(frozen=True)
class Content:
    """Something to embed.

    Attributes:
        label: what it is, for messages ("poster of item 17").
        data: an image file's bytes, or a text in UTF-8.
    """

    label: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True)
class Pair:
    """A poster and the text of the same item."""

    poster: Content
    text: Content


@dataclass(frozen=True)
class ContentRow:
    """What a row of the features of one modality stands for.

    Attributes:
        entity: its Freebase MID.
        item_id: as in the catalogue, None for an attribute entity.
        content: what is embedded, None where it is missing.
    """

    entity: str
    item_id: ItemId | None
    content: Content | None

    @property
    def key(self) -> ItemId | tuple[str]:
        """What names the row: its item_id, or its entity in a tuple, since two items may share an entity."""
        return (self.entity,) if self.item_id is None else self.item_id


def content_rows(catalogue: pa.Table, of_items: Mapping[ItemId, Content], of_attributes: Mapping[str, Content]) -> list[ContentRow]:
    """The rows of a modality's features: the items of the CATALOGUE table, in order, then the attribute entities with content."""
    items = zip(catalogue["entity"].to_pylist(), catalogue["item_id"].to_pylist(), strict=True)
    rows = [ContentRow(entity, item, of_items.get(item)) for entity, item in items]
    return rows + [ContentRow(entity, None, content) for entity, content in of_attributes.items()]


def item_posters(posters: pa.Table) -> dict[ItemId, Content]:
    """The posters of a POSTERS table by item_id."""
    rows = zip(posters["item_id"].to_pylist(), posters["image"].to_pylist(), strict=True)
    return {item: Content(f"poster of item {item}", image) for item, image in rows}


def item_texts(catalogue: pa.Table, descriptions: pa.Table, title_as_text: bool) -> dict[ItemId, Content]:
    """Title and description, as `title. description`, of the items that have a description, by item_id.

    The title goes first: an encoder reads some 70 tokens, and nothing names a film, or the series
    that it belongs to, better. A title that only stands for a missing one is left out.

    Args:
        catalogue: as `tables.CATALOGUE`.
        descriptions: as `tables.DESCRIPTIONS`.
        title_as_text: whether an item without a description has its title and genres as text, as `title. genre, genre`.
    """
    of_item = dict(zip(descriptions["item_id"].to_pylist(), descriptions["text"].to_pylist(), strict=True))
    rows = zip(*(catalogue[name].to_pylist() for name in ("item_id", "title", "genres")), strict=True)
    texts = {
        item: ". ".join(part for part in ("" if title == untitled(item) else title, of_item.get(item, ", ".join(genres))) if part)
        for item, title, genres in rows
        if title_as_text or item in of_item
    }
    return {item: Content(f"text of item {item}", text.encode()) for item, text in texts.items() if text}


def item_pages(pages: pa.Table) -> dict[ItemId, Content]:
    """The web pages of a PAGES table by item_id."""
    rows = zip(pages["item_id"].to_pylist(), pages["text"].to_pylist(), strict=True)
    return {item: Content(f"page of item {item}", text.encode()) for item, text in rows}


def attribute_names(entities: pa.Table) -> dict[str, Content]:
    """The names of the attribute entities of an ENTITIES table that have one, by entity."""
    rows = zip(entities["entity"].to_pylist(), entities["item_id"].to_pylist(), entities["name"].to_pylist(), strict=True)
    return {entity: Content(f"name of entity {entity}", name.encode()) for entity, item, name in rows if item is None and name}


def pairs(posters: Mapping[int | str, Content], texts: Mapping[int | str, Content]) -> list[Pair]:
    """The items that have both a poster and a text, in the order of `texts`."""
    return [Pair(posters[item], text) for item, text in texts.items() if item in posters]
