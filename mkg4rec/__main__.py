"""The command line: `mkg4rec summary [DATASET …]`, `mkg4rec tune DATASET MODEL [MODEL …]`, `mkg4rec features`,
`mkg4rec export DATASET --format recbole --to FOLDER`, `mkg4rec introduce DATASET MODEL FILE`,
`mkg4rec explain DATASET MODEL USER ITEM`, `mkg4rec forget DATASET SOURCE`."""

import argparse
from pathlib import Path

from mkg4rec import params
from mkg4rec.commands.arguments import add_explain_command, add_features_command, add_introduce_command
from mkg4rec.commands.forget import forget
from mkg4rec.dataset_params import ROLES
from mkg4rec.ending import ending
from mkg4rec.errors import PipelineError
from mkg4rec.export import mmrec, recbole
from mkg4rec.report.grid import accuracy_grid, as_text
from mkg4rec.report.page import verdict
from mkg4rec.report.summary import read_result, summarize
from stages.built import built_dataset
from stages.layout import Layout


def main() -> None:
    """Run the command line."""
    interrupted = "interrupted: the same command goes on from here; `dvc queue stop --kill` ends trainings in the background"
    with ending(interrupted):
        arguments = _parser().parse_args()
        try:
            arguments.run(arguments)
        except OSError as error:
            # A place that cannot be written or read is told in a line, whichever command was given it.
            if error.filename is None:
                raise
            raise PipelineError(f"{error.filename}: {error.strerror}.") from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mkg4rec", description="Look at what the pipeline made, and improve on it.")
    commands = parser.add_subparsers(title="commands", required=True)
    command = commands.add_parser("summary", help="the metrics of every model, and where to look next")
    command.add_argument("datasets", nargs="*", metavar="DATASET", help="data sets of params.yaml; those of run.datasets by default")
    command.set_defaults(run=lambda arguments: print_summary(arguments.datasets))
    command = commands.add_parser("tune", help="search hyper-parameters by their NDCG@20 on the validation part")
    command.add_argument("dataset", metavar="DATASET", help="a data set of run.datasets")
    command.add_argument("models", nargs="+", metavar="MODEL", help="models of run.models, each with the same number of trials")
    command.add_argument("--trials", type=int, default=20, metavar="N", help="values to try for each model (20)")
    command.add_argument("--seeds", type=int, nargs="+", metavar="S", help="trainings of a trial, which counts by their mean (train.seed)")
    command.add_argument("--jobs", type=int, default=1, metavar="J", help="trainings at a time (1)")
    command.add_argument("--apply", action=argparse.BooleanOptionalAction, default=True, help="write the best values into params.yaml")
    command.set_defaults(run=_tune)
    add_features_command(commands)
    add_introduce_command(commands)
    add_explain_command(commands)
    command = commands.add_parser("export", help="write a built data set as RecBole or MMRec read it, split included")
    command.add_argument("dataset", metavar="DATASET", help="a built data set of params.yaml")
    command.add_argument("--format", choices=["recbole", "mmrec"], required=True)
    command.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="gets a folder with the name of the data set")
    command.set_defaults(run=lambda arguments: export(arguments.dataset, arguments.format, arguments.to))
    command = commands.add_parser("forget", help="drop a published file from the download cache, so that it is downloaded anew")
    command.add_argument("dataset", metavar="DATASET", help="a data set of params.yaml")
    command.add_argument("source", metavar="SOURCE", choices=ROLES, help=" or ".join(ROLES))
    command.set_defaults(run=lambda arguments: forget(arguments.dataset, arguments.source))
    return parser


def _tune(arguments: argparse.Namespace) -> None:
    # Optuna and dvc take seconds to import, for which no other command should wait.
    from mkg4rec.tuning.search import tune

    tune(arguments.dataset, arguments.models, arguments.trials, arguments.seeds, arguments.jobs, arguments.apply)


def export(dataset: str, form: str, folder: Path) -> None:
    """Write the data set into `folder/DATASET`, which is replaced as a whole; a folder of anything else is left alone."""
    params.load().dataset(dataset)
    target = folder / dataset
    if target.exists() and not (recbole.wrote(target, dataset) or mmrec.wrote(target, dataset)):
        raise PipelineError(f"{target}: there is something else already, which would be lost. Give another folder, or remove it.")
    if form == "recbole":
        recbole.write(built_dataset(Layout(dataset)), target)
    else:
        mmrec.write(built_dataset(Layout(dataset), mmrec.FEATURES), target)
    for path in sorted(target.iterdir()):
        print(f"{path}: {path.stat().st_size:,} bytes")


def print_summary(datasets: list[str]) -> None:
    """Print the models of each data set side by side, then where there is more to see."""
    settings = params.load()
    datasets = datasets or settings.run.datasets
    for dataset in datasets:
        settings.dataset(dataset)
        print(f"{dataset}\n{_table(Layout(dataset), settings.run.models)}")
    print("Where to look next")
    pages = [Layout(dataset).report / "index.html" for dataset in datasets]
    hints = [(str(page), "tables, figures and example users on one page") for page in pages if page.exists()]
    hints += [
        ("dvc plots show", "loss and validation curves of every training"),
        ("dvc metrics diff", "what a change of params.yaml did to the metrics"),
    ]
    if "ml-1m" not in datasets:
        hints.append(("MovieLens-1M", "set run.datasets to [ml-1m] in params.yaml, then `dvc repro`"))
    width = max(len(place) for place, _ in hints)
    for place, what in hints:
        print(f"  {place.ljust(width)}  {what}")


def _table(layout: Layout, models: list[str]) -> str:
    """The models of `run.models` that were evaluated, and the names of those that were not."""
    evaluated = [model for model in models if layout.metrics(model).exists()]
    missing = [model for model in models if model not in evaluated]
    waiting = f"not evaluated yet: {', '.join(missing)}; `dvc repro` does it\n" if missing else ""
    if not evaluated:
        return waiting
    # A fresh clone has the metrics, which are in git, but not the per-user values.
    paths = {model: layout.per_user(model) for model in evaluated}
    results = [read_result(model, layout.metrics(model), path if path.exists() else None) for model, path in paths.items()]
    summary = summarize(results)
    return f"{as_text(accuracy_grid(summary))}{verdict(summary)}\n{waiting}"


if __name__ == "__main__":
    main()
