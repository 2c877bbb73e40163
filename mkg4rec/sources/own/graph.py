"""Links, facts and names from tables of one's own, and the facts near the items."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.sources.own.columns import TableSource, read_columns
from mkg4rec.tables import FACTS

_MID = r"^[mg]\.[0-9a-z_]+$"


def read_links(source: TableSource | None, items: pa.Array, drop_unlinked: bool, freebase: bool) -> pa.Table:
    """Item and entity of each item of the data set, sorted by item.

    Without a source, an item is the entity of its own identifier. With one, an item without a link is left out or is an
    entity that no fact knows, `item:` before its identifier.

    Args:
        source: roles item, entity.
        items: all identifiers, each once.
        drop_unlinked: whether items without a link are left out.
        freebase: whether entities must be Freebase MIDs.

    Raises:
        PipelineError: a bad row, with file and line: no identifiers, no MID, or another entity than an earlier row says.
    """
    if source is None:
        return pa.table({"item_id": items, "entity": items}).sort_by("item_id")
    columns = read_columns(source)
    linked, entities = columns.identifiers("item"), columns.identifiers("entity")
    if freebase:
        columns.check("entity", pc.match_substring_regex(entities, _MID), "not a Freebase MID (m.… or g.…)")
    known: dict[str, str] = {}
    for row, (item, entity) in enumerate(zip(linked.to_pylist(), entities.to_pylist(), strict=True)):
        if known.setdefault(item, entity) != entity:
            raise columns.error("entity", row, f"item {item!r} is linked to {known[item]!r} by an earlier row")
    found = [(item, known.get(item)) for item in items.to_pylist()]
    rows = sorted((item, entity or f"item:{item}") for item, entity in found if entity or not drop_unlinked)
    return pa.table(
        {"item_id": pa.array([item for item, _ in rows], pa.string()), "entity": pa.array([name for _, name in rows], pa.string())}
    )


def read_triples(source: TableSource | None) -> pa.Table:
    """The facts of `source` as `tables.FACTS`, row by row; none where there is no source.

    Raises:
        PipelineError: a bad row, with file and line.
    """
    if source is None:
        return FACTS.without_rows()
    columns = read_columns(source)
    return pa.table({role: columns.identifiers(role) for role in ("head", "relation", "tail")})


def read_names(source: TableSource | None) -> pa.Table:
    """The names of `source` as `tables.NAMES`, an entity once, by its first name; none where there is no source.

    Raises:
        PipelineError: a bad row, with file and line.
    """
    names: dict[str, str] = {}
    if source is not None:
        columns = read_columns(source)
        for entity, name in zip(columns.identifiers("entity").to_pylist(), columns.texts("name").to_pylist(), strict=True):
            if plain := " ".join(name.split()):
                names.setdefault(entity, plain)
    return pa.table({"entity": pa.array(list(names), pa.string()), "name": pa.array(list(names.values()), pa.string())})


def within(facts: pa.Table, entities: pa.Array, hops: int | None) -> pa.Table:
    """The facts within `hops` steps of `entities`: those that touch one of them, then those that touch an end of these, …; None for all."""
    if hops is None:
        return facts
    near = np.zeros(len(facts), bool)
    for _ in range(hops):
        near = np.asarray(pc.or_(pc.is_in(facts["head"], value_set=entities), pc.is_in(facts["tail"], value_set=entities)))
        reached = facts.filter(pa.array(near))
        entities = pc.unique(pa.chunked_array([entities, *reached["head"].chunks, *reached["tail"].chunks], pa.string()))
    return facts.filter(pa.array(near))
