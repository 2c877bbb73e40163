from base64 import b64decode
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mkg4rec.report.examples import HISTORY_LENGTH, LIST_LENGTH, build_examples, choose_users, thumbnail
from tests.report.synthetic import per_user_table, poster


def test_users_come_from_the_whole_range_best_first() -> None:
    per_user = per_user_table(np.random.default_rng(0).permutation(100) / 100)

    users = choose_users(per_user, 4)

    assert users["ndcg@20"].to_pylist() == [0.87, 0.62, 0.37, 0.12]


@pytest.mark.parametrize(("num_users", "count", "chosen"), [(3, 6, 3), (5, 0, 0), (0, 2, 0), (7, 7, 7)])
def test_nobody_is_chosen_twice(num_users: int, count: int, chosen: int) -> None:
    users = choose_users(per_user_table(np.linspace(0, 1, num_users)), count)["user_id"].to_pylist()

    assert len(users) == len(set(users)) == chosen


def test_an_example_has_history_lists_hits_and_posters() -> None:
    items = [f"{number:04}" for number in range(30)]
    catalogue = pa.table(
        {
            "item_id": items,
            "entity": [f"m.{item}" for item in items],
            "title": [f"Title {item}" for item in items],
            "year": pa.array([None, *range(1991, 2020)], pa.int32()),
            "genres": [["Drama"]] * 30,
        }
    )
    taken = pa.table(
        {"user_id": ["a"] * 15 + ["b"], "item_id": [*items[:15], items[3]], "rating": [5.0] * 16, "timestamp": [*range(15), 99]}
    )
    top_list = pa.table(
        {
            "user_id": ["b"] * 2 + ["a"] * 12,
            "rank": pa.array([2, 1, *range(1, 13)], pa.int32()),
            "item_id": [items[5], items[4], *items[15:27]],
            "score": pa.array(np.linspace(1, 0, 14), pa.float32()),
            "hit": [False, True] + [True, False] * 6,
        }
    )
    image = poster("red")
    posters = pa.table({"item_id": [items[16]], "image": [image], "sha256": [""], "width": [300], "height": [450]})
    users = per_user_table(np.array([0.9, 0.1]), pa.array(["a", "b"]))

    first, second = build_examples(users, taken, {"ease": top_list}, catalogue, posters)

    assert (first.user, first.num_taken, first.num_held_out) == ("a", 15, 3)
    assert first.history == [f"Title {item} ({1990 + int(item)})" for item in reversed(items[15 - HISTORY_LENGTH : 15])]
    (shown,) = first.lists
    assert (shown.model, shown.num_hits) == ("ease", LIST_LENGTH // 2)
    assert [recommendation.title for recommendation in shown.recommendations] == [
        f"Title {item} ({1990 + int(item)})" for item in items[15:25]
    ]
    assert [recommendation.hit for recommendation in shown.recommendations] == [True, False] * 5
    assert [bool(recommendation.poster) for recommendation in shown.recommendations] == [False, True] + [False] * 8
    assert shown.recommendations[1].poster == thumbnail(image)
    assert [recommendation.title for recommendation in second.lists[0].recommendations] == ["Title 0004 (1994)", "Title 0005 (1995)"]
    assert second.history == ["Title 0003 (1993)"]


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "GIF", "WEBP"])
def test_a_thumbnail_is_a_small_jpeg(image_format: str) -> None:
    kind, _, content = thumbnail(poster("#3060c0", image_format)).partition(",")

    assert kind == "data:image/jpeg;base64"
    with Image.open(BytesIO(b64decode(content))) as picture:
        assert (picture.format, picture.size) == ("JPEG", (96, 144))
        assert picture.getpixel((50, 70)) == pytest.approx((0x30, 0x60, 0xC0), abs=8)


def test_a_thumbnail_of_sixteen_bits_a_pixel_is_not_white() -> None:
    png = BytesIO()
    Image.fromarray(np.full((30, 20), 32768, np.uint16)).save(png, "PNG")
    _, _, content = thumbnail(png.getvalue()).partition(",")

    with Image.open(BytesIO(b64decode(content))) as picture:
        assert picture.getpixel((5, 5)) == pytest.approx((128, 128, 128), abs=3)
