"""What the Freebase dump says around the items of several data sets, in one pass for all of them.

A pass over 31 GB takes minutes, whatever it looks for. So it looks for the items of all data sets at once, and each then
gets what it would have found alone: the facts that touch its own items, in the order of the dump. Every hop beyond the first
is one more pass, again for all, because which entities it starts from is known only after the pass before. Names ride
along with the first (`mkg4rec.sources.freebase_names`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.sources.freebase import FACTS, Scan
from mkg4rec.sources.freebase_names import NameStore

NAMES = pa.schema([("entity", pa.string()), ("name", pa.string())])
"""The name of each entity that has one."""


@dataclass(frozen=True)
class Neighbourhood:
    """What one data set asks: the facts within `hops` steps of its `mids`."""

    mids: pa.Array
    hops: int


@dataclass(frozen=True)
class Findings:
    """What the dump has of a neighbourhood, and how well it could be read.

    Attributes:
        facts: schema `FACTS`, as they come, possibly repeated.
        names: schema `NAMES`, of the items and of what the facts mention.
        lines: lines of the dump.
        bad_lines: of these, lines that are not triples; they were skipped.
        first_bad_lines: the numbers (from 1) of the first few.
    """

    facts: pa.Table
    names: pa.Table
    lines: int
    bad_lines: int
    first_bad_lines: list[int]

    def names_of(self, entities: pa.Array) -> pa.Array:
        """The name of each entity, missing where there is none."""
        return self.names["name"].combine_chunks().take(pc.index_in(entities, value_set=self.names["entity"].combine_chunks()))


def find(dump: Path, wanted: Sequence[Neighbourhood], drop_predicates: Sequence[str]) -> list[Findings]:
    """What the dump has of each neighbourhood: as many passes as the farthest one has hops.

    The first pass takes the facts that touch the MIDs; each further one those that touch an entity of the facts before.

    Args:
        dump: the gzip file.
        wanted: at least one neighbourhood.
        drop_predicates: facts whose predicate begins with one of these are left out.

    Raises:
        PipelineError: the dump is missing, not gzip, damaged, or without a single triple; or the disk is full.
    """
    reached = [each.mids for each in wanted]
    facts = [FACTS.empty_table()] * len(wanted)
    with NameStore() as store:
        for hop in range(1, max(each.hops for each in wanted) + 1):
            going_on = [number for number, each in enumerate(wanted) if each.hops >= hop]
            union = pc.unique(pa.chunked_array([reached[number] for number in going_on], pa.string()))
            scan = Scan(dump, union, drop_predicates, store if hop == 1 else None)
            near = pa.concat_tables([FACTS.empty_table(), *scan])
            for number in going_on:
                facts[number] = _touching(near, reached[number])
                reached[number] = _with_ends(reached[number], facts[number])
        entities = [_with_ends(each.mids, found) for each, found in zip(wanted, facts, strict=True)]
        everything = pc.unique(pa.chunked_array(entities, pa.string()))
        names = pa.table([everything, store.names_of(everything)], schema=NAMES).filter(pc.field("name").is_valid())
    return [
        Findings(found, names.filter(pc.is_in(names["entity"], own)), scan.lines, scan.bad_lines, scan.first_bad_lines)
        for found, own in zip(facts, entities, strict=True)
    ]


def _touching(facts: pa.Table, mids: pa.Array) -> pa.Table:
    return facts.filter(pc.or_(pc.is_in(facts["head"], mids), pc.is_in(facts["tail"], mids)))


def _with_ends(mids: pa.Array, facts: pa.Table) -> pa.Array:
    """These MIDs and those of the facts, each once."""
    return pc.unique(pa.chunked_array([mids, *facts["head"].chunks, *facts["tail"].chunks], pa.string()))
