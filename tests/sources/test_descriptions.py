import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.descriptions import BrokenLine, Description, Descriptions, cleaned, read_descriptions


def line(item: str, plot: str) -> str:
    return f"{item}::Title::1995::G::22 Nov 1995::Drama::Director::Writer::Actor::{plot}::https://host/{item}.jpg\r\n"


def read(folder: Path, content: str | bytes, identifier: pa.DataType | None = None) -> Descriptions:
    path = folder / "films.dat"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_descriptions(path, identifier or pa.int64())


def test_plots_by_item(tmp_path: Path) -> None:
    content = line("2", "Jumanji: a game.") + line("1", "N/A") + line("10", "Amélie \u2028 & co.").replace("\r", "")
    assert read(tmp_path, content).descriptions == {
        2: Description(1, "Jumanji: a game."),
        1: Description(2, ""),
        10: Description(3, "Amélie & co."),
    }


def test_items_are_typed_as_in_the_catalogue(tmp_path: Path) -> None:
    assert list(read(tmp_path, line("0007", "A plot."), pa.string()).descriptions) == ["0007"]
    assert list(read(tmp_path, line("0007", "A plot."), pa.int64()).descriptions) == [7]


def test_single_bad_lines_stop_nothing(tmp_path: Path) -> None:
    too_many = line("3", "One :: two")
    content = line("1", "First.") + line("1", "Second.") + too_many + "4::cut off\r\n" + line("x", "Whose?") + "\r\n" + "4::again\r\n"
    assert read(tmp_path, content) == Descriptions(
        {1: Description(1, "First.")}, {3: BrokenLine(3, 12), 4: BrokenLine(4, 2)}, unreadable=1, repeated=2
    )


@pytest.mark.parametrize("whole_first", [True, False])
def test_a_whole_line_counts_more_than_a_broken_one(tmp_path: Path, whole_first: bool) -> None:
    lines = [line("1", "Whole."), "1::broken\r\n"]
    read_back = read(tmp_path, "".join(lines if whole_first else reversed(lines)))
    assert [description.text for description in read_back.descriptions.values()] == ["Whole."]
    assert not read_back.broken


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "none of its"),
        ("item_id,plot\n1,A plot\n", "none of its .* begins with 'item_id,plot'"),
        ("<!doctype html>\n<html></html>", "HTML page"),
        ((line("1", "A plot.") + line("2", "Amélie")).encode("latin-1"), r"films\.dat:2: not UTF-8"),
        (line("0001713353", "A plot.").replace("0001713353", "B000X"), "none of its"),
    ],
)
def test_what_is_no_file_of_descriptions(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("published", "clean"),
    [
        ("  two \t blanks\u00a0here\u2028now ", "two blanks here now"),
        ("Tom &amp; Jerry&#39;s &quot;war&quot;&nbsp;!", 'Tom & Jerry\'s "war" !'),
        ("bell\x07 and\x00 null\x9d", "bell and null"),
        ("Un été à Köln — 日本 👩‍🚀", "Un été à Köln — 日本 👩‍🚀"),
        ("&lt;b&gt;", "<b>"),
        *[(nothing, "") for nothing in ["", " \t", "N/A", " n/a ", "None", "NULL", "nan", "-", "N&#47;A", "\x00"]],
        ("N/A is what they call her.", "N/A is what they call her."),
    ],
)
def test_cleaning(published: str, clean: str) -> None:
    assert cleaned(published) == clean


@given(st.text())
def test_clean_text_is_one_line_without_control_characters(text: str) -> None:
    clean = cleaned(text)
    assert clean == " ".join(clean.split())
    assert not any(unicodedata.category(character) == "Cc" for character in clean)


@pytest.mark.mirror
def test_the_published_file(mirror: Path) -> None:
    published = read_descriptions(
        mirror / "raw.githubusercontent.com/hoyeoplee/MeLU/master/movielens/ml-1m/movies_extrainfos.dat", pa.int64()
    )
    assert (len(published.descriptions), published.broken, published.unreadable, published.repeated) == (3881, {}, 0, 0)
    assert sum(not description.text for description in published.descriptions.values()) == 36
    assert "Woody" in published.descriptions[1].text
