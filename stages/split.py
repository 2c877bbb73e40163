"""Positive interactions → train, valid and test; dislikes → those of the train part."""

from mkg4rec import params, tables
from mkg4rec.errors import PipelineError
from mkg4rec.splitting import split
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    shares = params.load().split
    positives = tables.INTERACTIONS.read(layout.positives)
    parts = split(positives, shares.seed, shares.valid, shares.test)
    if not parts.test.num_rows or (shares.valid and not parts.valid.num_rows):
        raise PipelineError(
            f"{layout.positives}: no user has enough interactions for both a validation share of {shares.valid:g} and a test share of "
            f"{shares.test:g}. Raise min_user_interactions under link: or the shares under split: in params.yaml."
        )
    tables.INTERACTIONS.write(parts.train, layout.split("train"))
    tables.INTERACTIONS.write(parts.valid, layout.split("valid"))
    tables.INTERACTIONS.write(parts.test, layout.split("test"))
    dislikes = split(tables.INTERACTIONS.read(layout.dislikes), shares.seed, shares.valid, shares.test).train
    tables.INTERACTIONS.write(dislikes, layout.split("dislikes"))
    print(
        f"{dataset}: {parts.train.num_rows:,} train, {parts.valid.num_rows:,} valid, {parts.test.num_rows:,} test interactions, "
        f"{dislikes.num_rows:,} train dislikes"
    )


if __name__ == "__main__":
    run(main)
