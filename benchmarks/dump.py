"""How fast a Freebase dump is read on one core and on more, against `gzip -dc FILE | wc -l` on the same file in the same run.

    python -m benchmarks.dump --gigabytes 2 --rounds 5 --cores 1 2

makes a dump of that unpacked size in a temporary folder. For each number of cores all of these take turns, held to that many
cores, each in a process of its own whose peak memory is told:

    gzip      `gzip -dc | wc -l`, the reference
    rapidgzip `rapidgzip -dc | wc -l`, a parallel gzip reader, where it is installed (pip install rapidgzip)
    unpack    the project's own reader alone: unpacked bytes in pieces of whole lines, nothing done with them
    scan      all that the stage does with the dump: unpack, tell triples from bad lines, keep the facts about 26,000 linked
              entities (as many as KB4Rec links in MovieLens-20M), put all names aside

CPU seconds, of all threads and of the commands together, hardly depend on what else the machine does. What the scan finds does
not grow with the dump, as it does not in reality: beyond 2 GB linked entities become rarer.
"""

import argparse
import multiprocessing
import os
import random
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Self

import pyarrow as pa

from benchmarks import memory
from benchmarks.timing import Comparison, machine, print_table, stopwatch
from mkg4rec.cores import available_cores
from mkg4rec.params import load
from mkg4rec.progress import bar
from mkg4rec.sources.gzip_lines import whole_lines
from mkg4rec.sources.neighbourhoods import Neighbourhood, find

NAMESPACE = "http://rdf.freebase.com/ns/"
NUM_LINKED = 26_000
LINKED_SHARE = 0.01
AS_IN_REALITY = 2e9
"""Bytes from which on there are no more linked entities in a larger dump."""
BLOCK_BYTES = 16 << 20
DISTINCT_BLOCKS = 64
GZIP_HEADER = bytes.fromhex("1f8b08000000000000ff")
"""RFC 1952: deflate, no name, no time, unknown system."""

TYPES = ["common.topic", "music.recording", "book.book_edition", "people.person", "film.film", "location.location"]
FILM = ["film.film.directed_by", "film.film.genre", "film.performance.actor", "film.film.country", "film.film.language"]
MUSIC = ["music.release.track_list", "music.recording.releases", "music.track.release", "music.artist.track"]
OTHERS = ["people.person.place_of_birth", "location.location.containedby", "base.schemastaging.context", "common.topic.notable_for"]
LANGUAGES = ["en", "en", "en", "en", "de", "fr", "ru", "ja", "zh", "ko", "es", "it"]
WORDS = ["the", "of", "a", "story", "night", "love", "house", "river", "last", "girl", "Ünal", "Épée", "über", "Война", "мир", "物語"]


@dataclass(frozen=True)
class Reading:
    """One reading of the dump: seconds by the clock and of the CPU, lines, and the most memory that its process ever held, in MB."""

    seconds: float
    cpu_seconds: float
    lines: int
    peak_memory: int

    @classmethod
    def of(cls, count_lines: Callable[[], int], peak_memory: Callable[[], int] = memory.peak) -> Self:
        lines: list[int] = []
        before = os.times()
        seconds = stopwatch(lambda: lines.append(count_lines()))
        used = sum(os.times()[:4]) - sum(before[:4])
        return cls(seconds, used, lines[0], peak_memory())


def linked_mids() -> list[str]:
    """The entities that the scan looks for; the same at every call."""
    chance = random.Random(0)
    return [_mid(chance) for _ in range(NUM_LINKED)]


