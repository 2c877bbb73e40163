"""The stage fetch_media as it is run: the real script, a real server, a working directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from mkg4rec import tables
from tests.download.server import Answer, Server, serving
from tests.media.pictures import WEB_PAGE, picture, png_header

ROOT = Path(__file__).resolve().parents[2]
DATASET = "ml-1m"
MEDIA = Path("data") / DATASET / "media"
IMAGE = picture()


class Workplace:
    """A folder that looks to the stage like the root of the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.params: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        self.params["http"] |= {"attempts": 2, "backoff": 0.01, "max_wait": 0.02, "read_timeout": 0.5}
        self.params["media"] |= {"workers": 8, "per_host": 3, "max_bytes": 1_000_000}
        self.cache = folder / "cache"
        self.environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "MKG4REC_DOWNLOAD_CACHE": str(self.cache),
            "MKG4REC_MIRROR": "",
        }

    @property
    def limits(self) -> dict[str, float]:
        limits: dict[str, float] = self.params["datasets"][DATASET]["media"]
        return limits

    def publish(
        self, items: list[int] | list[str], posters: str | bytes, descriptions: str | bytes, pages: str | bytes | None = None
    ) -> None:
        """Write what the stages before leave: the catalogue and the downloaded files; without `pages`, one of every item."""
        if pages is None:
            pages = json.dumps({str(item): f"Page of {item}." for item in items})
        catalogue = {
            "item_id": pa.array(items),
            "entity": pa.array([f"m.0{item}" for item in items]),
            "title": pa.array([f"Film {item}" for item in items]),
            "year": pa.nulls(len(items), pa.int32()),
            "genres": pa.array([["Drama"] for _ in items]),
        }
        tables.CATALOGUE.write(pa.table(catalogue), self.folder / "data" / DATASET / "link" / "catalogue.parquet")
        for role, content in {"posters": posters, "descriptions": descriptions, "pages": pages}.items():
            path = self.folder / "data" / DATASET / "raw" / role / f"{role}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def start(self) -> "subprocess.Popen[str]":
        (self.folder / "params.yaml").write_text(yaml.safe_dump(self.params), encoding="utf-8")
        command = [sys.executable, "-m", "stages.fetch_media", DATASET]
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def succeed(self) -> str:
        """Run the stage, which must succeed; its printed line."""
        with self.start() as stage:
            output, errors = stage.communicate(timeout=60)
        assert (stage.returncode, errors) == (0, "")
        assert not self.journal.exists()
        return output

    def fail(self) -> str:
        """Run the stage, which must fail in good order and write nothing; its message."""
        with self.start() as stage:
            output, errors = stage.communicate(timeout=60)
        assert (stage.returncode, output) == (1, "")
        assert errors.startswith("error: ")
        assert "Traceback" not in errors
        assert not list(self.folder.glob(f"{MEDIA}/*"))
        return errors

    @property
    def journal(self) -> Path:
        return self.folder / ".mkg4rec" / "fetch_media" / f"{DATASET}.jsonl"

    def table(self, name: str) -> pa.Table:
        return pq.read_table(self.folder / MEDIA / f"{name}.parquet")

    def statuses(self, modality: str) -> dict[int | str, str]:
        """The status of every item."""
        return {row["item_id"]: row["status"] for row in self.table("status").to_pylist() if row["modality"] == modality}

    def bytes_written(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / MEDIA).iterdir()}


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


def poster_file(addresses: dict[int, str]) -> str:
    return "item_id,image\n" + "".join(f"{item},{address}\n" for item, address in addresses.items())


