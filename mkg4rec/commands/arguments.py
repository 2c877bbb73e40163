"""What the command line takes; the work is imported when it is asked for, since torch alone takes seconds."""

import argparse
from pathlib import Path
from types import ModuleType

from mkg4rec.tables import Modality


def add_features_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `features` and its own commands to those of mkg4rec."""
    command = commands.add_parser("features", help="the stored vectors of posters and texts: list, export, verify, merge, warm, explain")
    command.set_defaults(run=lambda arguments: _features().list_features([]))
    actions = command.add_subparsers(title="commands", metavar="list | export | verify | merge | warm | explain")

    action = actions.add_parser("list", help="encoders, modalities, counts, missing contents and sizes (the default)")
    action.add_argument("datasets", nargs="*", metavar="DATASET", help="data sets of params.yaml; all that have features by default")
    action.set_defaults(run=lambda arguments: _features().list_features(arguments.datasets))

    action = actions.add_parser("export", help="part of a store as a Parquet file of its own")
    action.add_argument("dataset", metavar="DATASET")
    action.add_argument("modality", metavar="MODALITY", choices=[str(modality) for modality in Modality], help=" or ".join(Modality))
    action.add_argument("output", type=Path, metavar="FILE", help="the Parquet file to write")
    action.add_argument("--items", nargs="+", metavar="ITEM", help="these items, in this order")
    action.add_argument("--only-items", action="store_true", help="no attribute entities")
    action.add_argument("--only-present", action="store_true", help="no rows whose content is missing")
    action.set_defaults(run=_export)

    action = actions.add_parser("verify", help="hold the stored vectors against posters, texts and encoder; exit code 1 where they differ")
    action.add_argument("dataset", metavar="DATASET")
    action.add_argument("--all", action="store_true", dest="everything", help="embed all contents again, not a sample of each modality")
    action.set_defaults(run=lambda arguments: _features().verify_features(arguments.dataset, arguments.everything))

    action = actions.add_parser("merge", help="several stores of the same encoder as one")
    action.add_argument("stores", nargs="+", type=Path, metavar="STORE", help="Parquet files of one modality")
    action.add_argument("--output", required=True, type=Path, metavar="FILE", help="the Parquet file to write")
    action.add_argument("--last-wins", action="store_true", help="where contents differ, take the later store's; else that is an error")
    action.set_defaults(run=_merge)

    action = actions.add_parser("warm", help="after a pull: stored vectors into the cache, so that the next change embeds only what is new")
    action.add_argument("datasets", nargs="+", metavar="DATASET")
    action.set_defaults(run=lambda arguments: _features().warm_cache(arguments.datasets))

    action = actions.add_parser("explain", help="why an item would be embedded again, or would not")
    action.add_argument("dataset", metavar="DATASET")
    action.add_argument("item", metavar="ITEM", help="an item_id of the catalogue, or the MID of an attribute entity")
    action.set_defaults(run=lambda arguments: _features().explain_item(arguments.dataset, arguments.item))


def add_introduce_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `introduce` to the commands of mkg4rec."""
    command = commands.add_parser("introduce", help="vectors and scores of an item that came after the training, without training again")
    command.add_argument("dataset", metavar="DATASET", help="a built data set of params.yaml")
    command.add_argument("model", metavar="MODEL", help="a model that is trained on it")
    command.add_argument(
        "item", type=Path, metavar="FILE", help="YAML: title, and description, year, poster, facts as far as they are known"
    )
    command.add_argument("--to", type=Path, metavar="FOLDER", help="gets scores.parquet and vectors.parquet")
    command.set_defaults(run=_introduce)


def _introduce(arguments: argparse.Namespace) -> None:
    from mkg4rec.commands.introduce import introduce

    introduce(arguments.dataset, arguments.model, arguments.item, arguments.to)


def add_explain_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `explain` to the commands of mkg4rec."""
    command = commands.add_parser("explain", help="why a graph model gives an item to a user: paths, modalities, history")
    command.add_argument("dataset", metavar="DATASET", help="a built data set of params.yaml")
    command.add_argument("model", metavar="MODEL", help="a graph model that is trained on it")
    command.add_argument("user", nargs="?", metavar="USER", help="a user_id of the data set")
    command.add_argument("item", nargs="?", metavar="ITEM", help="an item_id of the catalogue")
    command.add_argument("--paths", type=_count, default=10, metavar="N", help="paths to give (10)")
    command.add_argument("--history", type=_count, default=50, metavar="N", help="items of the history to weigh, by attention (50)")
    command.add_argument("--faithfulness", action="store_true", help="instead, measure over many pairs whether explanations are true")
    command.add_argument("--pairs", type=_count, default=500, metavar="N", help="pairs of user and recommended item for that (500)")
    command.add_argument("--seed", type=int, default=0, metavar="S", help="draws these pairs, and links to compare with (0)")
    command.add_argument("--to", type=Path, metavar="FOLDER", help="gets JSON and figure (explanations/DATASET/MODEL/…)")
    command.set_defaults(run=lambda arguments: _explain(command, arguments))


def _explain(command: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    if arguments.faithfulness == (arguments.item is not None) or (arguments.faithfulness and arguments.user is not None):
        command.error("give USER and ITEM, or --faithfulness")
    from mkg4rec.commands.explain import explain_pair, measure_faithfulness

    if arguments.faithfulness:
        options = (arguments.paths, arguments.pairs, arguments.seed, arguments.to)
        measure_faithfulness(arguments.dataset, arguments.model, *options)
    else:
        pair = (arguments.user, arguments.item)
        explain_pair(arguments.dataset, arguments.model, *pair, arguments.paths, arguments.history, arguments.to)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _features() -> ModuleType:
    from mkg4rec.commands import features

    return features


def _export(arguments: argparse.Namespace) -> None:
    options = (arguments.items or [], arguments.only_items, arguments.only_present)
    _features().export_features(arguments.dataset, Modality(arguments.modality), arguments.output, *options)


def _merge(arguments: argparse.Namespace) -> None:
    _features().merge_features(arguments.stores, arguments.output, arguments.last_wins)
