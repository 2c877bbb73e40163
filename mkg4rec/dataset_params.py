"""The parameters of a data set: where it is published, which interactions count, what is made of its contents and facts.

Those of a data set that the user brings name local files (`mkg4rec.own_params`) in place of addresses.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from mkg4rec.errors import PipelineError
from mkg4rec.group import MOST, PARAMS_FILE, Bytes, Count, Group, Lax, Seed, Share
from mkg4rec.own_params import InteractionsFile, ItemsFile, LinksFile, LocalPath, NamesFile, RecBoleSources, TriplesFile


class SourceFormat(StrEnum):
    """The form in which a source publishes its ratings and items; `files` and `recbole` are the user's own, on this machine."""

    MOVIELENS = "movielens"
    AMAZON_BOOKS = "amazon_books"
    FILES = "files"
    RECBOLE = "recbole"


class KgSource(StrEnum):
    """What tells the facts of the knowledge graph: the Freebase dump, the data set's own metadata, or triples that the user brings."""

    FREEBASE = "freebase"
    METADATA = "metadata"
    TRIPLES = "triples"


class Synthetic(Group):
    """Size and seed of a catalogue that the project makes itself."""

    seed: Seed
    users: Annotated[int, Field(ge=20)]
    items: Annotated[int, Field(ge=40)]
    entities: Annotated[int, Field(ge=40)]
    interactions: Annotated[int, Field(ge=200)]

    @model_validator(mode="after")
    def _fit_into_the_matrix(self) -> Self:
        if self.interactions > self.users * self.items // 4:
            raise ValueError(f"{self.interactions} interactions are more than a quarter of {self.users} users times {self.items} items")
        if self.entities < 2 * self.items:
            raise ValueError(f"{self.entities} entities leave no attributes beside {self.items} items; at least twice the items are needed")
        return self


class SourceFile(Group):
    """A published file.

    `checksum` is `sha256:…` or `md5:…` (pinned), `companion` (the publisher's own `<address>.md5`), or null.
    """

    address: Annotated[str, Field(pattern=r"^(https?|file)://")]
    checksum: Annotated[str, Field(pattern=r"^(companion|sha256:[0-9a-f]{64}|md5:[0-9a-f]{32})$")] | None
    max_bytes: Bytes


ROLES = ("ratings", "metadata", "links", "posters", "descriptions", "pages", "dump")
"""The published files of a data set."""

_NEEDED: dict[SourceFormat, dict[str, bool]] = {
    SourceFormat.MOVIELENS: {"metadata": False, "posters": True, "descriptions": True},
    SourceFormat.AMAZON_BOOKS: {"metadata": True, "posters": False, "descriptions": False},
}
"""By format: whether each file that not every format has must be there; one that need not be is not read."""


class Sources(Group):
    """Where a data set is published: ratings archive, KB4Rec links, Freebase dump, and what tells about the items.

    That is a list of poster addresses and one of descriptions (MovieLens), or metadata that has both (Amazon); null for the others.
    The dump is null where the knowledge graph takes nothing from it, and pages, a web page for each item, where nobody has such a list.
    """

    format: Annotated[SourceFormat, Lax]
    ratings: SourceFile
    metadata: SourceFile | None
    links: SourceFile
    posters: SourceFile | None
    descriptions: SourceFile | None
    pages: SourceFile | None = None
    dump: SourceFile | None

    @model_validator(mode="after")
    def _have_what_the_format_reads(self) -> Self:
        for role, needed in _NEEDED[self.format].items():
            if needed != (getattr(self, role) is not None):
                raise ValueError(f"{role} {'must be there' if needed else 'must be null'} where format is {self.format}")
        return self

    def file(self, role: str) -> SourceFile:
        """The published file of one of `ROLES`.

        Raises:
            PipelineError: the data set has none.
        """
        found: SourceFile | None = getattr(self, role)
        if found is None:
            raise PipelineError(f"{PARAMS_FILE}: sources.{role} is null, but it is read; give its address.")
        return found


class FileSources(Group):
    """A data set in local files, in `own/<data set>`: interactions, and as far as there are any, texts, images and a graph.

    Attributes:
        items: titles, descriptions and web pages.
        images: a folder of pictures named by item (`<item>.jpg`, `.png` or `.webp`).
        links, triples, names: the entity of each item, facts about entities, and what these are called. Without links, an item
            is the entity of its own identifier.
        dump: the Freebase dump, which then tells the facts about the linked MIDs in place of triples.
    """

    format: Literal["files"]
    interactions: InteractionsFile
    items: ItemsFile | None
    images: LocalPath | None
    links: LinksFile | None
    triples: TriplesFile | None
    names: NamesFile | None
    dump: SourceFile | None

    @property
    def items_file(self) -> str:
        return self.items.file if self.items else ""

    @property
    def has_descriptions(self) -> bool:
        return self.items is not None and self.items.description is not None

    @property
    def has_pages(self) -> bool:
        return self.items is not None and self.items.page is not None

    @model_validator(mode="after")
    def _have_one_graph(self) -> Self:
        if self.triples is not None and self.dump is not None:
            raise ValueError("the graph comes from triples or from the dump; one of them must be null")
        if self.dump is not None and self.links is None:
            raise ValueError("the dump knows items by their Freebase MIDs alone: links must say which item has which")
        if self.dump is not None and self.names is not None:
            raise ValueError("names are those of triples; the dump has its own, so that names must be null")
        if self.triples is None and (self.names is not None or (self.links is not None and self.dump is None)):
            raise ValueError("names and links belong to a graph; without triples or dump both are null")
        return self


