"""Reading MovieLens archives: what is accepted, and what the error says about what is not."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources.movielens import parse_movies, parse_ratings, read
from mkg4rec.tables import ATTRIBUTES, INTERACTIONS, ITEMS, PUBLISHED_CONTENTS

Rating = tuple[int, int, int, int]

ids = st.integers(0, 2**63 - 1) | st.integers(0, 30)
ratings = st.tuples(ids, ids, st.integers(1, 5), ids)


def literally(content: bytes) -> list[Rating] | None:
    """The rows of a ratings file in the plainest words, or None where a line is bad."""
    lines = content.decode("latin-1").replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    rows = []
    for line in lines:
        fields = line.split("::")
        if len(fields) != 4 or not all(re.fullmatch("[0-9]+", field) for field in fields):
            return None
        user, item, stars, time = map(int, fields)
        if stars not in (1, 2, 3, 4, 5) or max(user, item, time) >= 2**63:
            return None
        rows.append((user, item, stars, time))
    return rows or None


def parsed(content: bytes) -> list[Rating] | None:
    try:
        table = parse_ratings(content, "ratings.dat")
    except PipelineError:
        return None
    INTERACTIONS.check(table, Path("ratings.dat"))
    return [(row["user_id"], row["item_id"], row["rating"], row["timestamp"]) for row in table.to_pylist()]


@given(st.lists(ratings, min_size=1), st.sampled_from([b"\n", b"\r\n"]), st.booleans())
def test_every_well_formed_file_is_read_exactly(rows: list[Rating], line_end: bytes, ends_with_line_end: bool) -> None:
    content = line_end.join(b"::".join(str(value).encode() for value in row) for row in rows)
    assert parsed(content + line_end * ends_with_line_end) == rows


@given(st.lists(ratings, min_size=1, max_size=4), st.data())
def test_a_damaged_file_is_read_as_the_literal_reference_reads_it(rows: list[Rating], data: st.DataObject) -> None:
    content = b"\n".join(b"::".join(str(value).encode() for value in row) for row in rows) + b"\n"
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 3, len(content))))
    damage = data.draw(st.text(":0159-+.xXeE \n\r\t,\x00é_", max_size=4)).encode("latin-1")
    damaged = content[:start] + damage + content[end:]
    assert parsed(damaged) == literally(damaged)


@given(st.binary(max_size=40))
def test_any_bytes_are_read_or_refused_but_never_crash(content: bytes) -> None:
    assert parsed(content) == literally(content)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"1::2::3", r"3 fields, not 4 \(UserID::MovieID::Rating::Timestamp\), in '1::2::3'"),
        (b"1::2::3::4::5", "5 fields, not 4"),
        (b"", "1 fields, not 4"),
        (b"1::2::::4", "Rating is '', not a whole number"),
        (b"1::two::3::4", "MovieID is 'two', not a whole number"),
        (b"-1::2::3::4", "UserID is '-1', not a whole number"),
        (b"1::2::3::4.5", "Timestamp is '4.5', not a whole number"),
        (b"0x1::2::3::4", "UserID is '0x1', not a whole number"),
        (b" 1::2::3::4", "UserID is ' 1', not a whole number"),
        (b"1::\xe9::3::4", r"MovieID is '\\xe9', not a whole number"),
        (b"1::2::9::4", "Rating is 9, not a whole number from 1 to 5"),
        (b"1::2::6::4", "Rating is 6, not a whole number from 1 to 5"),
        (b"1::2::0::4", "Rating is 0, not a whole number from 1 to 5"),
        (b"9223372036854775808::2::3::4", "UserID is '9223372036854775808', larger than"),
        (b"9" * 5000 + b"::2::3::4", "UserID is '9{80}', larger than"),
    ],
)
def test_a_bad_rating_is_named_with_file_line_and_value(line: bytes, complaint: str) -> None:
    with pytest.raises(PipelineError, match=f"^ml.zip: ratings.dat:2: {complaint}"):
        parse_ratings(b"1::1::5::0\n" + line + b"\n1::3::4::0\n", "ml.zip: ratings.dat")


def test_of_several_bad_lines_the_first_is_named() -> None:
    with pytest.raises(PipelineError, match=r"ratings\.dat:2: Rating is 6"):
        parse_ratings(b"1::1::5::0\n1::2::6::0\n1::3::nonsense::0\n1::4::7::0\n", "ratings.dat")


def test_a_number_may_have_many_leading_zeros() -> None:
    assert parsed(b"1::2::3::" + b"0" * 2_000_000 + b"7\n") == [(1, 2, 3, 7)]


@pytest.mark.parametrize("parse", [parse_ratings, parse_movies])
def test_an_empty_file_is_refused(parse: Callable[[bytes, str], pa.Table]) -> None:
    with pytest.raises(PipelineError, match=r"ratings\.dat: the file is empty"):
        parse(b"", "ratings.dat")


@pytest.mark.parametrize(
    ("line", "item"),
    [
        (b"1::Toy Story (1995)::Animation|Children's", (1, "Toy Story", 1995, ["Animation", "Children's"])),
        (b"2::City, The (of Lights) (1995)::Drama", (2, "City, The (of Lights)", 1995, ["Drama"])),
        (b"3::Without a year::Drama", (3, "Without a year", None, ["Drama"])),
        (b"4::(1995)::Drama", (4, "(1995)", None, ["Drama"])),
        (b"5::M (1931)::", (5, "M", 1931, [])),
        (b"6::Pull My Daisy (1958)::(no genres listed)", (6, "Pull My Daisy", 1958, [])),
        ("7::Misérables, Les (1995)::Drama".encode("latin-1"), (7, "Misérables, Les", 1995, ["Drama"])),
        ("8::Misérables, Les (1995)::Drama".encode(), (8, "Misérables, Les", 1995, ["Drama"])),
    ],
)
def test_a_film_is_read_with_title_year_and_genres(line: bytes, item: tuple[object, ...]) -> None:
    table = parse_movies(line + b"\r\n", "movies.dat")
    ITEMS.check(table, Path("movies.dat"))
    assert [tuple(row.values()) for row in table.to_pylist()] == [item]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (b"2::Title (1999)", r"2 fields, not 3 \(MovieID::Title::Genres\)"),
        (b"2::Title::again::Drama", "4 fields, not 3"),
        (b"x::Title::Drama", "MovieID is 'x', not a whole number"),
        (b"1::Title::Drama", "MovieID 1 already stands in line 1"),
        (b"2:: ::Drama", "Title is empty"),
        (b"2::Ti\x00tle::Drama", r"Title is 'Ti\\x00tle', which has a control character"),
        (b"2::Title::Drama||Comedy", r"Genres is 'Drama\|\|Comedy', which has an empty genre"),
    ],
)
def test_a_bad_film_is_named_with_file_line_and_value(line: bytes, complaint: str) -> None:
    with pytest.raises(PipelineError, match=f"^movies.dat:2: {complaint}"):
        parse_movies(b"1::First (1990)::Drama\n" + line + b"\n", "movies.dat")


def archive_of(folder: Path, **members: bytes) -> Path:
    path = folder / "ml.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"ml-tiny/{name}.dat", content)
    return path


def test_an_archive_gives_ratings_and_films_as_published(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, ratings=b"2::1::5::7\n1::1::4::8\n2::1::3::7\n", movies=b"1::M (1931)::Crime\n")
    published = read(archive)
    assert published.ratings.to_pydict() == {
        "user_id": [2, 1, 2],
        "item_id": [1, 1, 1],
        "rating": [5.0, 4.0, 3.0],
        "timestamp": [7, 8, 7],
    }
    assert published.items.to_pylist() == [{"item_id": 1, "title": "M", "year": 1931, "genres": ["Crime"]}]
    assert published.items.schema.field("year").type == pa.int32()


def test_genres_are_what_the_metadata_says(tmp_path: Path) -> None:
    movies = b"7::Heat (1995)::Crime|Action|Crime\n3::Untold (1990)::\n1::M (1931)::Crime\n"
    published = read(archive_of(tmp_path, ratings=b"2::1::5::7\n", movies=movies))
    ATTRIBUTES.check(published.attributes, tmp_path)
    assert [tuple(row.values()) for row in published.attributes.to_pylist()] == [
        (1, "metadata.genre", "Crime"),
        (7, "metadata.genre", "Action"),
        (7, "metadata.genre", "Crime"),
    ]
    PUBLISHED_CONTENTS.check(published.contents, tmp_path)
    assert len(published.contents) == 0


def test_a_bad_line_is_named_with_archive_and_member(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, ratings=b"1::1::9::0\n", movies=b"1::M (1931)::Crime\n")
    with pytest.raises(PipelineError, match=f"^{re.escape(str(archive))}: ml-tiny/ratings.dat:1: Rating is 9"):
        read(archive)


def test_an_archive_without_films_is_refused(tmp_path: Path) -> None:
    archive = archive_of(tmp_path, ratings=b"1::1::5::0\n")
    with pytest.raises(PipelineError, match=r"expected one movies\.dat in the archive, found 0"):
        read(archive)
