"""Freebase dump, metadata or triples that the user brings, whichever are sources → entities, relations and triplets of the graph.

The pass over the dump is for all data sets of `run.datasets` that have the same dump and a catalogue already; the others then
find their facts in the cache. It makes no difference to what any of them gets.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec import params
from mkg4rec.dataset_params import DatasetKg, KgSource
from mkg4rec.download.downloader import Downloader, DownloadError, Reason
from mkg4rec.download.pinned import PinnedFile, read_pinned
from mkg4rec.errors import PipelineError
from mkg4rec.graph import knowledge
from mkg4rec.params import Params
from mkg4rec.sources import freebase
from mkg4rec.sources.fact_cache import FactCache, default_folder, look_up
from mkg4rec.sources.neighbourhoods import Neighbourhood
from mkg4rec.sources.own.graph import within
from mkg4rec.tables import ATTRIBUTES, ENTITIES, FACTS, LINKS, NAMES, RELATIONS, TRIPLETS
from stages import run
from stages.layout import Layout


@dataclass(frozen=True)
class Told:
    """What a source tells near the items.

    Attributes:
        facts: columns head, relation, tail.
        names_of: the name of each of some entities, missing where there is none.
        report: in words, how much that is and how it was read.
    """

    facts: pa.Table
    names_of: Callable[[pa.Array], pa.Array]
    report: str


def main(dataset: str) -> None:
    """Keep what the sources say about the catalogue's items."""
    started = time.monotonic()
    layout, values = Layout(dataset), params.load()
    settings = values.dataset(dataset).kg
    items, attributes = LINKS.read(layout.links), ATTRIBUTES.read(layout.linked_attributes)
    if KgSource.TRIPLES in settings.sources:
        told = _triples(layout, settings, items)
    elif KgSource.FREEBASE in settings.sources:
        told = _freebase(layout, values, items)
    else:
        told = Told(freebase.FACTS.empty_table(), lambda asked: pa.nulls(len(asked), pa.string()), "metadata alone")
    graph = knowledge.build(items, told.facts, attributes, settings.min_entity_triplets, settings.min_relation_triplets, told.names_of)
    # A data set that the user brings may have no graph at all.
    if not len(graph.triplets) and (KgSource.TRIPLES not in settings.sources or len(told.facts)):
        raise PipelineError(
            f"{layout.data}: of {len(told.facts) + len(attributes):,} facts about {len(items):,} items of {dataset} no triplet is left; "
            "check that links and facts belong together and identifiers are written alike, "
            f"or lower datasets.{dataset}.kg.min_entity_triplets and min_relation_triplets."
        )
    ENTITIES.write(graph.entities, layout.entities)
    RELATIONS.write(graph.relations, layout.relations)
    TRIPLETS.write(graph.triplets, layout.triplets)
    print(
        f"{dataset}: {told.report}, {len(graph.triplets):,} triplets, "
        f"{len(graph.entities):,} entities, {len(graph.relations):,} relations, {time.monotonic() - started:.1f} s"
    )


def _freebase(layout: Layout, values: Params, items: pa.Table) -> Told:
    dump, downloader = read_pinned(layout.dump), Downloader.from_environment(values.http, layout.mirror)
    cache = FactCache(default_folder(), dump.sha256, values.kg.drop_predicates)
    wanted = Neighbourhood(items["entity"].combine_chunks(), values.dataset(layout.dataset).kg.hops or 1)
    others = list(_others_of_the_same_dump(layout.dataset, values))
    findings, kept = look_up(lambda: _fetched(dump, downloader, layout.dataset), wanted, others, values.kg.drop_predicates, cache)
    first = f", the first at {', '.join(map(str, findings.first_bad_lines))}" if findings.bad_lines else ""
    report = f"{findings.lines:,} lines {'read before' if kept else 'read'} ({findings.bad_lines:,} bad{first})"
    return Told(findings.facts, findings.names_of, report)


def _fetched(dump: PinnedFile, downloader: Downloader, dataset: str) -> Path:
    try:
        return dump.fetch(downloader)
    except DownloadError as error:
        if error.reason not in (Reason.CHECKSUM, Reason.TOO_LARGE):
            raise
        advice = f"It is another dump than before; run `dvc repro --force --single-item fetch_dump@{dataset}`."
        raise PipelineError(f"{error} {advice}") from error


def _others_of_the_same_dump(dataset: str, values: Params) -> Iterator[Neighbourhood]:
    """What the other data sets of this run will ask the dump, as far as their links are there and readable."""
    dump = values.dataset(dataset).dump
    for other in values.run.datasets:
        settings = values.dataset(other)
        if other == dataset or KgSource.FREEBASE not in settings.kg.sources or settings.dump != dump:
            continue
        try:
            items = LINKS.read(Layout(other).links)
        except PipelineError:
            continue
        yield Neighbourhood(items["entity"].combine_chunks(), settings.kg.hops or 1)


def _triples(layout: Layout, settings: DatasetKg, items: pa.Table) -> Told:
    """What the triples that the user brings say near the items.

    Raises:
        PipelineError: there are triples, but none of an item.
    """
    facts, entities = FACTS.read(layout.brought("triples", FACTS)), items["entity"].combine_chunks()
    near = within(facts, entities, settings.hops)
    ends = pc.unique(pa.chunked_array([*facts["head"].chunks, *facts["tail"].chunks], pa.string()))
    known = pc.sum(pc.is_in(entities, value_set=ends)).as_py()
    if len(facts) and not known:
        raise PipelineError(
            f"{layout.own}: none of the {len(facts):,} triples is of one of the {len(items):,} items. Their ends must be identifiers "
            "of items, or what links says of them: check that these are written alike."
        )
    report = f"{len(near):,} of {len(facts):,} facts near the items, {known:,} of {len(items):,} items in a fact"
    return Told(near, _names(layout), report)


def _names(layout: Layout) -> Callable[[pa.Array], pa.Array]:
    """The name that the user gives each of some entities, missing where there is none."""
    names = NAMES.read(layout.brought("triples", NAMES))
    entities, texts = names["entity"].combine_chunks(), names["name"].combine_chunks()
    return lambda asked: texts.take(pc.index_in(asked, value_set=entities))


if __name__ == "__main__":
    run(main)
