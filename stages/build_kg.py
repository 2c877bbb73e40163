"""Freebase dump, metadata or triples that the user brings, whichever are sources → entities, relations and triplets of the graph."""

import time
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.graph import knowledge
from mkg4rec.params import DatasetKg, KgSource, Params
from mkg4rec.sources import freebase
from mkg4rec.sources.freebase_names import NameStore
from mkg4rec.sources.own.graph import within
from mkg4rec.tables import ATTRIBUTES, ENTITIES, FACTS, LINKS, NAMES, RELATIONS, TRIPLETS
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    """Keep what the sources say about the catalogue's items."""
    started = time.monotonic()
    layout, values = Layout(dataset), params.load()
    settings = values.dataset(dataset).kg
    items, attributes = LINKS.read(layout.links), ATTRIBUTES.read(layout.linked_attributes)
    if KgSource.TRIPLES in settings.sources:
        facts, report = _triples(layout, settings, items)
        graph = knowledge.build(items, facts, attributes, settings.min_entity_triplets, settings.min_relation_triplets, _names(layout))
    else:
        with NameStore() as names:
            facts, report = _freebase(layout, values, items, names)
            graph = knowledge.build(items, facts, attributes, settings.min_entity_triplets, settings.min_relation_triplets, names.names_of)
    # A data set that the user brings may have no graph at all.
    if not len(graph.triplets) and (KgSource.TRIPLES not in settings.sources or len(facts)):
        raise PipelineError(
            f"{layout.data}: of {len(facts) + len(attributes):,} facts about the {len(items):,} items of {dataset} no triplet is left; "
            "check that links and facts belong together and identifiers are written alike, "
            f"or lower datasets.{dataset}.kg.min_entity_triplets and min_relation_triplets."
        )
    ENTITIES.write(graph.entities, layout.entities)
    RELATIONS.write(graph.relations, layout.relations)
    TRIPLETS.write(graph.triplets, layout.triplets)
    print(
        f"{dataset}: {report}, {len(graph.triplets):,} triplets, "
        f"{len(graph.entities):,} entities, {len(graph.relations):,} relations, {time.monotonic() - started:.1f} s"
    )


def _triples(layout: Layout, settings: DatasetKg, items: pa.Table) -> tuple[pa.Table, str]:
    """What the triples that the user brings say near the items, and in words how much that is.

    Raises:
        PipelineError: there are triples, but none of an item.
    """
    facts, entities = FACTS.read(layout.brought("dump", FACTS)), items["entity"].combine_chunks()
    near = within(facts, entities, settings.hops)
    ends = pc.unique(pa.chunked_array([*facts["head"].chunks, *facts["tail"].chunks], pa.string()))
    known = pc.sum(pc.is_in(entities, value_set=ends)).as_py()
    if len(facts) and not known:
        raise PipelineError(
            f"{layout.own}: none of the {len(facts):,} triples is of one of the {len(items):,} items. Their ends must be identifiers "
            "of items, or what links says of them: check that these are written alike."
        )
    return near, f"{len(near):,} of {len(facts):,} facts near the items, {known:,} of {len(items):,} items in a fact"


def _names(layout: Layout) -> Callable[[pa.Array], pa.Array]:
    """The name that the user gives each of some entities, missing where there is none."""
    names = NAMES.read(layout.brought("dump", NAMES))
    entities, texts = names["entity"].combine_chunks(), names["name"].combine_chunks()
    return lambda asked: texts.take(pc.index_in(asked, value_set=entities))


def _freebase(layout: Layout, values: Params, items: pa.Table, names: NameStore) -> tuple[pa.Table, str]:
    """What the dump says, and in words how it was read; nothing, and the dump unread, where it is no source."""
    settings = values.dataset(layout.dataset).kg
    if KgSource.FREEBASE not in settings.sources:
        return freebase.FACTS.empty_table(), "metadata alone"
    facts, scan = freebase.neighbourhood(
        layout.raw_file("dump"), items["entity"].combine_chunks(), settings.hops or 1, values.kg.drop_predicates, names
    )
    first = f", the first at {', '.join(map(str, scan.first_bad_lines))}" if scan.bad_lines else ""
    return facts, f"{scan.lines:,} lines read ({scan.bad_lines:,} bad{first})"


if __name__ == "__main__":
    run(main)
