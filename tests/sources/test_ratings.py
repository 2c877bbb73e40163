"""From rows as published to the tables of the pipeline."""

from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.sources.ratings import described_items, latest_ratings
from mkg4rec.tables import INTERACTIONS, ITEMS

WHOLE_NUMBERS, STRINGS = pa.int64(), pa.string()

small = st.integers(0, 3)


def ratings_table(rows: list[tuple[int, int, int, int]], identifier: pa.DataType = WHOLE_NUMBERS) -> pa.Table:
    users, items, stars, times = ([row[column] for row in rows] for column in range(4))
    return pa.table(
        {
            "user_id": pa.array(users, pa.int64()).cast(identifier),
            "item_id": pa.array(items, pa.int64()).cast(identifier),
            "rating": pa.array(stars, pa.float32()),
            "timestamp": pa.array(times, pa.int64()),
        }
    )


@given(st.lists(st.tuples(small, small, st.integers(1, 5), small)), st.sampled_from([WHOLE_NUMBERS, STRINGS]))
def test_the_latest_rating_of_a_pair_is_kept_and_of_the_same_time_the_last(
    rows: list[tuple[int, int, int, int]], identifier: pa.DataType
) -> None:
    kept: dict[tuple[int, int], tuple[int, int]] = {}
    for user, item, rating, time in rows:
        if (user, item) not in kept or time >= kept[user, item][1]:
            kept[user, item] = (rating, time)
    expected = ratings_table([(*pair, *value) for pair, value in sorted(kept.items())], identifier)

    latest = latest_ratings(ratings_table(rows, identifier))
    INTERACTIONS.check(latest, Path("latest"))
    assert latest.equals(expected)


def test_rows_of_one_table_in_several_chunks_are_compared_across_them() -> None:
    chunks = pa.concat_tables([ratings_table([(1, 1, 2, 5)]), ratings_table([(1, 1, 4, 5)])])
    assert latest_ratings(chunks)["rating"].to_pylist() == [4.0]


def items_table(*ids: int) -> pa.Table:
    return pa.table(
        {
            "item_id": pa.array(ids, pa.int64()),
            "title": [f"Title {identifier}" for identifier in ids],
            "year": pa.array([2000] * len(ids), pa.int32()),
            "genres": pa.array([["Drama"]] * len(ids), pa.list_(pa.string())),
        }
    )


def test_a_rated_item_without_a_description_gets_a_placeholder() -> None:
    ratings = ratings_table([(1, 7, 5, 0), (2, 7, 5, 0), (2, 3, 5, 0)])
    items = described_items(items_table(9, 3), ratings)
    ITEMS.check(items, Path("items"))
    assert items.to_pydict() == {
        "item_id": [3, 7, 9],
        "title": ["Title 3", "item 7", "Title 9"],
        "year": [2000, None, 2000],
        "genres": [["Drama"], [], ["Drama"]],
    }


def test_items_that_are_all_described_are_only_sorted() -> None:
    assert described_items(items_table(2, 1), ratings_table([(1, 1, 5, 0)])).equals(items_table(1, 2))
