"""How large a data set and its knowledge graph are, beside what was published of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.figure import Figure

from mkg4rec.report.figures import COLOURS, finish, save
from mkg4rec.report.grid import NOTHING, Cell, Grid

SHOWN_RELATIONS = 12

PUBLISHED = {
    "ml-1m": {"users": 6040, "items": 3589, "interactions": 834268, "entities": 60406, "relations": 51, "triplets": 273547},
    "amazon-books": {"users": 24047, "items": 18932, "interactions": 332834, "entities": 44935, "relations": 23, "triplets": 192388},
}
"""Wang et al., Multi-KG4Rec (2025), Table 2."""


@dataclass(frozen=True)
class Statistics:
    """A data set in numbers.

    Attributes:
        counts: by name, in the order of the paper's table; the graph's relations without inverses.
        item_interactions: how many interactions each item has, descending.
        relations: names and triplets of the relations, the largest first.
    """

    counts: dict[str, int]
    item_interactions: Sequence[int]
    relations: list[tuple[str, int]]


def statistics(positives: pa.Table, entities: pa.Table, relations: pa.Table) -> Statistics:
    """Count what the tables hold (as `tables.INTERACTIONS`, `ENTITIES`, `RELATIONS`)."""
    per_item = positives["item_id"].combine_chunks().value_counts().field("counts").to_numpy()
    counts = {
        "users": pc.count_distinct(positives["user_id"]).as_py(),
        "items": len(per_item),
        "interactions": len(positives),
        "entities": len(entities),
        "relations": len(relations),
        "triplets": pc.sum(relations["triplets"], min_count=0).as_py(),
    }
    largest = relations.sort_by([("triplets", "descending"), ("relation", "ascending")])
    return Statistics(
        counts, np.sort(per_item)[::-1].tolist(), list(zip(*(largest[name].to_pylist() for name in ("relation", "triplets")), strict=True))
    )


def statistics_grid(dataset: str, found: Statistics) -> Grid:
    """A row per count; the published one beside it where there is one."""
    published = PUBLISHED.get(dataset, {})
    rows = [
        (Cell(name), Cell(f"{count:,}"), *([Cell(f"{published[name]:,}" if name in published else NOTHING)] if published else []))
        for name, count in found.counts.items()
    ]
    rows.insert(3, (Cell("density"), Cell(f"{_density(found.counts):.2%}"), *([Cell(f"{_density(published):.2%}")] if published else [])))
    return Grid(("", "here", *(["published"] if published else [])), rows)


def _density(counts: dict[str, int]) -> float:
    return counts["interactions"] / (counts["users"] * counts["items"])


def draw_statistics(found: Statistics, path: Path) -> None:
    """Interactions of the items from the most to the least taken, and triplets of the largest relations."""
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    tail, bars = figure.subplots(1, 2)
    tail.plot(range(1, len(found.item_interactions) + 1), found.item_interactions, color=COLOURS[0])
    tail.set_yscale("log")
    tail.set_xlabel("item, by interactions")
    tail.set_title("interactions of an item", loc="left", fontsize=10)
    shown = found.relations[:SHOWN_RELATIONS][::-1]
    bars.barh([name for name, _ in shown], [count for _, count in shown], color=COLOURS[2])
    bars.tick_params(axis="y", labelsize=8, left=False)
    bars.set_title("triplets of a relation", loc="left", fontsize=10)
    finish(tail)
    finish(bars, along="x")
    save(figure, path)
