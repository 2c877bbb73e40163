"""The stages prepare, link and split as they are run: real scripts, real files, a working directory of their own."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mkg4rec import tables

ROOT = Path(__file__).resolve().parents[2]
DATASET = "ml-1m"
PREPARED = Path("data") / DATASET / "prepare"
LINKED = Path("data") / DATASET / "link"
SPLIT = Path("data") / DATASET / "split"

USERS, ITEMS, UNLINKED = range(1, 5), range(1, 21), 20
MOVIES = "".join(f"{item}::Film {item} ({1980 + item})::Drama|Comedy\n" for item in ITEMS)
RATINGS = "".join(f"{user}::{item}::{5 if item % 5 else 2}::{100 * user + item}\n" for user in USERS for item in ITEMS)
LINKS = "".join(f"{item}\tm.0{item}\r\n" for item in ITEMS if item != UNLINKED)


class Workplace:
    """A folder that looks to the stages like the root of the repository."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.archive = folder / "data" / DATASET / "raw" / "ratings" / "ml-tiny.zip"
        self.links = folder / "data" / DATASET / "raw" / "links" / "links.txt"
        shutil.copy(ROOT / "params.yaml", folder)
        for path in (self.archive, self.links):
            path.parent.mkdir(parents=True)
        self.publish()
        self.links.write_bytes(LINKS.encode())

    def publish(self, ratings: str = RATINGS, movies: str = MOVIES) -> None:
        with zipfile.ZipFile(self.archive, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("ml-tiny/ratings.dat", ratings.encode("latin-1"))
            archive.writestr("ml-tiny/movies.dat", movies.encode("latin-1"))

    def run(self, stage: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", f"stages.{stage}", DATASET],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def succeed(self, stage: str) -> str:
        """Run a stage that must succeed; its printed line."""
        done = self.run(stage)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def fail(self, stage: str) -> str:
        """Run a stage that must fail with one message on one line; the message."""
        done = self.run(stage)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    def table(self, path: Path) -> pa.Table:
        return pq.read_table(self.folder / path)


@pytest.fixture
def workplace(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


def test_raw_files_become_train_valid_and_test(workplace: Workplace) -> None:
    assert "80 interactions, 20 items; 0 ratings repeated" in workplace.succeed("prepare")
    interactions = tables.INTERACTIONS.read(workplace.folder / PREPARED / "interactions.parquet")
    items = tables.ITEMS.read(workplace.folder / PREPARED / "items.parquet")
    assert interactions.slice(0, 1).to_pylist() == [{"user_id": 1, "item_id": 1, "rating": 5.0, "timestamp": 101}]
    assert items.slice(0, 1).to_pylist() == [{"item_id": 1, "title": "Film 1", "year": 1981, "genres": ["Drama", "Comedy"]}]

    # 16 items have a rating of at least 3; the unlinked one is not among them.
    assert "64 positive interactions of 4 users and 16 items; 0 dislikes, 0 items without a link" in workplace.succeed("link")
    catalogue = tables.CATALOGUE.read(workplace.folder / LINKED / "catalogue.parquet")
    assert catalogue["item_id"].to_pylist() == [item for item in ITEMS if item % 5]
    assert catalogue["entity"].to_pylist() == [f"m.0{item}" for item in ITEMS if item % 5]

    assert "48 train, 8 valid, 8 test" in workplace.succeed("split")
    parts = pa.concat_tables(
        [tables.INTERACTIONS.read(workplace.folder / SPLIT / f"{part}.parquet") for part in ("train", "valid", "test")]
    )
    positives = tables.INTERACTIONS.read(workplace.folder / LINKED / "positives.parquet")
    assert parts.sort_by([("user_id", "ascending"), ("item_id", "ascending")]).equals(positives)


def test_running_again_writes_the_same_bytes(workplace: Workplace) -> None:
    contents = []
    for _ in range(2):
        for stage in ("prepare", "link", "split"):
            workplace.succeed(stage)
        contents.append({path: path.read_bytes() for path in sorted(workplace.folder.rglob("*.parquet"))})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 13


def test_a_repeated_rating_counts_once_and_is_reported(workplace: Workplace) -> None:
    workplace.publish(ratings=RATINGS + "1::1::3::999\n1::1::4::5\n1::2::1::102\n")
    assert "80 interactions, 20 items; 3 ratings repeated" in workplace.succeed("prepare")
    first = workplace.table(PREPARED / "interactions.parquet").slice(0, 2).to_pylist()
    assert [(row["rating"], row["timestamp"]) for row in first] == [(3.0, 999), (1.0, 102)]


def test_a_rated_item_without_a_description_stays_and_is_reported(workplace: Workplace) -> None:
    workplace.publish(ratings=RATINGS + "1::77::5::0\n")
    assert "1 items without a description" in workplace.succeed("prepare")
    assert workplace.table(PREPARED / "items.parquet")["title"].to_pylist()[-1] == "item 77"


def test_dislikes_are_kept_and_a_part_of_them_is_for_training(workplace: Workplace) -> None:
    lines = RATINGS.splitlines(keepends=True)
    # User 1 dislikes ten of the items that the others take.
    low = [line.replace("::5::", "::1::") if line.startswith("1::") and number < 12 else line for number, line in enumerate(lines)]
    workplace.publish(ratings="".join(low))
    workplace.succeed("prepare")
    assert "; 10 dislikes" in workplace.succeed("link")
    assert "8 train dislikes" in workplace.succeed("split")
    dislikes = tables.INTERACTIONS.read(workplace.folder / LINKED / "dislikes.parquet")
    assert (set(dislikes["user_id"].to_pylist()), set(dislikes["rating"].to_pylist())) == ({1}, {1.0, 2.0})
    in_training = tables.INTERACTIONS.read(workplace.folder / SPLIT / "dislikes.parquet")
    assert set(in_training["item_id"].to_pylist()) < set(dislikes["item_id"].to_pylist())


def test_an_item_without_a_link_is_left_out_and_is_reported(workplace: Workplace) -> None:
    workplace.publish(ratings=RATINGS.replace(f"::{UNLINKED}::2::", f"::{UNLINKED}::5::"))
    workplace.succeed("prepare")
    assert "1 items without a link left out with 4 positive interactions" in workplace.succeed("link")
    assert UNLINKED not in workplace.table(LINKED / "catalogue.parquet")["item_id"].to_pylist()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("1::7::5", "ml-tiny.zip: ml-tiny/ratings.dat:81: 3 fields, not 4"),
        ("1::seven::5::0", "ml-tiny.zip: ml-tiny/ratings.dat:81: MovieID is 'seven', not a whole number"),
        ("1::7::9::0", "ml-tiny.zip: ml-tiny/ratings.dat:81: Rating is 9, not a whole number from 1 to 5"),
    ],
)
def test_a_bad_rating_stops_the_stage_and_nothing_is_written(workplace: Workplace, line: str, complaint: str) -> None:
    workplace.publish(ratings=f"{RATINGS}{line}\n")
    assert complaint in workplace.fail("prepare")
    assert not (workplace.folder / PREPARED).exists()


def test_a_bad_film_stops_the_stage_and_nothing_is_written(workplace: Workplace) -> None:
    workplace.publish(movies=MOVIES + "21::No genres field\n")
    assert "ml-tiny.zip: ml-tiny/movies.dat:21: 2 fields, not 3" in workplace.fail("prepare")
    assert not (workplace.folder / PREPARED).exists()


def test_a_truncated_archive_stops_the_stage_and_nothing_is_written(workplace: Workplace) -> None:
    content = workplace.archive.read_bytes()
    workplace.archive.write_bytes(content[: len(content) // 2])
    assert "ml-tiny.zip" in workplace.fail("prepare")
    assert not (workplace.folder / PREPARED).exists()


def test_an_archive_that_reaches_outside_stops_the_stage_and_nothing_is_written(workplace: Workplace) -> None:
    with zipfile.ZipFile(workplace.archive, "a") as archive:
        archive.writestr("../../outside.txt", "gotcha")
    before = set(workplace.folder.parent.rglob("*"))
    message = workplace.fail("prepare")
    assert "ml-tiny.zip" in message
    assert "../../outside.txt" in message
    assert set(workplace.folder.parent.rglob("*")) == before


def test_a_missing_download_is_named_with_the_command_that_makes_it(workplace: Workplace) -> None:
    workplace.archive.unlink()
    assert f"dvc repro download@{DATASET}" in workplace.fail("prepare")


def test_a_bad_link_stops_the_stage_and_nothing_is_written(workplace: Workplace) -> None:
    workplace.succeed("prepare")
    workplace.links.write_bytes((LINKS + "21\tQ42\r\n").encode())
    assert "links.txt:20: 'Q42' is no Freebase MID" in workplace.fail("link")
    assert not (workplace.folder / LINKED).exists()


def test_links_of_another_data_set_stop_the_stage(workplace: Workplace) -> None:
    workplace.succeed("prepare")
    workplace.links.write_bytes(b"1001\tm.0a\n")
    assert "no interaction is left: of 80 there are 64 with a rating of at least 3, 0 of these on linked items" in workplace.fail("link")


def test_too_few_interactions_for_a_test_part_stop_the_stage(workplace: Workplace) -> None:
    workplace.publish(ratings="".join(f"{user}::{item}::5::0\n" for user in USERS for item in (1, 2)))
    workplace.succeed("prepare")
    workplace.succeed("link")
    assert "positives.parquet: no user has enough interactions" in workplace.fail("split")
    assert not (workplace.folder / SPLIT).exists()
