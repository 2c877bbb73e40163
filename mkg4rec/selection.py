"""Which interactions and items take part: positive, linked to the knowledge graph, and frequent enough."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec.dataset_params import Link
from mkg4rec.errors import PipelineError
from mkg4rec.tables import CATALOGUE, INTERACTIONS


@dataclass(frozen=True)
class Selection:
    """What takes part.

    Attributes:
        positives: a table as `tables.INTERACTIONS`, sorted by user_id and item_id.
        catalogue: a table as `tables.CATALOGUE`: the items of `positives` with their entities.
        dislikes: what the users of `positives` rated too low of its items, a table and sorted as `positives`.
        unlinked_items: how many items have a positive interaction but no entity.
        unlinked_interactions: how many positive interactions those items have.
    """

    positives: pa.Table
    catalogue: pa.Table
    dislikes: pa.Table
    unlinked_items: int
    unlinked_interactions: int


def select(interactions: pa.Table, items: pa.Table, links: pa.Table, rules: Link) -> Selection:
    """The positive interactions (rating ≥ min_rating) of linked items, cut to the k-core that `rules` ask for.

    Args:
        interactions: a table as `tables.INTERACTIONS`.
        items: a table as `tables.ITEMS` with every item of `interactions`.
        links: item_id and entity, an item once.
        rules: the least rating, and how many interactions a user and an item need.

    Raises:
        PipelineError: no interaction is left, with the number that each rule left over.
    """
    is_positive = pc.greater_equal(interactions["rating"], rules.min_rating)
    positive, negative = interactions.filter(is_positive), interactions.filter(pc.invert(is_positive))
    is_linked = pc.is_in(positive["item_id"], links["item_id"].combine_chunks())
    linked, unlinked = positive.filter(is_linked), positive.filter(pc.invert(is_linked))
    core = k_core(linked, rules.min_user_interactions, rules.min_item_interactions)
    if not core.num_rows:
        raise PipelineError(
            f"no interaction is left: of {interactions.num_rows} there are {positive.num_rows} with a rating of at least "
            f"{rules.min_rating:g}, {linked.num_rows} of these on linked items, and none within users of at least "
            f"{rules.min_user_interactions} and items of at least {rules.min_item_interactions} interactions. "
            "Lower the thresholds under link: of this data set in params.yaml, or check that its sources belong together."
        )
    of_core = pc.and_(*(pc.is_in(negative[name], value_set=pc.unique(core[name])) for name in ("user_id", "item_id")))
    return Selection(
        positives=_ordered(core),
        catalogue=_catalogue(items, links, core),
        dislikes=_ordered(negative.filter(of_core)),
        unlinked_items=pc.count_distinct(unlinked["item_id"]).as_py(),
        unlinked_interactions=unlinked.num_rows,
    )


def k_core(interactions: pa.Table, min_user_interactions: int, min_item_interactions: int) -> pa.Table:
    """The largest part of `interactions` where every user and every item has enough of them, in the order given.

    A user who goes takes interactions from items, and the other way round, so it repeats until nothing
    changes. The result is unique: it does not depend on who goes first.
    """
    users, items = _codes(interactions["user_id"]), _codes(interactions["item_id"])
    rows = np.arange(len(users))
    while True:
        enough_of_user = np.bincount(users[rows])[users[rows]] >= min_user_interactions
        enough_of_item = np.bincount(items[rows])[items[rows]] >= min_item_interactions
        kept = rows[enough_of_user & enough_of_item]
        if len(kept) == len(rows):
            return interactions.take(pa.array(rows))
        rows = kept


def _ordered(interactions: pa.Table) -> pa.Table:
    ordered = interactions.sort_by([("user_id", "ascending"), ("item_id", "ascending")]).combine_chunks()
    return ordered.select([column.name for column in INTERACTIONS.columns])


def _catalogue(items: pa.Table, links: pa.Table, interactions: pa.Table) -> pa.Table:
    """The rows of `items` that occur in `interactions`, sorted by item_id, with their entities."""
    present = items.filter(pc.is_in(items["item_id"], pc.unique(interactions["item_id"]))).sort_by("item_id").combine_chunks()
    position = pc.index_in(present["item_id"], links["item_id"].combine_chunks())
    catalogue = present.append_column("entity", links["entity"].take(position))
    return catalogue.combine_chunks().select([column.name for column in CATALOGUE.columns])


def _codes(column: pa.ChunkedArray) -> np.ndarray:
    """(rows,) a number from 0 for each value, the same for the same value."""
    codes: np.ndarray = column.combine_chunks().dictionary_encode().indices.to_numpy()
    return codes
