"""What an interrupted run learnt the hard way: addresses that have no usable content.

The download cache remembers what arrived; the journal remembers what did not, so that a restarted
run asks the network for nothing twice. It lives as long as the run is unfinished.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from mkg4rec.files import explaining_full_disk, replacing
from mkg4rec.media.status import Failure, Status


class Journal:
    """Failures by address, in an append-only file of JSON lines.

    The first line holds the conditions of the run, every other one a failure. A line is in the file
    before `record` returns, so it survives a kill; a line that a kill tore is dropped when the file is
    opened again. A journal kept under other conditions (other limits, another mirror) says nothing about
    this run and is begun anew. Only definite failures are kept: the others deserve another try.
    """

    def __init__(self, path: Path, conditions: Mapping[str, str | int]) -> None:
        """Go on with the journal at `path`, or begin it.

        Args:
            path: the file; its folder is made.
            conditions: everything that a failure depends on besides the address.

        Raises:
            PipelineError: the disk is full.
        """
        self._path = path
        self._failures = dict(_failures(path, conditions))
        with replacing(path) as temporary:
            lines = [json.dumps(conditions), *(_line(address, failure) for address, failure in self._failures.items())]
            temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        self._file = path.open("a", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    @property
    def failures(self) -> Mapping[str, Failure]:
        """The failures known so far, by address."""
        return self._failures

    def record(self, address: str, failure: Failure) -> None:
        """Remember that `address` has no usable content; nothing happens where that may change by asking again.

        Raises:
            PipelineError: the disk is full.
        """
        if failure.definite and address not in self._failures:
            self._failures[address] = failure
            with explaining_full_disk(self._path):
                self._file.write(_line(address, failure) + "\n")
                self._file.flush()

    def remove(self) -> None:
        """Forget everything: the run has come to its end, and the next one asks anew."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _line(address: str, failure: Failure) -> str:
    return json.dumps({"address": address, "status": failure.status, "reason": failure.reason})


def _failures(path: Path, conditions: Mapping[str, str | int]) -> Iterator[tuple[str, Failure]]:
    """The whole lines of the journal at `path`; none where there is no journal or its conditions are others."""
    if not path.is_file():
        return
    first, *rest = path.read_bytes().split(b"\n")
    if first != json.dumps(conditions).encode():
        return
    for line in rest:
        try:
            entry = json.loads(line)
            yield entry["address"], Failure(Status(entry["status"]), entry["reason"])
        except (ValueError, KeyError, TypeError):  # the line that a kill tore
            continue
