import statistics
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.report.case_study import AttendedItem, Case, attention_table, build_cases, of_users, pick_users, render_cases
from mkg4rec.tables import ATTENTION, TOP_LISTS

CATALOGUE = pa.table(
    {
        "item_id": [f"{number:03}" for number in range(20)],
        "entity": [f"m.{number}" for number in range(20)],
        "title": [f"Title {number}" for number in range(20)],
        "year": pa.array([None, *range(1991, 2010)], pa.int32()),
        "genres": [["Drama"]] * 20,
    }
)


def top_lists(lists: dict[int, list[int]], hits: dict[int, set[int]] | None = None) -> pa.Table:
    """Lists of item numbers by user; `hits` are item numbers, too."""
    rows = [(user, rank, item) for user, items in lists.items() for rank, item in enumerate(items, 1)]
    table = pa.table(
        {
            "user_id": [user for user, _, _ in rows],
            "rank": pa.array([rank for _, rank, _ in rows], pa.int32()),
            "item_id": [f"{item:03}" for _, _, item in rows],
            "score": pa.array([1 / rank for _, rank, _ in rows], pa.float32()),
            "hit": pa.array([item in (hits or {}).get(user, set()) for user, _, item in rows], pa.bool_()),
        }
    )
    TOP_LISTS.check(table, Path())
    return table


@pytest.mark.parametrize("modalities", [[], ["text"], ["visual", "text"], ["visual", "text", "pages"]])
def test_every_listed_item_has_a_row_per_modality(modalities: list[str]) -> None:
    lists = top_lists({7: [3, 0], 5: [4]}, {7: {0}})
    shares = np.random.default_rng(0).random((3, len(modalities)), np.float32)

    attention = attention_table(lists, modalities, shares, CATALOGUE)

    ATTENTION.check(attention, Path())
    titles = ["Title 3 (1993)", "Title 0", "Title 4 (1994)"]
    expected = [
        {**row, "title": titles[number], "modality": modality, "attention": shares[number, side]}
        for number, row in enumerate(lists.to_pylist())
        for side, modality in enumerate(modalities)
    ]
    assert attention.to_pylist() == expected


@pytest.mark.parametrize("seed", range(5))
def test_users_are_picked_by_hits_then_contents_then_history_then_spread(seed: int) -> None:
    generator = np.random.default_rng(seed)
    lists = {user: generator.choice(20, 5, replace=False).tolist() for user in range(100, 140)}
    hits = {user: {items[0]} for user, items in lists.items() if generator.random() < 0.3}
    attended = top_lists(lists, hits)
    visual = generator.random((len(attended), 1), np.float32)
    attention = attention_table(attended, ["visual", "text"], np.hstack([visual, 1 - visual]), CATALOGUE)
    complete = {int(item) for item in generator.choice(20, 14, replace=False)}
    interactions = {user: int(count) for user, count in zip(lists, generator.integers(1, 9, 40), strict=True)}
    half = statistics.median(interactions.values())

    def place(user: int) -> tuple[bool, int, bool, float, int]:
        shares = [row["attention"] for row in attention.to_pylist() if row["user_id"] == user and row["modality"] == "text"]
        return (
            user not in hits,
            -sum(item in complete for item in lists[user]),
            interactions[user] < half,
            -statistics.pstdev(shares),
            user,
        )

    counts = pa.table({"user_id": list(interactions), "interactions": list(interactions.values())})
    picked = pick_users(attention, pa.array([f"{item:03}" for item in complete]), counts, 7)

    assert picked == sorted(lists, key=place)[:7]


def test_equals_come_by_identifier_and_nobody_twice() -> None:
    attention = attention_table(top_lists({9: [1, 2], 3: [4, 5]}), ["text"], np.ones((4, 1), np.float32), CATALOGUE)
    counts = pa.table({"user_id": [3, 9], "interactions": [1, 1]})

    assert pick_users(attention, pa.array([], pa.string()), counts, 5) == [3, 9]


def test_rows_of_users_come_in_the_order_of_the_users() -> None:
    lists = top_lists({1: [1, 2], 2: [3], 3: [4]})

    assert of_users(lists, [3, 1])["user_id"].to_pylist() == [3, 1, 1]
    assert of_users(lists, []).schema == lists.schema


def test_cases_have_shares_hits_and_posters() -> None:
    shares = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]], np.float32)
    attention = attention_table(top_lists({7: [3, 1], 5: [3]}, {7: {1}}), ["visual", "text"], shares, CATALOGUE)
    posters = pa.table({"item_id": ["003", "009"], "image": [b"three", b"nine"]})

    assert build_cases(attention, posters) == [
        Case(
            7,
            [
                AttendedItem(1, "Title 3 (1993)", False, {"visual": 0.25, "text": 0.75}, b"three"),
                AttendedItem(2, "Title 1 (1991)", True, {"visual": 0.5, "text": 0.5}, None),
            ],
        ),
        Case(5, [AttendedItem(1, "Title 3 (1993)", False, {"visual": 1.0, "text": 0.0}, b"three")]),
    ]


def test_markdown_has_the_numbers_or_why_there_are_none() -> None:
    case = Case(
        "A1",
        [
            AttendedItem(1, "Heat (1995)", True, {"visual": 0.25, "text": 0.75}, None),
            AttendedItem(2, "A|B", False, {"visual": 0, "text": 1}, None),
        ],
    )

    text = render_cases("multi_kg4rec", [case], "")

    assert "## User A1" in text
    assert "| item | rank | image | text | hit |" in text
    assert "| Heat (1995) | 1 | 0.250 | 0.750 | ✓ |" in text
    assert r"| A\|B | 2 |" in text
    assert render_cases("ease", [], "ease has none.").endswith("\nease has none.\n")
