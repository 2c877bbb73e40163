import pyarrow as pa

from mkg4rec.features.contents import attribute_names, item_posters, item_texts, pairs

CATALOGUE = pa.table(
    {"item_id": [1, 2, 3, 4], "title": ["One", "Two", "Three", "Four"], "genres": [["Drama"], [], ["Crime"], ["Crime", "Drama"]]}
)
POSTERS = pa.table({"item_id": [1, 3, 4], "image": [b"a", b"c", b"d"]})
DESCRIPTIONS = pa.table({"item_id": [1, 2, 3], "text": ["first", "zweitens – ä", "third"]})


def test_an_item_is_in_pairs_only_with_both_halves() -> None:
    found = [(pair.poster.data, pair.text.data) for pair in pairs(item_posters(POSTERS), item_texts(CATALOGUE, DESCRIPTIONS, False))]
    assert found == [(b"a", b"One. first"), (b"c", b"Three. third")]


def test_the_text_of_an_item_is_title_and_description() -> None:
    texts = item_texts(CATALOGUE, DESCRIPTIONS, title_as_text=False)
    assert texts.keys() == {1, 2, 3}
    assert texts[2].data.decode() == "Two. zweitens – ä"


def test_title_and_genres_may_stand_for_a_description_and_an_invented_title_never() -> None:
    untitled = CATALOGUE.set_column(1, "title", pa.array(["item 1", "item 2", "Three", "Four"]))
    none = DESCRIPTIONS.slice(0, 1)
    texts = {item: content.data.decode() for item, content in item_texts(untitled, none, title_as_text=True).items()}
    assert texts == {1: "first", 3: "Three. Crime", 4: "Four. Crime, Drama"}
    assert item_texts(untitled, none, title_as_text=False).keys() == {1}


def test_another_title_is_another_content() -> None:
    renamed = CATALOGUE.set_column(1, "title", pa.array(["Uno", "Two", "Three", "Four"]))
    before, after = item_texts(CATALOGUE, DESCRIPTIONS, False), item_texts(renamed, DESCRIPTIONS, False)
    assert before[1].sha256 != after[1].sha256
    assert before[2].sha256 == after[2].sha256


def test_names_are_those_of_attributes_that_have_one() -> None:
    entities = pa.table(
        {"entity": ["m.1", "m.a", "m.b", "m.c"], "item_id": pa.array([1, None, None, None]), "name": ["One", "Ann", None, ""]}
    )
    assert {entity: content.data for entity, content in attribute_names(entities).items()} == {"m.a": b"Ann"}


def test_labels_say_where_a_content_is_from() -> None:
    assert item_posters(POSTERS)[3].label == "poster of item 3"
