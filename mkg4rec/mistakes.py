"""What is wrong in params.yaml, told by file, line and key."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from mkg4rec.errors import PipelineError
from mkg4rec.group import MEMBERS, VARIANT_OF

if TYPE_CHECKING:
    # For its type alone: the module of the values calls this one.
    from mkg4rec.params import Params


NOT_FOR_MODELS = {"cold", "repeats", "sparsity"}
"""Folders that `stages.layout` has in `results/X` beside those of the models."""


def explain(error: ValidationError, path: Path, text: str, prefix: tuple[str, ...] = ()) -> str:
    """All mistakes that pydantic found, one a line: file, line, key, value, what is allowed."""
    lines = []
    for mistake in error.errors():
        # "[key]" is pydantic's mark of a bad key and "[files]" ours of a kind of sources; neither is a key of the file.
        location = prefix + tuple(str(part) for part in mistake["loc"] if not str(part).startswith("["))
        if mistake["type"] == "extra_forbidden":
            problem = "unknown key; correct its spelling or remove it"
        elif mistake["type"] == "missing":
            problem = "this key is missing"
        else:
            # Where values of a group do not go together, the message itself has those that matter.
            got = "" if isinstance(mistake["input"], dict) else f" (got {mistake['input']!r:.80})"
            problem = mistake["msg"].removeprefix("Value error, ") + got
        lines.append(f"{path}:{line_of(text, location)}: {'.'.join(location) or 'the file'}: {problem}")
    return "\n".join(lines)


def line_of(text: str, location: tuple[str, ...]) -> int:
    """The line (from 1) of the YAML `text` where the key path `location` stands, or its nearest parent."""
    # libyaml composes ten times as fast, and every mistake asks anew.
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == part), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
    return line


def check_names(params: "Params", path: Path, text: str) -> None:
    """Check that what `params` names is there, and that no name or seed stands twice, which its groups cannot tell by themselves.

    Args:
        path, text: the file and what it holds, for the message.

    Raises:
        PipelineError: the first mistake, with its line.
    """
    _check_run(params, path, text)
    _check_models(params, path, text)
    _check_variants(params, path, text)
    _check_members(params, path, text)
    _check_tables(params, path, text)


def _check_run(params: "Params", path: Path, text: str) -> None:
    for group, chosen, place, known in (
        ("datasets", params.run.datasets, "described under datasets:", params.datasets),
        ("models", params.run.models, "described under models:", params.models),
        ("cold", params.run.cold, "among run.models", params.run.models),
        ("sparsity", params.run.sparsity, "among run.models", params.run.models),
    ):
        for name in chosen:
            if name not in known:
                where = f"{path}:{line_of(text, ('run', group))}: run.{group}"
                raise PipelineError(f"{where}: {name!r} is not {place}, which has {', '.join(sorted(known))}.")
        if len(set(chosen)) < len(chosen):
            raise PipelineError(f"{path}:{line_of(text, ('run', group))}: run.{group}: a name stands twice in {chosen}.")
    percentages = params.run.percentages
    if sorted(set(percentages), reverse=True) != percentages:
        where = f"{path}:{line_of(text, ('run', 'percentages'))}: run.percentages"
        raise PipelineError(f"{where}: {percentages} is not in descending order, each once.")
    repeats = params.run.repeats
    if len(set(repeats)) < len(repeats) or params.split.seed in repeats:
        raise PipelineError(
            f"{path}:{line_of(text, ('run', 'repeats'))}: run.repeats: {repeats} repeats a seed; "
            f"every seed stands once, and {params.split.seed} (split.seed) is the run that is repeated."
        )
    for dataset in params.run.datasets:
        if dataset not in params.tuned:
            raise PipelineError(
                f"{path}:{line_of(text, ('tuned',))}: tuned: no entry for {dataset}; "
                f"add `{dataset}: {{}}` where no model has values of its own for it."
            )


def _check_models(params: "Params", path: Path, text: str) -> None:
    for name in sorted(params.models.keys() & NOT_FOR_MODELS):
        where = f"{path}:{line_of(text, ('models', name))}: models.{name}"
        raise PipelineError(f"{where}: the results have a folder of that name; choose another.")


def _check_variants(params: "Params", path: Path, text: str) -> None:
    for name, values in params.models.items():
        base = values.get(VARIANT_OF)
        if base is not None and VARIANT_OF in params.models.get(base, values):
            where = f"{path}:{line_of(text, ('models', name, VARIANT_OF))}: models.{name}.{VARIANT_OF}"
            own = ", ".join(sorted(other for other, group in params.models.items() if VARIANT_OF not in group))
            raise PipelineError(f"{where}: {base!r} is no model with values of its own, which are {own}.")


def _check_members(params: "Params", path: Path, text: str) -> None:
    groups: list[tuple[tuple[str, ...], dict[str, Any]]] = [(("models", name), values) for name, values in params.models.items()]
    groups += [(("tuned", dataset, name), values) for dataset, models in params.tuned.items() for name, values in models.items()]
    groups += [
        (("tuned_on_less", dataset, percentage, name), values)
        for dataset, percentages in params.tuned_on_less.items()
        for percentage, models in percentages.items()
        for name, values in models.items()
    ]
    simple = sorted(
        name for name, values in params.models.items() if MEMBERS not in params.models.get(values.get(VARIANT_OF, name), values)
    )
    for place, values in groups:
        members = values.get(MEMBERS, [])
        unknown = [name for name in members if name not in simple] if isinstance(members, list) else []
        if not isinstance(members, list) or len(set(map(str, members))) < len(members):
            problem = f"a list of models is expected, each once (got {members!r:.80})."
        elif unknown:
            problem = f"{unknown[0]!r} is no model that can be a member; those are {', '.join(simple)}."
        else:
            continue
        raise PipelineError(f"{path}:{line_of(text, (*place, MEMBERS))}: {'.'.join(place)}.{MEMBERS}: {problem}")


def _check_tables(params: "Params", path: Path, text: str) -> None:
    for title, table in params.report.tables.items():
        for name in (table.against, *table.variants, *table.beside):
            if name not in params.models:
                where = f"{path}:{line_of(text, ('report', 'tables', title))}: report.tables.{title}"
                raise PipelineError(f"{where}: {name!r} is not described under models:, which has {', '.join(sorted(params.models))}.")