def description_file(plots: dict[int, str]) -> str:
    return "".join(f"{item}::Title::1995::G::1995::Drama::A::B::C::{plot}::poster\r\n" for item, plot in plots.items())


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_every_kind_of_poster_and_description(workplace: Workplace, server: Server) -> None:
    answers = {
        1: Answer(IMAGE),
        2: Answer(status=404),
        3: Answer(WEB_PAGE),
        4: Answer(IMAGE[:300]),
        5: Answer(b""),
        6: Answer(status=500),
        7: Answer(IMAGE, stall_after=300),
        8: Answer(IMAGE, announced=2 * len(IMAGE)),
        9: Answer(png_header(50_000, 50_000)),
        10: Answer(png_header(10_000, 10_000)),  # between Pillow's warning and its error
        11: Answer(bytes(2_000_000)),
    }
    addresses = {item: server.answer(f"/{item}.jpg", answer) for item, answer in reversed(answers.items())}
    items = [*answers, 12, 13, 14]
    plots = {item: f"  The &quot;plot&quot; of {item}. " for item in items} | {2: "N/A", 99: "Not in the catalogue."}
    del plots[3]
    descriptions = description_file(plots) + "3::a broken line\r\n"
    pages: dict[str, object] = {str(item): f"<p>The <b>page</b> of {item}.<sup class='reference'>[1]</sup>" for item in items}
    pages |= {"2": None, "3": ["a", "list"], "4": "long" * 2_000_000, "99": "Not in the catalogue.", "x": "Whose?"}
    del pages["5"]
    workplace.limits["max_missing_posters"] = 0.95
    posters = poster_file(addresses | {12: "", 13: "ftp://host/13.jpg", 99: server.address("/99.jpg")})
    workplace.publish(items, posters, descriptions, json.dumps(pages))

    output = workplace.succeed()

    assert output == (
        "ml-1m: posters: 1 ok, 4 missing, 6 broken, 3 too large; descriptions: 12 ok, 1 missing, 1 broken, 0 too large; "
        "pages: 10 ok, 2 missing, 1 broken, 1 too large; "
        "passed over 0 repeated and 1 unreadable lines of the sources, 1 pages of no item that takes part\n"
    )
    assert workplace.statuses("visual") == (
        {1: "ok", 2: "missing", 12: "missing", 13: "missing", 14: "missing"}
        | dict.fromkeys((3, 4, 5, 6, 7, 8), "broken")
        | dict.fromkeys((9, 10, 11), "too_large")
    )
    assert workplace.statuses("text") == dict.fromkeys(items, "ok") | {2: "missing", 3: "broken"}
    assert workplace.statuses("web") == dict.fromkeys(items, "ok") | {2: "missing", 3: "broken", 4: "too_large", 5: "missing"}
    assert workplace.table("pages")["text"].to_pylist()[0] == "The page of 1."
    status = workplace.table("status").to_pylist()
    assert all((row["status"] == "ok") == (row["reason"] == "") for row in status)
    assert [(row["item_id"], row["modality"]) for row in status] == [
        (item, modality) for item in items for modality in ("visual", "text", "web")
    ]
    assert workplace.table("posters")["image"].to_pylist() == [IMAGE]
    assert workplace.table("descriptions")["text"].to_pylist()[0] == 'The "plot" of 1.'
    assert not server.asked("/99.jpg")


def test_string_items_in_catalogue_order(workplace: Workplace, server: Server) -> None:
    items = ["0001713353", "0002005263", "B000FA5KK0"]
    addresses = [server.answer(f"/{item}.jpg", Answer(picture(seed=seed))) for seed, item in enumerate(items)]
    posters = "item_id,image\n" + "".join(f"{item},{address}\n" for item, address in reversed(list(zip(items, addresses, strict=True))))
    descriptions = "".join(f"{item}::T::1995::G::D::G::A::B::C::Plot {item}::P\r\n" for item in reversed(items))
    workplace.publish(items, posters, descriptions)
    workplace.succeed()
    assert workplace.table("posters")["item_id"].to_pylist() == items
    assert workplace.table("posters")["image"].to_pylist() == [picture(seed=seed) for seed in range(3)]
    assert workplace.table("descriptions")["text"].to_pylist() == [f"Plot {item}" for item in items]


