"""A few users, what they took, and what the models recommend to them."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from mkg4rec.media.images import FORMATS, as_shown
from mkg4rec.report.summary import HEADLINE

HISTORY_LENGTH = 12
LIST_LENGTH = 10
POSTER_SIZE = (96, 144)
POSTER_QUALITY = 70

Identifier = int | str
Row = dict[str, Any]


@dataclass(frozen=True)
class Recommendation:
    """A listed item.

    Attributes:
        title: with the year, where it is known.
        poster: a `data:` address, "" where there is no picture.
        hit: whether it is one of the user's test items.
    """

    title: str
    poster: str
    hit: bool


@dataclass(frozen=True)
class RecommendationList:
    """The beginning of a model's list for a user."""

    model: str
    recommendations: list[Recommendation]

    @property
    def num_hits(self) -> int:
        return sum(recommendation.hit for recommendation in self.recommendations)


@dataclass(frozen=True)
class Example:
    """A user.

    Attributes:
        user: the published identifier.
        history: titles that the user took in train and validation, the latest first.
        num_taken: how many there are in all.
        num_held_out: test items, which the lists should contain.
        lists: a list per model.
    """

    user: Identifier
    history: list[str]
    num_taken: int
    num_held_out: int
    lists: list[RecommendationList]


def choose_users(per_user: pa.Table, count: int) -> pa.Table:
    """Up to `count` rows of `per_user` from all over the range of NDCG@20, the best first.

    The users are put in order and into `count` equal parts; the middle one of each is taken.
    """
    ordered = per_user.sort_by([(HEADLINE, "descending"), ("user_id", "ascending")])
    count = min(count, len(ordered))
    middles = [(2 * part + 1) * len(ordered) // (2 * count) for part in range(count)]
    return ordered.take(pa.array(middles, pa.int64()))


def build_examples(
    users: pa.Table, taken: pa.Table, top_lists: Mapping[str, pa.Table], catalogue: pa.Table, posters: pa.Table
) -> list[Example]:
    """An example per row of `users`, with the lists of each model of `top_lists`.

    Args:
        users: rows as `tables.PER_USER`.
        taken: train and validation interactions, as `tables.INTERACTIONS`.
        top_lists: by model, as `tables.TOP_LISTS`.
        catalogue: as `tables.CATALOGUE`.
        posters: as `tables.POSTERS`.
    """
    histories = _by_user(taken.sort_by([("timestamp", "descending"), ("item_id", "ascending")]), users)
    lists = {
        model: _by_user(rows.filter(pc.less_equal(rows["rank"], LIST_LENGTH)).sort_by("rank"), users) for model, rows in top_lists.items()
    }
    listed = {row["item_id"] for by_user in lists.values() for rows in by_user.values() for row in rows}
    titles = {row["item_id"]: full_title(row) for row in catalogue.select(["item_id", "title", "year"]).to_pylist()}
    wanted = posters.filter(pc.is_in(posters["item_id"], pa.array(sorted(listed), posters["item_id"].type)))
    pictures = {row["item_id"]: thumbnail(row["image"]) for row in wanted.select(["item_id", "image"]).to_pylist()}

    def recommendation(row: Row) -> Recommendation:
        item = row["item_id"]
        return Recommendation(titles[item], pictures.get(item, ""), row["hit"])

    return [
        Example(
            user["user_id"],
            [titles[row["item_id"]] for row in histories[user["user_id"]][:HISTORY_LENGTH]],
            len(histories[user["user_id"]]),
            user["relevant"],
            [RecommendationList(model, list(map(recommendation, by_user[user["user_id"]]))) for model, by_user in lists.items()],
        )
        for user in users.to_pylist()
    ]


def thumbnail(image: bytes) -> str:
    """A poster as the `data:` address of a small JPEG."""
    with Image.open(BytesIO(image), formats=FORMATS) as picture:
        small = as_shown(picture)
    small.thumbnail(POSTER_SIZE)
    jpeg = BytesIO()
    small.save(jpeg, "JPEG", quality=POSTER_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(jpeg.getvalue()).decode()}"


def _by_user(rows: pa.Table, users: pa.Table) -> dict[Identifier, list[Row]]:
    """The rows of each of `users`, in their order."""
    grouped: dict[Identifier, list[Row]] = {user: [] for user in users["user_id"].to_pylist()}
    for row in rows.filter(pc.is_in(rows["user_id"], users["user_id"].combine_chunks())).to_pylist():
        grouped[row["user_id"]].append(row)
    return grouped


def full_title(row: Row) -> str:
    """The title of a row of the catalogue, with the year where it is known."""
    return f"{row['title']} ({row['year']})" if row["year"] else str(row["title"])