def write_dump(path: Path, size: int) -> None:
    """Write a dump of about `size` unpacked bytes: 130 bytes a line, one gzip member, packed 13 : 1 as by `gzip -6` (really 131, 11 : 1).

    Beyond the first gigabyte its blocks return in random order, packed already: each begins with an empty window
    (`Z_FULL_FLUSH`), so that its packed bytes may stand anywhere.
    """
    linked = linked_mids()
    share = LINKED_SHARE * min(1, AS_IN_REALITY / size)
    chance = random.Random(0)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    blocks: list[bytes] = []
    packed: list[bytes] = []
    checksum = unpacked = 0
    with path.open("wb") as file, bar(b"", "writing a dump", size, unit="B") as position:
        file.write(GZIP_HEADER)
        for number in range(size // BLOCK_BYTES):
            if number < DISTINCT_BLOCKS:
                blocks.append(_block(random.Random(number + 1), linked, share))
                packed.append(packer.compress(blocks[-1]) + packer.flush(zlib.Z_FULL_FLUSH))
            chosen = number if number < DISTINCT_BLOCKS else chance.randrange(DISTINCT_BLOCKS)
            file.write(packed[chosen])
            checksum = zlib.crc32(blocks[chosen], checksum)
            unpacked += len(blocks[chosen])
            position.update(len(blocks[chosen]))
        file.write(packer.flush() + struct.pack("<II", checksum, unpacked & 0xFFFFFFFF))


def gzip(path: Path) -> Reading:
    """`gzip -dc path | wc -l`"""
    return _counted("gzip -dc", path)


def rapidgzip(path: Path) -> Reading:
    """`rapidgzip -dc path | wc -l`, with as many threads as cores."""
    return _counted(f"rapidgzip -P {available_cores()} -dc", path)


def unpack(path: Path) -> Reading:
    """The pieces of the dump, one after another."""
    return Reading.of(lambda: sum(piece.count(b"\n") for piece in whole_lines(path)))


def scan(path: Path) -> Reading:
    """Everything that the stage asks the dump."""
    wanted = Neighbourhood(pa.array(linked_mids()), 1)
    drop_predicates = load().kg.drop_predicates
    return Reading.of(lambda: find(path, [wanted], drop_predicates)[0].lines)


def on_cores(number: int, read: Callable[[Path], Reading], path: Path) -> Reading:
    """Read in a fresh process, which has its own peak of memory, on the first `number` of the cores."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _hold_to, (number,)) as process:
        return process.submit(read, path).result()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="unpacked size of the dump (default 2)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each, in turn (default 5)")
    parser.add_argument(
        "--cores",
        type=int,
        nargs="+",
        default=[available_cores()],
        help="numbers of cores, where Linux holds a process to them (default: all)",
    )
    given = parser.parse_args(arguments)
    size = int(given.gigabytes * 1e9)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "freebase-rdf-benchmark.gz"
        write_dump(path, size)
        print(f"{size / 1e9:g} GB unpacked, {path.stat().st_size / 1e6:,.0f} MB packed; seconds are medians of {given.rounds} rounds")
        rows = [row for number in given.cores for row in measured(number, path, given.rounds)]
    print_table(["cores", "reader", "seconds", "time to gzip", "million lines/s", "CPU seconds", "peak MB"], rows)


def measured(cores: int, path: Path, rounds: int) -> list[list[str]]:
    """A row for each reader."""
    readers = [gzip, *([rapidgzip] if shutil.which("rapidgzip") else []), unpack, scan]
    turns = [[on_cores(cores, read, path) for read in readers] for _ in range(rounds)]
    rows = []
    for read, readings in zip(readers, zip(*turns, strict=True), strict=True):
        times = Comparison([reading.seconds for reading in readings], [turn[0].seconds for turn in turns])
        speed = median(reading.lines / reading.seconds for reading in readings) / 1e6
        cpu = median(reading.cpu_seconds for reading in readings)
        peak = max(reading.peak_memory for reading in readings)
        rows.append([str(cores), read.__name__, f"{times.seconds:.1f}", str(times), f"{speed:.1f}", f"{cpu:.1f}", str(peak)])
    return rows


def _hold_to(cores: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def _counted(unpacker: str, path: Path) -> Reading:
    """Of the command with `wc -l` behind it."""
    command = ["sh", "-c", f'{unpacker} "$1" | wc -l', "sh", str(path)]
    count = partial(subprocess.run, command, check=True, stdout=subprocess.PIPE, text=True)
    return Reading.of(lambda: int(count().stdout), memory.peak_of_children)


def _mid(chance: random.Random) -> str:
    return "m.0" + "".join(chance.choices("0123456789bcdfghjklmnpqrstvwxyz_", k=6))


def _block(chance: random.Random, linked: list[str], share: float) -> bytes:
    lines: list[str] = []
    size = 0
    while size < BLOCK_BYTES:
        entity = [f"{line}\t.\n" for line in _entity(chance, linked, share)]
        lines += entity
        size += sum(map(len, entity))
    return "".join(lines).encode()


def _entity(chance: random.Random, linked: list[str], share: float) -> Iterator[str]:
    """The lines about one entity, without their ends."""
    mid = chance.choice(linked) if chance.random() < share else _mid(chance)
    subject = f"<{NAMESPACE}{mid}>"
    for kind in chance.sample(TYPES, 2):
        yield f"{subject}\t<{NAMESPACE}type.object.type>\t<{NAMESPACE}{kind}>"
        yield f"{subject}\t<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>\t<{NAMESPACE}{kind}>"
        yield f"<{NAMESPACE}{kind}>\t<{NAMESPACE}type.type.instance>\t{subject}"
    for predicate in chance.choices(FILM + MUSIC + OTHERS, k=chance.randrange(1, 24)):
        other = chance.choice(linked) if chance.random() < share / 2 else _mid(chance)
        yield f"{subject}\t<{NAMESPACE}{predicate}>\t<{NAMESPACE}{other}>"
    for language in chance.sample(LANGUAGES, chance.randrange(4)):
        name = f'"{" ".join(chance.choices(WORDS, k=3))} {chance.getrandbits(24):x}"@{language}'
        yield f"{subject}\t<{NAMESPACE}type.object.name>\t{name}"
        yield f"{subject}\t<http://www.w3.org/2000/01/rdf-schema#label>\t{name}"
    for key in (f"{chance.getrandbits(40):x}" for _ in range(chance.randrange(5))):
        yield f'{subject}\t<{NAMESPACE}type.object.key>\t"/wikipedia/en_id/{key}"'
        yield f'{subject}\t<http://rdf.freebase.com/key/wikipedia.en_id>\t"{key}"'
    if chance.random() < 0.5:
        date = f'"{chance.randrange(1500, 2015)}-{chance.randrange(1, 13):02}"^^<http://www.w3.org/2001/XMLSchema#gYearMonth>'
        yield f"{subject}\t<{NAMESPACE}people.person.date_of_birth>\t{date}"
    if chance.random() < 0.15:
        yield f'{subject}\t<{NAMESPACE}common.topic.description>\t"{" ".join(chance.choices(WORDS, k=90))}\\n"@en'


if __name__ == "__main__":
    main()
