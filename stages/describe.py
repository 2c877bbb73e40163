"""Write down for every table what it holds, so that a change of the data shows in git."""

from pathlib import Path

from mkg4rec import params
from mkg4rec.files import replacing
from mkg4rec.params import Params
from mkg4rec.schemas import describe
from stages import run
from stages.layout import Layout


def main(dataset: str) -> None:
    layout = Layout(dataset)
    tables = sorted(table for folder in _folders(params.load(), layout) for table in folder.glob("*.parquet"))
    with replacing(layout.schemas) as folder:
        folder.mkdir(parents=True)
        for table in tables:
            schema = folder / layout.schema(table).relative_to(layout.schemas)
            schema.parent.mkdir(parents=True, exist_ok=True)
            schema.write_text(describe(table).to_json(), encoding="utf-8")
    print(f"{dataset}: {len(tables)} tables")


def _folders(settings: Params, layout: Layout) -> list[Path]:
    """Where the tables are that `run:` asks for; those of models that were run before may lie beside them."""
    wanted = settings.run
    of_models = [layout.top_lists(model).parent for model in wanted.models]
    of_models += [folder for model in wanted.models for folder in (layout.model(model), layout.case_study(model))]
    of_models += [layout.per_user(model, seed).parent for model in wanted.models for seed in wanted.repeats]
    of_models += [layout.cold_per_user(model, seed).parent for model in wanted.cold for seed in (None, *wanted.repeats)]
    of_models += [layout.sparsity_per_user(model, percentage).parent for model in wanted.sparsity for percentage in wanted.percentages]
    # Of a data set that the user brings, what was downloaded are tables, too.
    return [*layout.data.iterdir(), *(layout.data / "raw").glob("*"), *of_models]


if __name__ == "__main__":
    run(main)
