"""Positive interactions → a split in which some items have no interaction in train or valid."""

import pyarrow as pa
import pyarrow.compute as pc

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.params import Split
from mkg4rec.splitting import ColdParts, split, split_cold
from mkg4rec.tables import INTERACTIONS
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    shares = params.load().split
    parts = cold_parts(layout, shares)
    for name, rows in parts.items():
        INTERACTIONS.write(rows, layout.split_cold(name))
    told = ", ".join(f"{len(rows):,} {name}" for name, rows in parts.items() if name != "dislikes")
    print(f"{dataset}: {told} interactions")


def cold_parts(layout: Layout, shares: Split) -> dict[str, pa.Table]:
    """The split by name: train, valid, test, the interactions with cold items, and the dislikes of the train part.

    Raises:
        PipelineError: one of the first four is empty.
    """
    parts = split_cold(INTERACTIONS.read(layout.positives), shares.seed, shares.cold, shares.valid, shares.test)
    named = {"train": parts.warm.train, "valid": parts.warm.valid, "test": parts.warm.test, "cold": parts.cold}
    for name, rows in named.items():
        if not len(rows):
            raise PipelineError(
                f"{layout.positives}: the cold split of seed {shares.seed} leaves nothing for {name}; "
                "change the shares under split: in params.yaml."
            )
    return named | {"dislikes": warm_dislikes(layout, shares, parts)}


def warm_dislikes(layout: Layout, shares: Split, parts: ColdParts) -> pa.Table:
    """The train part of the dislikes, of users and items that are in training at all."""
    dislikes = INTERACTIONS.read(layout.dislikes)
    for name in ("user_id", "item_id"):
        # Who took nothing but what is kept out is no user of this split.
        dislikes = dislikes.filter(pc.is_in(dislikes[name], value_set=pc.unique(parts.warm.train[name])))
    return split(dislikes, shares.seed, shares.valid, shares.test).train


if __name__ == "__main__":
    run(main)
