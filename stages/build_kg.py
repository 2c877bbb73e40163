"""Freebase dump and metadata, as far as they are sources → entities, relations and triplets of the knowledge graph."""

import time

import pyarrow as pa

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.graph import knowledge
from mkg4rec.params import KgSource, Params
from mkg4rec.sources import freebase
from mkg4rec.sources.freebase_names import NameStore
from mkg4rec.tables import ATTRIBUTES, ENTITIES, LINKS, RELATIONS, TRIPLETS
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    """Keep what the sources say about the catalogue's items."""
    started = time.monotonic()
    layout, values = Layout(dataset), params.load()
    settings = values.dataset(dataset).kg
    items, attributes = LINKS.read(layout.links), ATTRIBUTES.read(layout.linked_attributes)
    with NameStore() as names:
        facts, report = _freebase(layout, values, items, names)
        graph = knowledge.build(items, facts, attributes, settings.min_entity_triplets, settings.min_relation_triplets, names.names_of)
    if not len(graph.triplets):
        raise PipelineError(
            f"{layout.data}: of {len(facts) + len(attributes):,} facts about the {len(items):,} items of {dataset} no triplet is left; "
            f"check that links and dump belong together, or lower datasets.{dataset}.kg.min_entity_triplets and min_relation_triplets."
        )
    ENTITIES.write(graph.entities, layout.entities)
    RELATIONS.write(graph.relations, layout.relations)
    TRIPLETS.write(graph.triplets, layout.triplets)
    print(
        f"{dataset}: {report}, {len(graph.triplets):,} triplets, "
        f"{len(graph.entities):,} entities, {len(graph.relations):,} relations, {time.monotonic() - started:.1f} s"
    )


def _freebase(layout: Layout, values: Params, items: pa.Table, names: NameStore) -> tuple[pa.Table, str]:
    """What the dump says, and in words how it was read; nothing, and the dump unread, where it is no source."""
    settings = values.dataset(layout.dataset).kg
    if KgSource.FREEBASE not in settings.sources:
        return freebase.FACTS.empty_table(), "metadata alone"
    facts, scan = freebase.neighbourhood(
        layout.raw_file("dump"), items["entity"].combine_chunks(), settings.hops, values.kg.drop_predicates, names
    )
    first = f", the first at {', '.join(map(str, scan.first_bad_lines))}" if scan.bad_lines else ""
    return facts, f"{scan.lines:,} lines read ({scan.bad_lines:,} bad{first})"


if __name__ == "__main__":
    run(main)
