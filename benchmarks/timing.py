"""The one way in which benchmarks time, compare and print.

A measurement and its reference take turns, so that other load on the machine hits both; what counts is the median of the
ratios of the rounds. What needs torch is in `benchmarks.devices`, because importing it takes seconds and memory that are no
part of what other benchmarks measure.
"""

import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True)
class Comparison:
    """Seconds of each round: of what is measured, and of its reference."""

    measured: list[float]
    reference: list[float]

    @property
    def seconds(self) -> float:
        return statistics.median(self.measured)

    @property
    def reference_seconds(self) -> float:
        return statistics.median(self.reference)

    @property
    def ratios(self) -> list[float]:
        """Measured time over reference time, round by round: below 1 where the measured side is the faster one."""
        return [measured / reference for measured, reference in zip(self.measured, self.reference, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        spread = f" ({min(self.ratios):.2f} – {max(self.ratios):.2f})" if len(self.ratios) > 1 else ""
        return f"{self.ratio:.2f}{spread}"


def alternate(measured: Callable[[], float], reference: Callable[[], float], rounds: int) -> Comparison:
    """Both in turn, `rounds` times; each gives the seconds that it took (`stopwatch`)."""
    pairs = [(measured(), reference()) for _ in range(rounds)]
    return Comparison([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def stopwatch(compute: Callable[[], object]) -> float:
    """Seconds that `compute` takes."""
    start = time.perf_counter()
    compute()
    return time.perf_counter() - start


def machine() -> str:
    """The line that every benchmark prints first."""
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (
        f"{os.cpu_count()} cores of {_processor()}, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, torch {version('torch')}, OMP_NUM_THREADS {threads}"
    )


def print_table(header: list[str], rows: list[list[str]]) -> None:
    """Columns as wide as their longest cell: the first one from the left, numbers from the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for first, *others in [header, *rows]:
        cells = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", information.read_text(), re.MULTILINE) if information.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
