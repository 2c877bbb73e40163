"""Positive interactions → a split in which some items have no interaction in train or valid."""

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.splitting import split_cold
from mkg4rec.tables import INTERACTIONS
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    shares = params.load().split
    parts = split_cold(INTERACTIONS.read(layout.positives), shares.seed, shares.cold, shares.valid, shares.test)
    named = {"train": parts.warm.train, "valid": parts.warm.valid, "test": parts.warm.test, "cold": parts.cold}
    for name, rows in named.items():
        if not len(rows):
            raise PipelineError(
                f"{layout.positives}: the cold split leaves nothing for {name}; change the shares under split: in params.yaml."
            )
        INTERACTIONS.write(rows, layout.split_cold(name))
    print(f"{dataset}: {', '.join(f'{len(rows):,} {name}' for name, rows in named.items())} interactions")


if __name__ == "__main__":
    run(main)
