"""Which files a data set of one's own consists of, told by the parameters of either format."""

from dataclasses import dataclass
from pathlib import Path

from mkg4rec.dataset_params import FileSources
from mkg4rec.errors import PipelineError
from mkg4rec.own_params import LocalPath, RecBoleSources, TableFile
from mkg4rec.sources.own.columns import TableSource


@dataclass(frozen=True)
class OwnFiles:
    """The files of a data set.

    Attributes:
        interactions: roles user, item and perhaps rating, time.
        scale: least and greatest rating that can be right.
        items: roles item and perhaps title, description, page, year, genres.
        images: a folder.
        links: roles item, entity.
        drop_unlinked: whether an item without a link is left out.
        triples: roles head, relation, tail.
        names: roles entity, name.
    """

    interactions: TableSource
    scale: tuple[float, float] | None
    items: TableSource | None
    images: Path | None
    links: TableSource | None
    drop_unlinked: bool
    triples: TableSource | None
    names: TableSource | None

    @property
    def tables(self) -> list[Path]:
        """All of them but the images."""
        return [table.path for table in (self.interactions, self.items, self.links, self.triples, self.names) if table]


def own_files(folder: Path, sources: FileSources | RecBoleSources) -> OwnFiles:
    """The files in `folder` that `sources` describe.

    Raises:
        PipelineError: one of them is not there.
    """
    found = _described(folder, sources) if isinstance(sources, FileSources) else _atomic(folder, sources)
    for path in found.tables:
        if path.is_dir():
            raise PipelineError(f"{path}: a folder, where a single file is read. Make its parts one file.")
        if not path.is_file():
            raise PipelineError(f"{path}: there is no such file. Put it there, or correct its description in params.yaml.")
    if found.images and not found.images.is_dir():
        raise PipelineError(f"{found.images}: there is no such folder. Put the images there, or say null in params.yaml.")
    return found


def _described(folder: Path, sources: FileSources) -> OwnFiles:
    return OwnFiles(
        interactions=_table(folder, sources.interactions),
        scale=_scale(sources.interactions.scale),
        items=_table(folder, sources.items) if sources.items else None,
        images=_folder(folder, sources.images),
        links=_table(folder, sources.links) if sources.links else None,
        drop_unlinked=sources.links is not None and sources.links.drop_unlinked,
        triples=_table(folder, sources.triples) if sources.triples else None,
        names=_table(folder, sources.names) if sources.names else None,
    )


def _atomic(folder: Path, sources: RecBoleSources) -> OwnFiles:
    """Fields have RecBole's own default names; files that are optional there are read where they are."""

    def table(kind: str, **columns: str | None) -> TableSource:
        chosen = {role: column for role, column in columns.items() if column is not None}
        return TableSource(folder / f"{sources.name}.{kind}", "\t", chosen, typed_header=True)

    told = {role: getattr(sources, role) for role in ("title", "description", "page", "year", "genres")}
    items = table("item", item="item_id", **told)
    links, triples = table("link", item="item_id", entity="entity_id"), table("kg", head="head_id", relation="relation_id", tail="tail_id")
    has_graph = links.path.exists() or triples.path.exists()
    return OwnFiles(
        interactions=table("inter", user="user_id", item="item_id", rating=sources.rating, time=sources.time),
        scale=_scale(sources.scale),
        items=items if items.path.exists() or any(told.values()) else None,
        images=_folder(folder, sources.images),
        links=links if has_graph else None,
        drop_unlinked=False,
        triples=triples if has_graph else None,
        names=None,
    )


def _table(folder: Path, described: TableFile) -> TableSource:
    columns = {role: column for role, column in described.columns.items() if column is not None}
    return TableSource(folder / described.file, described.separator, columns)


def _folder(folder: Path, images: LocalPath | None) -> Path | None:
    return folder / images if images else None


def _scale(scale: list[float] | None) -> tuple[float, float] | None:
    return (scale[0], scale[1]) if scale else None
