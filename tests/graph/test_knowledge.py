"""The graph against a literal reference in loops, and its rules one by one."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mkg4rec.graph.knowledge import KnowledgeGraph, build
from mkg4rec.sources.freebase import FACTS
from mkg4rec.sources.ratings import attribute_rows
from mkg4rec.tables import ENTITIES, RELATIONS, TRIPLETS

Fact = tuple[str, str, str]
Node = tuple[str, int | None]

MIDS = [f"m.{letter}" for letter in "abcdefgh"] + ["g.1"]
NO_ATTRIBUTES = attribute_rows([], pa.int64())
facts_of_few = st.lists(st.tuples(st.sampled_from(MIDS), st.sampled_from(["r.x", "r.y", "r.z"]), st.sampled_from(MIDS)), max_size=40)


Attribute = tuple[int, str, str]
attributes_of_few = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["metadata.genre", "metadata.brand"]), st.sampled_from(["Drama", "a:b", "m.a"])),
    max_size=15,
)


def build_slowly(
    items: list[str], facts: list[Fact], attributes: list[Attribute], min_entity: int, min_relation: int
) -> set[tuple[Node, str, Node]]:
    """Triplets between nodes: (MID, row in the catalogue or None)."""

    def nodes(mid: str) -> list[Node]:
        return [(mid, row) for row, item in enumerate(items) if item == mid] or [(mid, None)]

    triplets = {
        (head, relation, tail)
        for head_mid, relation, tail_mid in facts
        if head_mid != tail_mid
        for head in nodes(head_mid)
        for tail in nodes(tail_mid)
    } | {((items[row], row), relation, (f"{relation}:{name}", None)) for row, relation, name in attributes}
    while True:
        of_entity = Counter(node for head, _, tail in triplets for node in (head, tail))
        of_relation = Counter(relation for _, relation, _ in triplets)
        rare = {
            (head, relation, tail)
            for head, relation, tail in triplets
            if of_relation[relation] < min_relation or any(row is None and of_entity[mid, row] < min_entity for mid, row in (head, tail))
        }
        if not rare:
            return triplets
        triplets -= rare


@settings(max_examples=200, deadline=None)
@given(
    items=st.lists(st.sampled_from(MIDS[:5]), min_size=1, max_size=6),
    facts=facts_of_few,
    attributes=attributes_of_few,
    min_entity=st.integers(1, 4),
    min_relation=st.integers(1, 6),
    random=st.randoms(use_true_random=False),
)
def test_the_graph_is_the_slow_one(
    items: list[str], facts: list[Fact], attributes: list[Attribute], min_entity: int, min_relation: int, random: Random
) -> None:
    attributes = [row for row in attributes if row[0] < len(items)]
    graph = _build(items, facts, min_entity, min_relation, attributes)
    assert _triplets_by_name(graph, len(items)) == build_slowly(items, facts, attributes, min_entity, min_relation)
    assert len(graph.triplets) == len(_triplets_by_name(graph, len(items)))
    for name, entity in zip(graph.entities["name"].to_pylist(), graph.entities["entity"].to_pylist(), strict=True):
        assert name == (entity.partition(":")[2] if entity.startswith("metadata.") else f"name of {entity}")
    random.shuffle(facts)
    again = _build(items, facts, min_entity, min_relation, attributes)
    assert (graph.entities, graph.relations, graph.triplets) == (again.entities, again.relations, again.triplets)


@settings(deadline=None)
@given(items=st.lists(st.sampled_from(MIDS[:5]), min_size=1, max_size=6), facts=facts_of_few, min_entity=st.integers(1, 3))
def test_the_tables_keep_their_contracts(items: list[str], facts: list[Fact], min_entity: int) -> None:
    graph = _build(items, facts, min_entity, 1)
    entities, relations = graph.entities["entity"].to_pylist(), graph.relations["relation"].to_pylist()
    assert entities[: len(items)] == items
    assert entities[len(items) :] == sorted(set(entities[len(items) :]) - set(items))
    assert graph.entities["item_id"].to_pylist() == [*range(1, len(items) + 1), *[None] * (len(entities) - len(items))]
    assert graph.entities["name"].to_pylist() == [f"name of {entity}" for entity in entities]
    assert relations == sorted(set(relations))
    rows = [tuple(row.values()) for row in graph.triplets.to_pylist()]
    assert rows == sorted(set(rows))
    assert graph.relations["triplets"].to_pylist() == [sum(row[1] == index for row in rows) for index in range(len(relations))]
    mentioned = {node for head, _, tail in rows for node in (head, tail)}
    assert mentioned.issuperset(range(len(items), len(entities)))


def test_dropping_one_thing_may_make_another_rare() -> None:
    """r.y goes first, which leaves m.c in one triplet only, which leaves r.x in one triplet only."""
    facts = [("m.a", "r.x", "m.c"), ("m.a", "r.x", "m.b"), ("m.c", "r.y", "m.a")]
    assert len(_build(["m.a", "m.b"], facts, 2, 1).triplets) == 3
    assert len(_build(["m.a", "m.b"], facts, 2, 2).triplets) == 0


def test_items_stay_without_triplets() -> None:
    graph = _build(["m.a", "m.b"], [], 1, 1)
    assert graph.entities["entity"].to_pylist() == ["m.a", "m.b"]
    assert (len(graph.relations), len(graph.triplets)) == (0, 0)


def test_items_on_one_entity_share_its_facts() -> None:
    graph = _build(["m.a", "m.a"], [("m.a", "r.x", "m.c"), ("m.c", "r.y", "m.a"), ("m.a", "r.x", "m.a")], 1, 1)
    assert graph.triplets.to_pydict() == {"head": [0, 1, 2, 2], "relation": [0, 0, 1, 1], "tail": [2, 2, 0, 1]}


def test_item_ids_may_be_strings() -> None:
    catalogue = pa.table({"item_id": ["0001", "000X"], "entity": ["m.b", "m.a"]})
    facts = pa.Table.from_pylist([{"head": "m.a", "relation": "r.x", "tail": "m.c"}], FACTS)
    graph = build(catalogue, facts, attribute_rows([], pa.string()), 1, 1, _names_of)
    assert graph.entities["item_id"].to_pylist() == ["0001", "000X", None]


@pytest.mark.parametrize("chunks", [1, 3])
def test_the_catalogue_may_come_in_chunks(chunks: int) -> None:
    catalogue = pa.concat_tables([_catalogue(["m.a", "m.b"])] * chunks)
    facts = pa.Table.from_pylist([{"head": "m.b", "relation": "r.x", "tail": "m.c"}], FACTS)
    graph = build(catalogue, facts, NO_ATTRIBUTES, 1, 1, _names_of)
    assert graph.triplets["head"].to_pylist() == list(range(1, 2 * chunks, 2))


def _catalogue(items: list[str]) -> pa.Table:
    return pa.table({"item_id": list(range(1, len(items) + 1)), "entity": items})


def _names_of(entities: pa.Array) -> pa.Array:
    return pa.array([f"name of {entity}" for entity in entities.to_pylist()], pa.string())


def _build(items: list[str], facts: list[Fact], min_entity: int, min_relation: int, attributes: Sequence[Attribute] = ()) -> KnowledgeGraph:
    table = pa.table([pa.array(column, pa.string()) for column in (zip(*facts, strict=True) if facts else ([], [], []))], schema=FACTS)
    told = [(row + 1, relation, name) for row, relation, name in attributes]
    graph = build(_catalogue(items), table, attribute_rows(told, pa.int64()), min_entity, min_relation, _names_of)
    for contract, rows in ((ENTITIES, graph.entities), (RELATIONS, graph.relations), (TRIPLETS, graph.triplets)):
        contract.check(rows, Path(contract.name))
    return graph


def _triplets_by_name(graph: KnowledgeGraph, num_items: int) -> set[tuple[Node, str, Node]]:
    entities, relations = graph.entities["entity"].to_pylist(), graph.relations["relation"].to_pylist()

    def node(index: int) -> Node:
        return entities[index], index if index < num_items else None

    return {(node(row["head"]), relations[row["relation"]], node(row["tail"])) for row in graph.triplets.to_pylist()}
