"""The names of Freebase entities: all of them kept aside during a pass, a few looked up after it.

A name may stand in the dump long before the fact that lets its entity into the graph, and which entities stay
is known only after pruning. A second pass over 31 GB would double the time, and a dictionary of 72 million names
does not fit into memory. So every name goes as it comes into a compressed Arrow stream on disk (about 1.5 GB for
the whole dump), of which one quick pass picks those that are wanted.
"""

import re
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from mkg4rec.files import explaining_full_disk

_SCHEMA = pa.schema([("entity", pa.string()), ("literal", pa.string())])
_LITERAL = r'(?s)^"(?P<text>.+)"(?:@(?P<language>[A-Za-z0-9-]+))?'
_ESCAPE = re.compile(r"""\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([tbnrf"'\\]))""")
_CONTROL = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


class NameStore:
    """Names on disk, in a temporary file without a path (under TMPDIR) that is gone with the process, however it ends.

    First any number of `add`, then `names_of`; a context manager.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir())
        self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 — closed by __exit__
        self._writer = pa.ipc.new_stream(self._file, _SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, entities: pa.ChunkedArray, literals: pa.ChunkedArray) -> None:
        """Keep names: MIDs, and the N-Triples literals (`"Full Speed"@en`) that name them.

        Raises:
            PipelineError: the disk is full.
        """
        with explaining_full_disk(self._folder):
            self._writer.write_table(pa.table([entities, literals], schema=_SCHEMA))

    def names_of(self, entities: pa.Array) -> pa.Array:
        """The name of each entity, missing where there is none.

        English (`@en`) where there is one, else the alphabetically first language; of several names in that
        language the alphabetically first.

        Raises:
            PipelineError: the disk is full.
        """
        with explaining_full_disk(self._folder):
            self._writer.close()
            self._file.seek(0)
        stored = ds.Scanner.from_batches(pa.ipc.open_stream(self._file), filter=pc.field("entity").isin(entities)).to_table()
        best = _best(stored["entity"], stored["literal"])
        names = pa.array([unescape(text) for text in best["text"].to_pylist()], pa.string())
        return names.take(pc.index_in(entities, value_set=best["entity"].combine_chunks()))


def _best(entities: pa.ChunkedArray, literals: pa.ChunkedArray) -> pa.Table:
    """The preferred literal of every entity, still escaped: columns entity and text."""
    parts = pa.chunked_array(pc.extract_regex(literals, _LITERAL)).combine_chunks()
    language = pc.struct_field(parts, "language")
    names = pa.table(
        {
            "entity": entities,
            "text": pc.struct_field(parts, "text"),
            "language": language,
            "foreign": pc.not_equal(language, "en"),
        }
    ).filter(pc.field("text").is_valid())
    ordered = names.sort_by([(column, "ascending") for column in ("entity", "foreign", "language", "text")])
    first = ordered.group_by("entity", use_threads=False).aggregate([("text", "first")])
    return pa.table({"entity": first["entity"], "text": first["text_first"]})


def unescape(text: str) -> str:
    r"""Resolve the escapes of an N-Triples literal: `\t \b \n \r \f \" \' \\`, `\uXXXX`, `\UXXXXXXXX`.

    https://www.w3.org/TR/n-triples/#grammar-production-ECHAR. Two `\u` that are the halves of a UTF-16 pair are
    one character; a code that stands for none becomes U+FFFD; an unknown escape stays as it is.
    """
    if "\\" not in text:
        return text
    resolved = _ESCAPE.sub(_resolve, text)
    return resolved.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _resolve(escape: re.Match[str]) -> str:
    short, long, control = escape.groups()
    if control:
        return _CONTROL.get(control, control)
    code = int(short or long, 16)
    return chr(code) if code <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
