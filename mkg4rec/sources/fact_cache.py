"""What was found in a dump, kept outside the pipeline, so that one pass serves every data set and every change of what is kept of it.

An entry is named by all that decides about it: the dump's bytes, the predicates that are dropped, the MIDs, the hops, and the code
that scans. Its two Parquet files carry checksums; one that is damaged counts as not there.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from mkg4rec.errors import PipelineError
from mkg4rec.files import cache_folder, replacing
from mkg4rec.imports import ROOT, imported_files
from mkg4rec.sources.freebase import FACTS
from mkg4rec.sources.neighbourhoods import NAMES, Findings, Neighbourhood, find

FOLDER_VARIABLE = "MKG4REC_FACT_CACHE"

_READING = b"reading"


def default_folder() -> Path:
    """`$MKG4REC_FACT_CACHE`, else `mkg4rec/facts` in the user's cache folder."""
    return cache_folder("facts", FOLDER_VARIABLE)


class FactCache:
    """The cached findings in one dump, with one list of dropped predicates."""

    def __init__(self, root: Path, dump_sha256: str, drop_predicates: Sequence[str]) -> None:
        """
        Args:
            root: the cache folder, shared by all dumps; made when something is written.
            dump_sha256: of the packed bytes.
            drop_predicates: as `find` takes them.
        """
        self.root = root
        self._scan = {"dump": dump_sha256, "drop_predicates": sorted(drop_predicates), "code": _code()}

    def read(self, wanted: Neighbourhood) -> Findings | None:
        """The findings, if they are here whole."""
        facts_path, names_path = self._paths(wanted)
        try:
            facts = pq.read_table(facts_path, partitioning=None, page_checksum_verification=True)
            names = pq.read_table(names_path, partitioning=None, page_checksum_verification=True)
            reading = json.loads(facts.schema.metadata[_READING])
            return Findings(facts.replace_schema_metadata().cast(FACTS), names.cast(NAMES), **reading)
        except (OSError, ValueError, KeyError, TypeError):  # pa.ArrowInvalid is a ValueError.
            return None

    def write(self, wanted: Neighbourhood, findings: Findings) -> None:
        """Keep the findings.

        Raises:
            PipelineError: the folder cannot be written, or the disk is full.
        """
        reading = {"lines": findings.lines, "bad_lines": findings.bad_lines, "first_bad_lines": findings.first_bad_lines}
        facts = findings.facts.replace_schema_metadata({_READING: json.dumps(reading)})
        with self._explaining():
            for path, table in zip(self._paths(wanted), (facts, findings.names), strict=True):
                with replacing(path) as temporary:
                    pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)

    def prepare(self) -> None:
        """Make sure that something can be written, before a long scan.

        Raises:
            PipelineError: it cannot.
        """
        with self._explaining():
            self.root.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.root).close()

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise PipelineError(
                f"{self.root}: the fact cache cannot be written ({error.strerror}); let {FOLDER_VARIABLE} name a folder that can."
            ) from error

    def _paths(self, wanted: Neighbourhood) -> tuple[Path, Path]:
        """Of the facts and of the names."""
        mids = "\n".join(sorted(set(wanted.mids.to_pylist())))
        asked = self._scan | {"mids": hashlib.sha256(mids.encode()).hexdigest(), "hops": wanted.hops}
        key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        return self.root / f"{key}.facts.parquet", self.root / f"{key}.names.parquet"


def look_up(
    fetch_dump: Callable[[], Path], wanted: Neighbourhood, others: Sequence[Neighbourhood], drop_predicates: Sequence[str], cache: FactCache
) -> tuple[Findings, bool]:
    """What the dump has of `wanted`: from the cache, else from a scan that looks for `others` as well and keeps all of it.

    Args:
        fetch_dump: gives the dump, and is asked only where the cache has not all.

    Returns:
        The findings, and whether they were in the cache.

    Raises:
        PipelineError: the dump cannot be read, or the cache cannot be written.
    """
    if kept := cache.read(wanted):
        return kept, True
    cache.prepare()
    together = [wanted, *(other for other in others if cache.read(other) is None)]
    found = find(fetch_dump(), together, drop_predicates)
    for each, findings in zip(together, found, strict=True):
        cache.write(each, findings)
    return found[0], False


def _code() -> str:
    """Of the modules that decide what a scan finds."""
    digest = hashlib.sha256()
    for path in sorted(imported_files([Path("mkg4rec/sources/neighbourhoods.py")])):
        digest.update((ROOT / path).read_bytes())
    return digest.hexdigest()