def test_few_connections_to_one_host_and_the_same_bytes_every_time(workplace: Workplace, server: Server) -> None:
    items = list(range(1, 13))
    addresses = {item: server.answer(f"/{item}.jpg", Answer(picture(seed=item), delay=0.05)) for item in items}
    workplace.publish(items, poster_file(addresses), description_file({item: f"Plot {item}" for item in items}))
    workplace.succeed()
    assert server.busiest == 3
    first = workplace.bytes_written()

    asked = len(server.requests)
    workplace.succeed()
    assert len(server.requests) == asked, "everything was in the cache"
    workplace.environment["MKG4REC_DOWNLOAD_CACHE"] = str(workplace.folder / "another cache")
    workplace.params["media"] |= {"workers": 1}
    workplace.succeed()
    assert len(server.requests) == 2 * asked
    assert workplace.bytes_written() == first


def test_killed_in_the_middle_and_started_again(workplace: Workplace, server: Server) -> None:
    answers = [Answer(IMAGE), Answer(status=404), Answer(WEB_PAGE), Answer(png_header(50_000, 50_000))]
    items = list(range(1, 41))
    addresses = {item: server.answer(f"/{item}.jpg", answers[item % 4]) for item in items}
    addresses[20] = server.answer("/20.jpg", Answer(IMAGE, stall_after=100))
    workplace.params["http"]["read_timeout"] = 60
    workplace.limits["max_missing_posters"] = 1.0
    workplace.publish(items, poster_file(addresses), description_file({item: f"Plot {item}" for item in items}))

    stage = workplace.start()
    # Of the 39 other items, 10 are not found; the rest is downloaded, and 9 of it are posters.
    wait_until(lambda: workplace.journal.exists() and workplace.journal.read_text().count("\n") == 1 + 39 - 9)
    wait_until(lambda: len([path for path in workplace.cache.glob("*/*") if not path.suffix]) == 39 - 10)
    wait_until(lambda: len(server.asked("/20.jpg")) == 1)
    stage.send_signal(signal.SIGKILL)
    stage.communicate()
    assert not (workplace.folder / MEDIA).exists()
    with workplace.journal.open("a") as journal:
        journal.write('{"address": "http://torn')

    server.answer("/20.jpg", Answer(IMAGE))
    output = workplace.succeed()
    assert "posters: 10 ok, 10 missing, 10 broken, 10 too large" in output
    assert {path: count for path, count in Counter(request.path for request in server.requests).items() if count > 1} == {"/20.jpg": 2}

    whole = Workplace(workplace.folder / "never stopped")
    whole.folder.mkdir()
    whole.params = workplace.params
    whole.publish(items, poster_file(addresses), description_file({item: f"Plot {item}" for item in items}))
    whole.succeed()
    assert whole.bytes_written() == workplace.bytes_written()


def test_too_few_posters_stop_the_stage(workplace: Workplace, server: Server) -> None:
    items = list(range(1, 11))
    addresses = {item: server.answer(f"/{item}.jpg", Answer(IMAGE) if item <= 6 else Answer(status=404)) for item in items}
    workplace.publish(items, poster_file(addresses), description_file(dict.fromkeys(items, "A plot.")))
    message = workplace.fail()
    for part in ("4 of 10 posters (40.00%)", "30.00%", "4 × missing: not found at its address", "datasets.ml-1m.media.max_missing_posters"):
        assert part in message

    for item in (7, 8):
        server.answer(f"/{item}.jpg", Answer(IMAGE))
    assert "posters: 8 ok, 2 missing" in workplace.succeed(), "posters repaired since are seen"


