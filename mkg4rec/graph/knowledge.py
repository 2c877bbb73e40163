"""The knowledge graph: facts about items, pruned of what is rare and numbered."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class KnowledgeGraph:
    """Three tables, as the contracts `ENTITIES`, `RELATIONS` and `TRIPLETS` of `mkg4rec.tables` have them."""

    entities: pa.Table
    relations: pa.Table
    triplets: pa.Table


@dataclass(frozen=True)
class _Triplets:
    """Triplets as node and relation numbers, each array of shape (triplets,)."""

    head: Indices
    relation: Indices
    tail: Indices

    def __len__(self) -> int:
        return len(self.head)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | Indices) -> "_Triplets":
        return _Triplets(self.head[chosen], self.relation[chosen], self.tail[chosen])


def build(
    items: pa.Table,
    facts: pa.Table,
    attributes: pa.Table,
    min_entity_triplets: int,
    min_relation_triplets: int,
    names_of: Callable[[pa.Array], pa.Array],
) -> KnowledgeGraph:
    """Prune and number the facts of both sources, Freebase's about entities and the metadata's about items.

    Items are nodes 0 … n - 1, in catalogue order, and stay whether or not a fact mentions them. What Freebase says of an
    entity that several items are linked to is said of each of them; what the metadata says of an item is said of it alone.
    What the metadata calls by a name is an entity of its own, `relation:name` (`metadata.genre:Drama`), even where Freebase has one
    of the same name: names are shared by too many to tell. A fact that relates an entity to itself is
    dropped, a repeated one counts once. Then, until nothing changes, attributes (the entities that are no item) in
    fewer than `min_entity_triplets` triplets and relations with fewer than `min_relation_triplets` are dropped. The
    outcome is the largest graph that meets both conditions, whatever the order of dropping, and does not depend on
    the order of the facts.

    Args:
        items: a `LINKS` table.
        facts: columns head, relation, tail: MIDs and names of relations (`mkg4rec.sources.freebase.FACTS`).
        attributes: an `ATTRIBUTES` table about `items`.
        min_entity_triplets: at least 1.
        min_relation_triplets: at least 1.
        names_of: the name of each of some MIDs, missing where it has none.
    """
    item_ids, item_mids = items["item_id"].combine_chunks(), items["entity"].combine_chunks()
    facts = facts.filter(pc.field("head") != pc.field("tail"))
    mids = _sorted_unique([*facts["head"].chunks, *facts["tail"].chunks])
    mids = mids.filter(pc.invert(pc.is_in(mids, value_set=item_mids)))
    named = _Named.of(attributes)
    relations = _sorted_unique([*facts["relation"].chunks, *attributes["relation"].chunks])

    # No MID (m.… or g.…) is the entity of a name (metadata.…:…).
    others = _sorted_unique([mids, named.entities])
    nodes_of_facts = pa.concat_arrays([item_mids, others])
    told = _Triplets(
        _positions(attributes["item_id"], item_ids),
        _positions(attributes["relation"], relations),
        len(item_ids) + _positions(named.of_rows, others),
    )
    numbered = _sorted_once(_number(facts, nodes_of_facts, relations), told)
    triplets = _prune(numbered, len(item_ids), min_entity_triplets, min_relation_triplets)

    nodes = np.unique(np.concatenate([np.arange(len(item_ids)), triplets.head, triplets.tail]))
    kept_relations, counts = np.unique(triplets.relation, return_counts=True)
    entities = nodes_of_facts.take(pa.array(nodes))
    missing = pa.nulls(len(entities) - len(item_ids), item_ids.type)
    names = pc.coalesce(named.names_of(entities), names_of(entities))
    return KnowledgeGraph(
        pa.table({"entity": entities, "item_id": pa.concat_arrays([item_ids, missing]), "name": names}),
        pa.table({"relation": relations.take(pa.array(kept_relations)), "triplets": pa.array(counts, pa.int64())}),
        # Both numberings keep the order, so the triplets are still sorted.
        pa.table(
            {
                "head": pa.array(np.searchsorted(nodes, triplets.head), pa.int32()),
                "relation": pa.array(np.searchsorted(kept_relations, triplets.relation), pa.int32()),
                "tail": pa.array(np.searchsorted(nodes, triplets.tail), pa.int32()),
            }
        ),
    )


@dataclass(frozen=True)
class _Named:
    """The entities of metadata.

    Attributes:
        of_rows: (rows of the attributes,) the entity that each is about.
        entities: each once.
        names: theirs.
    """

    of_rows: pa.Array
    entities: pa.Array
    names: pa.Array

    @classmethod
    def of(cls, attributes: pa.Table) -> "_Named":
        names = attributes["name"].combine_chunks()
        of_rows = pc.binary_join_element_wise(attributes["relation"].combine_chunks(), names, ":")
        entities = pc.unique(of_rows)
        return cls(of_rows, entities, names.take(pc.index_in(entities, value_set=of_rows)))

    def names_of(self, entities: pa.Array) -> pa.Array:
        return self.names.take(pc.index_in(entities, value_set=self.entities))


def _sorted_unique(chunks: list[pa.Array]) -> pa.Array:
    values = pc.unique(pa.chunked_array(chunks, pa.string()))
    return values.take(pc.sort_indices(values))


def _number(facts: pa.Table, node_mids: pa.Array, relations: pa.Array) -> _Triplets:
    """The facts as triplets of nodes, once for every pair of nodes that have the fact's MIDs."""
    mids = pc.unique(node_mids)
    nodes_of = _Holders.of(_positions(node_mids, mids), len(mids))
    fact, head = nodes_of.expand(_positions(facts["head"], mids))
    triplet, tail = nodes_of.expand(_positions(facts["tail"], mids)[fact])
    relation = _positions(facts["relation"], relations)[fact][triplet]
    return _Triplets(head[triplet], relation, tail)


