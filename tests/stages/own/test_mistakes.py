"""What is said of files and descriptions that are wrong."""

import shutil

import pytest

from tests.stages.own.workplace import LAYOUT, Workplace

INTERACTIONS = "own/reading-club/interactions.csv"


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,001,500,0\n",
         f"{INTERACTIONS}:2: column stars is '500': not a rating from 1 to 5, the scale of this data set."),
        ("interactions.csv", "reader,book,stars,finished\n", 'reader,book,stars,finished\n"r\n01",001,5,0\n\nr2,001,nan,0\n',
         f"{INTERACTIONS}:5: column stars is 'nan': not a number."),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,,5,0\n",
         f"{INTERACTIONS}:2: column book is '': an identifier is missing."),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,  ,5,0\n",
         f"{INTERACTIONS}:2: column book is '  ': an identifier is missing."),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr\0,001,5,0\n",
         f"{INTERACTIONS}:2: column reader is 'r\\x00': an identifier has a character that no text has (NUL)."),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,001,5,1e15\n",
         f"{INTERACTIONS}:2: column finished is '1e15': not a time in seconds since 1970"),
        ("interactions.csv", "reader,book,stars,finished\n", "reader,book,stars,finished\nr01,001,5\n",
         f"{INTERACTIONS}:2: 3 fields, where the first line has 4, in 'r01,001,5'."),
        ("interactions.csv", "reader,book", "user,book",
         f"{INTERACTIONS}:1: there is no column 'reader', in which params.yaml looks for the user; the file has the columns user, book,"),
        ("interactions.csv", "reader,book", "book,book", f"{INTERACTIONS}:1: there is no column 'reader'"),
        ("items.csv", "book,title,blurb", "book,title,title", "own/reading-club/items.csv:1: the column 'title' stands there twice"),
        ("items.csv", "002,", "001,", "own/reading-club/items.csv:3: column book is '001': the item has a row already"),
        ("names.csv", "entity,name", "entity;name", "own/reading-club/names.csv:1: there is no column 'entity'"),
        ("triples.tsv", "001\twritten_by\ta1", "001\t\ta1", "own/reading-club/triples.tsv:2: column relation is '': an identifier"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_line(workplace: Workplace, name: str, old: str, new: str, complaint: str) -> None:
    workplace.rewrite(name, lambda text: text.replace(old, new, 1))
    told = workplace.complaint()
    assert told.startswith(complaint)
    assert "orrect" in told
    assert "\n" not in told


def test_latin_1_is_told_by_line(workplace: Workplace) -> None:
    path = workplace.own / "items.csv"
    path.write_bytes(path.read_bytes().replace(b"The Tide", "The Tide à la carte".encode("latin-1")))
    assert workplace.complaint().startswith("own/reading-club/items.csv:3: not UTF-8 text (byte 0xe0). Save the file as UTF-8")


def test_the_wrong_separator_is_suspected(workplace: Workplace) -> None:
    workplace.sources["items"]["separator"] = ";"
    assert "Is the separator right?" in workplace.complaint()


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_told(workplace: Workplace, content: bytes) -> None:
    (workplace.own / "items.csv").write_bytes(content)
    assert workplace.complaint().startswith("own/reading-club/items.csv: the file ")


def test_a_header_alone_is_told(workplace: Workplace) -> None:
    workplace.rewrite("interactions.csv", lambda text: text.partition("\n")[0] + "\n")
    assert workplace.complaint().startswith(f"{INTERACTIONS}: there is no interaction below the header.")


def test_a_damaged_parquet_file_is_told(workplace: Workplace) -> None:
    (workplace.own / "interactions.parquet").write_bytes(b"PAR1 and no more")
    workplace.sources["interactions"] |= {"file": "interactions.parquet", "separator": None}
    assert workplace.complaint().startswith("own/reading-club/interactions.parquet: not a readable Parquet file")


def test_a_folder_in_the_place_of_a_file_is_told(workplace: Workplace) -> None:
    (workplace.own / "interactions.parquet").mkdir()
    workplace.sources["interactions"] |= {"file": "interactions.parquet", "separator": None}
    assert workplace.complaint().startswith("own/reading-club/interactions.parquet: a folder, where a single file is read.")


@pytest.mark.parametrize("gone", ["items.csv", "images", ""])
def test_what_is_not_there_is_told(workplace: Workplace, gone: str) -> None:
    path = workplace.own / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert workplace.complaint().startswith(f"{(LAYOUT.own / gone).as_posix()}: there is no such f")


def test_triples_of_other_items_are_told(workplace: Workplace) -> None:
    workplace.rewrite("triples.tsv", lambda text: text.replace("0", "x"))
    assert "none of the 96 triples is of one of the 30 items." in workplace.complaint()


@pytest.mark.parametrize(
    ("group", "key", "value", "complaint"),
    [
        ("interactions", "file", "../interactions.csv", "sources.interactions.file: a path within the folder of the data set is needed"),
        ("interactions", "file", "/etc/passwd", "sources.interactions.file: a path within the folder of the data set is needed"),
        ("interactions", "separator", None, "sources.interactions: separator is null for Parquet, and one character for everything else"),
        ("interactions", "user", 1, "sources.interactions: columns are all names of a header or all positions"),
        ("interactions", "user", 0, "sources.interactions.user: a column is a name in the header, or in a file"),
        ("interactions", "users", "user", "sources.interactions.users: unknown key; correct its spelling or remove it"),
        ("interactions", "scale", [5, 1], "sources.interactions: scale is [least, greatest] of a column of ratings"),
        ("interactions", "separator", "¦", "sources.interactions: separator is an ASCII character that is no quote and no line end"),
        (None, "images", "../images", "sources.images: a path within the folder of the data set is needed"),
        (None, "triples", None, "sources: names and links belong to a graph; without triples or dump both are null"),
        (None, "dump", {"address": "https://a.invalid/b", "checksum": None, "max_bytes": 1}, "sources: the graph comes from"),
        (None, "format", "csv", "sources.format: Input should be 'movielens'"),
    ],
)  # fmt: skip
def test_a_wrong_description_is_named_in_params_yaml(
    workplace: Workplace, group: str | None, key: str, value: object, complaint: str
) -> None:
    (workplace.sources[group] if group else workplace.sources)[key] = value
    told = workplace.complaint()
    assert any(line.split(": ", 1)[1].startswith(f"datasets.reading-club.{complaint}") for line in told.splitlines()), told
    assert all(line.startswith("params.yaml:") for line in told.splitlines())


def test_ratings_of_one_need_a_threshold_of_one(workplace: Workplace) -> None:
    workplace.sources["interactions"] |= {"rating": None, "scale": None}
    assert (
        "datasets.reading-club: without a column of ratings each is 1, and link.min_rating 3 leaves none; set it to 1"
        in workplace.complaint()
    )
