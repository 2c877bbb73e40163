"""Freebase dump and catalogue → entities, relations and triplets of the knowledge graph."""

import time

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.graph import knowledge
from mkg4rec.sources import freebase
from mkg4rec.sources.freebase_names import NameStore
from mkg4rec.tables import CATALOGUE, ENTITIES, RELATIONS, TRIPLETS
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    """Keep what the dump says about the catalogue's items."""
    started = time.monotonic()
    layout, values = Layout(dataset), params.load()
    settings = values.dataset(dataset).kg
    dump = layout.raw_file("dump")
    catalogue = CATALOGUE.read(layout.catalogue)
    with NameStore() as names:
        mids = catalogue["entity"].combine_chunks()
        facts, scan = freebase.neighbourhood(dump, mids, settings.hops, values.kg.drop_predicates, names)
        graph = knowledge.build(catalogue, facts, settings.min_entity_triplets, settings.min_relation_triplets, names.names_of)
    if not len(graph.triplets):
        raise PipelineError(
            f"{dump}: of {len(facts):,} facts about the {len(catalogue):,} items of {dataset} no triplet is left; "
            f"check that links and dump belong together, or lower datasets.{dataset}.kg.min_entity_triplets and min_relation_triplets."
        )
    ENTITIES.write(graph.entities, layout.entities)
    RELATIONS.write(graph.relations, layout.relations)
    TRIPLETS.write(graph.triplets, layout.triplets)
    first = f", the first at {', '.join(map(str, scan.first_bad_lines))}" if scan.bad_lines else ""
    print(
        f"{dataset}: {scan.lines:,} lines read ({scan.bad_lines:,} bad{first}), {len(graph.triplets):,} triplets, "
        f"{len(graph.entities):,} entities, {len(graph.relations):,} relations, {time.monotonic() - started:.1f} s"
    )


if __name__ == "__main__":
    run(main)
