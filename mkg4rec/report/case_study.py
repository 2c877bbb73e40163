"""The case study: how a model's attention to what it recommends is divided among the modalities of the items."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mkg4rec.report.examples import Identifier, Row, full_title
from mkg4rec.report.grid import Cell, Grid, as_markdown
from mkg4rec.tables import ATTENTION, Modality

SHOWN_NAMES = {Modality.VISUAL.value: "image"}
"""Modalities that readers know under another name."""


@dataclass(frozen=True)
class AttendedItem:
    """A recommended item.

    Attributes:
        rank: from 1.
        title: with the year, where it is known.
        hit: whether it is one of the user's test items.
        shares: by modality, its part of the attention that the model gives the item for this user.
        poster: the picture as published; None where there is none.
    """

    rank: int
    title: str
    hit: bool
    shares: dict[str, float]
    poster: bytes | None


@dataclass(frozen=True)
class Case:
    """A user, by the published identifier, and the best items of the user's list."""

    user: Identifier
    items: list[AttendedItem]


def of_users(rows: pa.Table, users: Sequence[Identifier]) -> pa.Table:
    """The rows of each of `users`, in their order."""
    own = (rows.filter(pc.equal(rows["user_id"], pa.scalar(user, rows["user_id"].type))) for user in users)
    return pa.concat_tables([rows.slice(0, 0), *own])


def attention_table(lists: pa.Table, modalities: Sequence[str], shares: NDArray[np.float32], catalogue: pa.Table) -> pa.Table:
    """A row per listed item and modality, as `tables.ATTENTION`.

    Args:
        lists: as `tables.TOP_LISTS`.
        modalities: names of the columns of `shares`.
        shares: (rows of `lists`, M).
        catalogue: as `tables.CATALOGUE`.
    """
    titles = {row["item_id"]: full_title(row) for row in catalogue.select(["item_id", "title", "year"]).to_pylist()}
    repeated = lists.take(pa.array(np.repeat(np.arange(len(lists)), len(modalities)), pa.int64()))
    columns = {name: repeated[name] for name in lists.column_names}
    columns["title"] = pa.array([titles[item] for item in repeated["item_id"].to_pylist()], pa.string())
    columns["modality"] = pa.array([*modalities] * len(lists), pa.string())
    columns["attention"] = pa.array(shares.ravel(), pa.float32())
    return pa.table({column.name: columns[column.name] for column in ATTENTION.columns})


def pick_users(attention: pa.Table, complete: pa.Array, train_counts: pa.Table, count: int) -> list[Identifier]:
    """Up to `count` users whose lists tell the most, the best first.

    A user comes before another with a hit in the list, else with more items of which all contents are there, else
    with at least as many train interactions as half of the users, else with the larger spread: the standard deviation
    of a modality's shares over the items of the list, on average over the modalities. Equals come by identifier.

    Args:
        attention: of all users, as `tables.ATTENTION`.
        complete: items with a poster and with a content in every modality.
        train_counts: `user_id` and how many train `interactions` the user has.
    """
    rows = attention.append_column("complete", pc.is_in(attention["item_id"], complete).cast(pa.int64()))
    # In one thread, so that sums of floats come out the same every time.
    sides = rows.group_by(["user_id", "modality"], use_threads=False).aggregate(
        [("hit", "any"), ("complete", "sum"), ("attention", "stddev")]
    )
    measures = {"hit_any": "any", "complete_sum": "max", "attention_stddev": "mean"}
    users = sides.group_by("user_id", use_threads=False).aggregate(list(measures.items()))
    interactions = train_counts["interactions"].take(pc.index_in(users["user_id"], train_counts["user_id"].combine_chunks()))
    users = users.append_column("known", pc.greater_equal(interactions, np.median(train_counts["interactions"])))
    preferred = ("hit_any_any", "complete_sum_max", "known", "attention_stddev_mean")
    ordered = users.sort_by([*((name, "descending") for name in preferred), ("user_id", "ascending")])
    picked: list[Identifier] = ordered["user_id"][:count].to_pylist()
    return picked


def build_cases(attention: pa.Table, posters: pa.Table) -> list[Case]:
    """The cases of a table as `tables.ATTENTION`, in its order, with their pictures of a table as `tables.POSTERS`."""
    shown = posters.filter(pc.is_in(posters["item_id"], attention["item_id"].combine_chunks()))
    pictures = dict(zip(shown["item_id"].to_pylist(), shown["image"].to_pylist(), strict=True))

    def item(rows: list[Row]) -> AttendedItem:
        shares = {row["modality"]: row["attention"] for row in rows}
        return AttendedItem(rows[0]["rank"], rows[0]["title"], rows[0]["hit"], shares, pictures.get(rows[0]["item_id"]))

    by_user = groupby(attention.to_pylist(), itemgetter("user_id"))
    return [Case(user, [item(list(rows)) for _, rows in groupby(of_user, itemgetter("rank"))]) for user, of_user in by_user]


def render_cases(model: str, cases: Sequence[Case], nothing: str) -> str:
    """The numbers in Markdown, a table per user; `nothing` says why where there is no case."""
    tables = [f"## User {case.user}\n\n{as_markdown(_grid(case))}" for case in cases]
    return f"# {model}: attention to the items recommended\n\n" + ("\n".join(tables) or f"{nothing}\n")


def _grid(case: Case) -> Grid:
    header = ("item", "rank", *(shown_name(modality) for modality in case.items[0].shares), "hit")
    rows = [
        (Cell(item.title), Cell(str(item.rank)), *(Cell(f"{share:.3f}") for share in item.shares.values()), Cell("✓" if item.hit else ""))
        for item in case.items
    ]
    return Grid(header, rows)


def shown_name(modality: str) -> str:
    """What readers call a modality."""
    return SHOWN_NAMES.get(modality, modality)