def _sorted_once(first: _Triplets, second: _Triplets) -> _Triplets:
    """The triplets of both, sorted, without repetition."""
    pairs = zip((first.head, first.relation, first.tail), (second.head, second.relation, second.tail), strict=True)
    triplets = _Triplets(*(np.concatenate(pair) for pair in pairs))
    triplets = triplets[np.lexsort((triplets.tail, triplets.relation, triplets.head))]
    new = np.ones(len(triplets), dtype=np.bool_)
    new[1:] = (np.diff(triplets.head) | np.diff(triplets.relation) | np.diff(triplets.tail)) != 0
    return triplets[new]


def _positions(values: pa.Array | pa.ChunkedArray, among: pa.Array) -> Indices:
    return np.asarray(pc.index_in(values, value_set=among), dtype=np.int64)


@dataclass(frozen=True)
class _Holders:
    """Which nodes have which MID: those of MID number m are `nodes[offsets[m]:offsets[m + 1]]`."""

    offsets: Indices
    nodes: Indices

    @classmethod
    def of(cls, mids: Indices, num_mids: int) -> "_Holders":
        """From the (nodes,) MID numbers of all nodes."""
        offsets = np.concatenate([[0], np.cumsum(np.bincount(mids, minlength=num_mids))])
        return cls(offsets, np.argsort(mids, kind="stable"))

    def expand(self, mids: Indices) -> tuple[Indices, Indices]:
        """For every node that has one of `mids`: (position in `mids`, node)."""
        first = self.offsets[mids]
        counts = self.offsets[mids + 1] - first
        position = np.repeat(np.arange(len(mids)), counts)
        within = np.arange(len(position)) - (np.cumsum(counts) - counts)[position]
        return position, self.nodes[first[position] + within]


def _prune(triplets: _Triplets, num_items: int, min_entity_triplets: int, min_relation_triplets: int) -> _Triplets:
    """Drop rare attributes and relations until none is left."""
    while len(triplets):
        of_entity = np.bincount(np.concatenate([triplets.head, triplets.tail]), minlength=num_items)
        of_relation = np.bincount(triplets.relation)
        common_entity = of_entity >= min_entity_triplets
        common_entity[:num_items] = True
        common_relation = of_relation >= min_relation_triplets
        common = common_entity[triplets.head] & common_relation[triplets.relation] & common_entity[triplets.tail]
        if common.all():
            break
        triplets = triplets[common]
    return triplets
