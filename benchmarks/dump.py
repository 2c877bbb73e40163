"""How fast a Freebase dump is read, against `gzip -dc FILE | wc -l` on the same file in the same run.

    python -m benchmarks.dump --gigabytes 2 --rounds 5

makes a dump of that unpacked size in a temporary folder, times the two in turn, and prints the ratio of their times for
each round, lines per second, and the peak memory of the process that scans. The
scan is all that the stage does with the dump: unpack, tell triples from bad lines, keep the facts about 26,000 linked
entities (as many as KB4Rec links in MovieLens-20M), put all names aside.
"""

import argparse
import multiprocessing
import random
import subprocess
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks import memory
from benchmarks.timing import Comparison, machine, stopwatch
from mkg4rec.params import load
from mkg4rec.progress import bar
from mkg4rec.sources.freebase import neighbourhood
from mkg4rec.sources.freebase_names import NameStore

NAMESPACE = "http://rdf.freebase.com/ns/"
NUM_LINKED = 26_000
BLOCK_BYTES = 16 << 20

TYPES = ["common.topic", "music.recording", "book.book_edition", "people.person", "film.film", "location.location"]
FILM = ["film.film.directed_by", "film.film.genre", "film.performance.actor", "film.film.country", "film.film.language"]
MUSIC = ["music.release.track_list", "music.recording.releases", "music.track.release", "music.artist.track"]
OTHERS = ["people.person.place_of_birth", "location.location.containedby", "base.schemastaging.context", "common.topic.notable_for"]
LANGUAGES = ["en", "en", "en", "en", "de", "fr", "ru", "ja", "zh", "ko", "es", "it"]
WORDS = ["the", "of", "a", "story", "night", "love", "house", "river", "last", "girl", "Ünal", "Épée", "über", "Война", "мир", "物語"]


@dataclass(frozen=True)
class Reading:
    """One scan: seconds, lines, and the most memory that its process ever held, in MB."""

    seconds: float
    lines: int
    peak_memory: int


def linked_mids() -> list[str]:
    """The entities that the scan looks for; the same at every call."""
    chance = random.Random(0)
    return [_mid(chance) for _ in range(NUM_LINKED)]


def write_dump(path: Path, size: int) -> None:
    """Write a dump of about `size` unpacked bytes, packed as `gzip -6` does: 130 bytes a line, 13 : 1 (the real one: 131, 11 : 1)."""
    linked = linked_mids()
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    with path.open("wb") as file, bar(b"", "writing a dump", size, unit="B") as position:
        for seed in range(size // BLOCK_BYTES):
            block = _block(random.Random(seed + 1), linked)
            file.write(packer.compress(block))
            position.update(len(block))
        file.write(packer.flush())


def gzip(path: Path) -> None:
    """`gzip -dc path | wc -l`"""
    subprocess.run(["sh", "-c", 'gzip -dc "$1" | wc -l', "sh", str(path)], check=True, stdout=subprocess.DEVNULL)


def scan(path: Path) -> Reading:
    """Scan in this process."""
    mids = pa.array(linked_mids())
    drop_predicates = load().kg.drop_predicates
    lines = []

    def read() -> None:
        with NameStore() as names:
            lines.append(neighbourhood(path, mids, 1, drop_predicates, names)[1].lines)

    return Reading(stopwatch(read), lines[0], memory.peak())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0, help="unpacked size of the dump (default 2)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating measurements (default 5)")
    given = parser.parse_args(arguments)
    size = int(given.gigabytes * 1e9)
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "freebase-rdf-benchmark.gz"
        write_dump(path, size)
        print(f"{size / 1e9:g} GB unpacked, {path.stat().st_size / 1e6:,.0f} MB packed")
        times = Comparison([], [])
        for number in range(1, given.rounds + 1):
            times.reference.append(stopwatch(lambda: gzip(path)))
            # A fresh process has its own peak of memory.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                reading = process.submit(scan, path).result()
            times.measured.append(reading.seconds)
            print(
                f"round {number}: gzip | wc {times.reference[-1]:.2f} s, scan {reading.seconds:.2f} s, ratio {times.ratios[-1]:.2f}; "
                f"{reading.lines / reading.seconds / 1e6:.1f} million lines/s, peak memory {reading.peak_memory} MB",
                flush=True,
            )
        print(f"ratio: {times}")


def _mid(chance: random.Random) -> str:
    return "m.0" + "".join(chance.choices("0123456789bcdfghjklmnpqrstvwxyz_", k=6))


def _block(chance: random.Random, linked: list[str]) -> bytes:
    lines: list[str] = []
    size = 0
    while size < BLOCK_BYTES:
        entity = [f"{line}\t.\n" for line in _entity(chance, linked)]
        lines += entity
        size += sum(map(len, entity))
    return "".join(lines).encode()


def _entity(chance: random.Random, linked: list[str]) -> Iterator[str]:
    """The lines about one entity, without their ends."""
    mid = chance.choice(linked) if chance.random() < 0.01 else _mid(chance)
    subject = f"<{NAMESPACE}{mid}>"
    for kind in chance.sample(TYPES, 2):
        yield f"{subject}\t<{NAMESPACE}type.object.type>\t<{NAMESPACE}{kind}>"
        yield f"{subject}\t<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>\t<{NAMESPACE}{kind}>"
        yield f"<{NAMESPACE}{kind}>\t<{NAMESPACE}type.type.instance>\t{subject}"
    for predicate in chance.choices(FILM + MUSIC + OTHERS, k=chance.randrange(1, 24)):
        other = chance.choice(linked) if chance.random() < 0.005 else _mid(chance)
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