def test_too_few_pages_stop_the_stage_before_any_download(workplace: Workplace, server: Server) -> None:
    items = list(range(1, 11))
    addresses = {item: server.answer(f"/{item}.jpg", Answer(IMAGE)) for item in items}
    pages = json.dumps({item: "A page." if item <= 5 else "Abstract not found." for item in items})
    workplace.publish(items, poster_file(addresses), description_file(dict.fromkeys(items, "A plot.")), pages)
    message = workplace.fail()
    assert "5 of 10 pages (50.00%)" in message
    assert "5 × missing: the source has no page of the item" in message
    assert "datasets.ml-1m.media.max_missing_pages to at least 0.5" in message
    assert not server.requests


def test_without_a_source_of_pages_every_item_is_without_one(workplace: Workplace, server: Server) -> None:
    workplace.params["datasets"][DATASET]["sources"]["pages"] = None
    workplace.limits["max_missing_pages"] = 0.0
    workplace.publish([1], poster_file({1: server.answer("/1.jpg", Answer(IMAGE))}), description_file({1: "A plot."}))
    assert "pages: 0 ok, 1 missing" in workplace.succeed()
    (row,) = (row for row in workplace.table("status").to_pylist() if row["modality"] == "web")
    assert (row["status"], row["reason"], row["address"]) == ("missing", "the data set has no source of pages", "")
    assert workplace.table("pages").num_rows == 0


def test_too_few_descriptions_stop_the_stage_before_any_download(workplace: Workplace, server: Server) -> None:
    items = list(range(1, 11))
    addresses = {item: server.answer(f"/{item}.jpg", Answer(IMAGE)) for item in items}
    workplace.publish(items, poster_file(addresses), description_file({item: "A plot." if item <= 5 else "N/A" for item in items}))
    message = workplace.fail()
    assert "5 of 10 descriptions (50.00%)" in message
    assert "datasets.ml-1m.media.max_missing_descriptions to at least 0.5" in message
    assert not server.requests


@pytest.mark.parametrize(
    ("role", "content", "message"),
    [
        ("posters", "movie,url\n1,a\n", "item_id and image"),
        ("posters", WEB_PAGE, "HTML page"),
        ("descriptions", WEB_PAGE, "HTML page"),
        ("descriptions", b"1::\xff\n", "not UTF-8"),
        ("pages", WEB_PAGE, "HTML page"),
        ("pages", '{"1": "cut', "not JSON"),
    ],
)
def test_sources_that_cannot_be_read(workplace: Workplace, role: str, content: str | bytes, message: str) -> None:
    files: dict[str, str | bytes] = {"posters": poster_file({1: ""}), "descriptions": description_file({1: "A plot."})}
    workplace.publish([1], **files | {role: content})
    error = workplace.fail()
    assert message in error
    assert f"{role}.txt:1" in error


def test_the_own_mirror_of_a_synthetic_data_set_answers(workplace: Workplace) -> None:
    poster = workplace.folder / "data" / DATASET / "mirror" / "demo.mkg4rec.invalid" / "1.jpg"
    poster.parent.mkdir(parents=True)
    poster.write_bytes(IMAGE)
    workplace.publish([1], poster_file({1: "https://demo.mkg4rec.invalid/1.jpg"}), description_file({1: "A plot."}))
    assert "posters: 1 ok" in workplace.succeed()


@pytest.mark.mirror
def test_movielens_1m(workplace: Workplace, mirror: Path) -> None:
    sources = workplace.params["datasets"][DATASET]["sources"]
    posters, descriptions, pages = (
        (mirror / sources[role]["address"].removeprefix("https://")).read_bytes() for role in ("posters", "descriptions", "pages")
    )
    items = sorted(int(row.split(b"::")[0]) for row in descriptions.split(b"\n") if row)
    workplace.environment["MKG4REC_MIRROR"] = str(mirror)
    workplace.publish(items, posters, descriptions, pages)
    output = workplace.succeed()
    assert "0 broken, 0 too large; descriptions: 3,845 ok, 36 missing, 0 broken, 0 too large; pages: 2,941 ok" in output
    assert workplace.table("posters").num_rows > 3200
