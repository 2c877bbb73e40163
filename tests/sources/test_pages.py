import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.errors import PipelineError
from mkg4rec.sources import pages
from mkg4rec.sources.pages import Pages, pages_of, read_pages


def read(folder: Path, content: str | bytes, identifier: pa.DataType | None = None) -> Pages:
    path = folder / "pages.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_pages(path, identifier or pa.int64())


def test_pages_by_item(tmp_path: Path) -> None:
    content = {"2": "Jumanji\nis a film.[1]", "1": "<p>Toy Story</p><script>x</script>", " 10 ": "Amélie"}
    assert read(tmp_path, json.dumps(content)).pages == {2: "Jumanji is a film.", 1: "Toy Story", 10: "Amélie"}


def test_items_are_typed_as_in_the_catalogue(tmp_path: Path) -> None:
    assert list(read(tmp_path, '{"0007": "A page."}', pa.string()).pages) == ["0007"]
    assert list(read(tmp_path, '{"0007": "A page."}', pa.int64()).pages) == [7]


@pytest.mark.parametrize(
    "nothing", ['""', "null", '"N/A"', '"<p> </p>"', '"Abstract not found."', r'''"Movie: Heat (1995), Genres: ['Action', 'Crime']"''']
)
def test_what_stands_for_no_page(tmp_path: Path, nothing: str) -> None:
    assert read(tmp_path, f'{{"1": "A page.", "2": {nothing}}}').pages == {1: "A page.", 2: ""}


def test_single_defects_stop_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "LARGEST_PAGE", 20)
    content = """{"1": "First.", "1": "Second.", "01": "Third.", "x": "Whose?", "": "Whose?", "2": 3, "3": ["a"], "4": {"5": "Within."},
        "6": true, "7": "A page of more characters than are allowed.", "8": 1.5, "8": "After all.", "9": "\\ud800"}"""
    assert read(tmp_path, content) == Pages(
        {1: "First.", 8: "After all.", 9: ""},
        {2: "a number", 3: "a list", 4: "an object", 6: "true or false"},
        {7: 43},
        unreadable=2,
        repeated=3,
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"pages\.json:1: not JSON"),
        ('{"1": "A page.",\n"2": "cut', r"pages\.json:2: not JSON \(Unterminated string"),
        ('["A page."]', "this is a list"),
        ('"A page."', "this is a text"),
        ("null", "this is null"),
        ("{}", "none of its 0 keys"),
        ('{"title": "A page."}', "none of its 1 keys is an item id with a text; it begins with 'title'"),
        ('{"1": 2}', "none of its 1 keys"),
        ("[" * 200_000, "too deep"),
        ('{"1": ' * 200_000, "too deep"),
        (f'{{"1": {"9" * 5000}}}', "not JSON that can be read"),
        ("<!doctype html>\n<html></html>", "HTML page"),
        ('{"1": "Amélie"}'.encode("latin-1"), r"pages\.json:1: not UTF-8"),
    ],
)
def test_what_is_no_file_of_pages(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        read(tmp_path, content)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=1)), max_size=12
    )
)
def test_every_item_is_in_one_place(items: list[tuple[int | str, object]]) -> None:
    found = pages_of(items)
    places = [*found.pages, *found.broken, *found.too_large]
    assert sorted(places, key=int) == sorted({item for item, _ in items}, key=int)
    assert found.repeated == len(items) - len(places)


@pytest.mark.mirror
def test_the_published_file(mirror: Path) -> None:
    path = mirror / "raw.githubusercontent.com/asash/ml1m_dbpedia_abstracts/main/dbpedia_abstracts.json"
    published = read_pages(path, pa.int64())
    assert (len(published.pages), published.broken, published.unreadable, published.repeated) == (3301, {}, 0, 0)
    assert sum(not page for page in published.pages.values()) == 359
    assert published.pages[781].startswith("Stealing Beauty (French: Beauté volée; Italian: Io ballo da sola) is a 1996 drama film")
