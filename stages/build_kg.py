"""Freebase dump and catalogue → entities, relations and triplets of the knowledge graph.

The pass over the dump is for all data sets of `run.datasets` that have the same dump and a catalogue already; the others then
find their facts in the cache. It makes no difference to what any of them gets.
"""

import time
from collections.abc import Iterator

from mkg4rec import params
from mkg4rec.download.checksums import checksums
from mkg4rec.errors import PipelineError
from mkg4rec.graph import knowledge
from mkg4rec.sources.fact_cache import FactCache, default_folder, look_up
from mkg4rec.sources.neighbourhoods import Neighbourhood
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
    cache = FactCache(default_folder(), checksums(dump, {"sha256"})["sha256"].digest, values.kg.drop_predicates)
    wanted = Neighbourhood(catalogue["entity"].combine_chunks(), settings.hops)
    others = list(_others_of_the_same_dump(dataset, values))
    findings, kept = look_up(dump, wanted, others, values.kg.drop_predicates, cache)
    graph = knowledge.build(catalogue, findings.facts, settings.min_entity_triplets, settings.min_relation_triplets, findings.names_of)
    if not len(graph.triplets):
        raise PipelineError(
            f"{dump}: of {len(findings.facts):,} facts about the {len(catalogue):,} items of {dataset} no triplet is left; "
            f"check that links and dump belong together, or lower datasets.{dataset}.kg.min_entity_triplets and min_relation_triplets."
        )
    ENTITIES.write(graph.entities, layout.entities)
    RELATIONS.write(graph.relations, layout.relations)
    TRIPLETS.write(graph.triplets, layout.triplets)
    first = f", the first at {', '.join(map(str, findings.first_bad_lines))}" if findings.bad_lines else ""
    print(
        f"{dataset}: {findings.lines:,} lines {'read before' if kept else 'read'} ({findings.bad_lines:,} bad{first}), "
        f"{len(graph.triplets):,} triplets, {len(graph.entities):,} entities, {len(graph.relations):,} relations, "
        f"{time.monotonic() - started:.1f} s"
    )


def _others_of_the_same_dump(dataset: str, values: params.Params) -> Iterator[Neighbourhood]:
    """What the other data sets of this run will ask the dump, as far as their catalogues are there and readable."""
    address = values.dataset(dataset).sources.dump.address
    for other in values.run.datasets:
        if other == dataset or values.dataset(other).sources.dump.address != address:
            continue
        try:
            catalogue = CATALOGUE.read(Layout(other).catalogue)
        except PipelineError:
            continue
        yield Neighbourhood(catalogue["entity"].combine_chunks(), values.dataset(other).kg.hops)


if __name__ == "__main__":
    run(main)
