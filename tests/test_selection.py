"""Which interactions and items take part."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.dataset_params import Link
from mkg4rec.errors import PipelineError
from mkg4rec.selection import k_core, select
from mkg4rec.sources import movielens
from mkg4rec.sources.kb4rec import read_links
from mkg4rec.sources.ratings import described_items, latest_ratings
from mkg4rec.tables import CATALOGUE, INTERACTIONS

Pairs = list[tuple[int, int]]

pairs = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), unique=True)


def interactions_of(pairs: Pairs, ratings: list[float] | None = None) -> pa.Table:
    return pa.table(
        {
            "user_id": pa.array([user for user, _ in pairs], pa.int64()),
            "item_id": pa.array([item for _, item in pairs], pa.int64()),
            "rating": pa.array(ratings or [5.0] * len(pairs), pa.float32()),
            "timestamp": pa.array(range(len(pairs)), pa.int64()),
        }
    )


def items_of(*ids: int) -> pa.Table:
    return pa.table(
        {
            "item_id": pa.array(ids, pa.int64()),
            "title": [f"Title {identifier}" for identifier in ids],
            "year": pa.array([None] * len(ids), pa.int32()),
            "genres": pa.array([[]] * len(ids), pa.list_(pa.string())),
        }
    )


def links_of(links: dict[int, str]) -> pa.Table:
    return pa.table({"item_id": pa.array(list(links), pa.int64()), "entity": pa.array(list(links.values()), pa.string())})


def rules(min_rating: float = 3.0, users: int = 1, items: int = 1) -> Link:
    return Link(min_rating=min_rating, min_user_interactions=users, min_item_interactions=items)


def literal_k_core(pairs: Pairs, min_user: int, min_item: int) -> Pairs:
    """Drop one user or item with too few interactions at a time, until there is none."""
    while True:
        users, items = Counter(user for user, _ in pairs), Counter(item for _, item in pairs)
        poor_user = next((user for user in users if users[user] < min_user), None)
        poor_item = next((item for item in items if items[item] < min_item), None)
        if poor_user is not None:
            pairs = [pair for pair in pairs if pair[0] != poor_user]
        elif poor_item is not None:
            pairs = [pair for pair in pairs if pair[1] != poor_item]
        else:
            return pairs


@given(pairs, st.integers(1, 4), st.integers(1, 4))
def test_the_core_is_what_is_left_after_dropping_one_at_a_time(pairs: Pairs, min_user: int, min_item: int) -> None:
    core = k_core(interactions_of(pairs), min_user, min_item)
    assert list(zip(core["user_id"].to_pylist(), core["item_id"].to_pylist(), strict=True)) == literal_k_core(pairs, min_user, min_item)


def test_one_loss_can_bring_down_a_chain() -> None:
    chain = [(user, item) for user in range(50) for item in (user, user + 1)]
    assert k_core(interactions_of(chain), 2, 2).num_rows == 0
    assert k_core(interactions_of([*chain, (50, 50), (50, 0)]), 2, 2).num_rows == 102


def test_positive_interactions_of_linked_items_are_kept() -> None:
    interactions = interactions_of([(2, 10), (2, 11), (1, 12), (1, 10), (1, 13)], [5.0, 3.0, 2.0, 4.0, 5.0])
    selection = select(interactions, items_of(10, 11, 12, 13, 14), links_of({14: "m.e", 12: "m.c", 11: "m.b", 10: "m.a"}), rules())
    INTERACTIONS.check(selection.positives, Path("positives"))
    CATALOGUE.check(selection.catalogue, Path("catalogue"))
    assert selection.positives.to_pydict() == {
        "user_id": [1, 2, 2],
        "item_id": [10, 10, 11],
        "rating": [4.0, 5.0, 3.0],
        "timestamp": [3, 0, 1],
    }
    assert selection.catalogue["item_id"].to_pylist() == [10, 11]
    assert selection.catalogue["entity"].to_pylist() == ["m.a", "m.b"]
    assert selection.catalogue["title"].to_pylist() == ["Title 10", "Title 11"]
    assert (selection.unlinked_items, selection.unlinked_interactions) == (1, 1)


def test_dislikes_are_low_ratings_among_the_users_and_items_that_take_part() -> None:
    pairs = [(3, 10), (2, 10), (2, 11), (1, 11), (1, 10), (1, 12), (9, 10)]
    interactions = interactions_of(pairs, [2.0, 5.0, 1.0, 2.5, 4.0, 1.0, 1.0])
    selection = select(interactions, items_of(10, 11, 12), links_of({10: "m.a", 11: "m.b", 12: "m.c"}), rules())
    assert selection.dislikes.num_rows == 0, "items 11 and 12 have no positive interaction, users 3 and 9 neither"
    more = interactions_of([*pairs, (3, 11)], [2.0, 5.0, 1.0, 2.5, 4.0, 1.0, 1.0, 3.0])
    selection = select(more, items_of(10, 11, 12), links_of({10: "m.a", 11: "m.b", 12: "m.c"}), rules())
    INTERACTIONS.check(selection.dislikes, Path("dislikes"))
    assert selection.dislikes.select(["user_id", "item_id", "rating"]).to_pydict() == {
        "user_id": [1, 2, 3],
        "item_id": [11, 11, 10],
        "rating": [2.5, 1.0, 2.0],
    }


def test_two_items_of_one_entity_both_take_part() -> None:
    selection = select(interactions_of([(1, 10), (1, 11)]), items_of(10, 11), links_of({10: "m.a", 11: "m.a"}), rules())
    assert selection.catalogue["entity"].to_pylist() == ["m.a", "m.a"]


def test_identifiers_that_are_strings_stay_strings() -> None:
    as_text = {"user_id": pa.string(), "item_id": pa.string()}
    tables = [interactions_of([(1, 10), (2, 9)]), items_of(9, 10), links_of({9: "m.a", 10: "m.b"})]
    interactions, items, links = (
        pa.table({name: table[name].cast(as_text.get(name, table[name].type)) for name in table.column_names}) for table in tables
    )
    selection = select(interactions, items, links, rules())
    assert selection.catalogue.to_pydict()["item_id"] == ["10", "9"]
    assert selection.catalogue.to_pydict()["entity"] == ["m.b", "m.a"]


def test_nothing_left_is_an_error_that_counts_what_each_rule_left() -> None:
    interactions = interactions_of([(1, 10), (1, 11), (2, 10)], [5.0, 4.0, 1.0])
    with pytest.raises(PipelineError, match="of 3 there are 2 with a rating of at least 3, 1 of these on linked items, and none within"):
        select(interactions, items_of(10, 11), links_of({10: "m.a"}), rules(users=2))


@pytest.mark.mirror
def test_movielens_has_the_size_counted_for_the_protocol(mirror: Path) -> None:
    published = movielens.read(mirror / "files.grouplens.org/datasets/movielens/ml-1m.zip")
    links = read_links(mirror / "raw.githubusercontent.com/RUCDM/KB4Rec/master/Linkage/ml2fb.txt", pa.int64())
    interactions = latest_ratings(published.ratings)
    selection = select(interactions, described_items(published.items, interactions), links.table, rules())
    assert selection.positives.num_rows == 834_103
    assert selection.catalogue.num_rows == 3_476
    assert len(selection.positives["user_id"].unique()) == 6_039