def _kind_of_sources(values: Any) -> str:
    written = values.get("format") if isinstance(values, dict) else values.format
    return f"[{written}]" if written in OWN_FORMATS else "[published]"


OWN_FORMATS = (SourceFormat.FILES, SourceFormat.RECBOLE)
"""Formats of data sets that the user brings, in `own/<data set>`."""

AnySources = Annotated[
    Annotated[Sources, Tag("[published]")] | Annotated[FileSources, Tag("[files]")] | Annotated[RecBoleSources, Tag("[recbole]")],
    Discriminator(_kind_of_sources),
]


class Link(Group):
    """Which interactions count as positive, and how many a user and an item need (iterated until stable)."""

    min_rating: float
    min_user_interactions: Count
    min_item_interactions: Count


class DatasetMedia(Group):
    """Where covers may be found beside the published addresses, and the share of items that may lack a modality before the stage stops.

    Attributes:
        isbn_covers: a second address for the cover of an item whose identifier is an ISBN-10, which stands for `{isbn}` in it.
    """

    isbn_covers: Annotated[str, Field(pattern=r"^https?://.*\{isbn\}")] | None
    max_missing_posters: Share
    max_missing_descriptions: Share
    max_missing_pages: Share = 1.0


class Encoder(Group):
    """The CLIP model: an open_clip architecture, its weights by tag, or null to train it on the catalogue.

    Attributes:
        pretrained: the tag, or a folder within `own/` with an encoder that the pipeline made before.
        title_as_text: whether an item without a description is embedded by its title and genres, or has no text.
    """

    title_as_text: bool
    model: Annotated[str, Field(min_length=1)]
    pretrained: Annotated[str, Field(min_length=1)] | None
    adapt_epochs: Annotated[int, Field(ge=0, le=MOST)]
    epochs: Count
    batch_size: Annotated[Count, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    seed: Seed

    @property
    def training_epochs(self) -> int:
        """How often it goes through the catalogue's posters and texts."""
        return self.epochs if self.pretrained is None else self.adapt_epochs

    @property
    def kept_folder(self) -> Path | None:
        """The folder within `own/`; None where the weights are published or new."""
        return Path(self.pretrained) if self.pretrained is not None and "/" in self.pretrained else None

    @model_validator(mode="after")
    def _be_kept_within_own(self) -> Self:
        folder = self.kept_folder
        if folder is not None and (folder.parts[0] != "own" or ".." in folder.parts):
            raise ValueError(f"encoder.pretrained: {self.pretrained!r} is neither a tag nor a folder within own/, such as own/demo/encoder")
        return self


class DatasetKg(Group):
    """What the graph is made from, how far it reaches from the items (null for all triples), and what is too rare to keep."""

    sources: Annotated[list[Annotated[KgSource, Lax]], Field(min_length=1)]
    hops: Annotated[int, Field(ge=1, le=2)] | None
    min_entity_triplets: Count
    min_relation_triplets: Count


class Dataset(Group):
    """Everything that is particular to one data set."""

    synthetic: Synthetic | None
    sources: AnySources
    link: Link
    media: DatasetMedia
    encoder: Encoder
    kg: DatasetKg

    @property
    def dump(self) -> SourceFile | None:
        """The Freebase dump, where the data set names one."""
        return getattr(self.sources, "dump", None)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.synthetic is not None and self.sources.format != SourceFormat.MOVIELENS:
            raise ValueError(f"the catalogue that the project makes itself has the format movielens, not {self.sources.format}")
        if len(set(self.kg.sources)) < len(self.kg.sources):
            raise ValueError(f"kg.sources: a source stands twice in {[source.value for source in self.kg.sources]}")
        if KgSource.FREEBASE in self.kg.sources and self.dump is None:
            raise ValueError("kg.sources has freebase, but sources.dump is null; give the dump's address, or take freebase out")
        if self.kg.hops is None and KgSource.TRIPLES not in self.kg.sources:
            raise ValueError("kg.hops can be null for triples alone; the dump has too many facts")
        told_by_triples = not isinstance(self.sources, Sources) and self.dump is None
        if told_by_triples != (KgSource.TRIPLES in self.kg.sources) or (told_by_triples and len(self.kg.sources) > 1):
            raise ValueError("kg.sources is [triples] for a data set that the user brings, unless it names a dump, and for no other")
        return self

    @model_validator(mode="after")
    def _have_ratings_to_choose_from(self) -> Self:
        if isinstance(self.sources, Sources):
            return self
        rating = self.sources.rating if isinstance(self.sources, RecBoleSources) else self.sources.interactions.rating
        if rating is None and self.link.min_rating > 1:
            raise ValueError(
                f"without a column of ratings each is 1, and link.min_rating {self.link.min_rating:g} leaves none; set it to 1"
            )
        return self
