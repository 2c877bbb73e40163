"""The models of one data set side by side: who leads, by how much, and whether that is chance."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import Comparison, compare, holm
from mkg4rec.tables import PER_USER

HEADLINE = "ndcg@20"
ACCURACY = ("recall@20", "mrr@20", HEADLINE)

SIMPLE_MODELS = frozenset({"popularity", "item_knn", "ease", "ials"})
"""Models of interactions alone that are fitted in seconds: what anything more elaborate is held against."""


@dataclass(frozen=True)
class Result:
    """What the evaluation of a model wrote.

    Attributes:
        model: its name.
        metrics: by name (`recall@20`), the mean over users.
        per_user: a table as `tables.PER_USER`; None where only the averages are at hand.
    """

    model: str
    metrics: dict[str, float]
    per_user: pa.Table | None


@dataclass(frozen=True)
class Summary:
    """All results of a data set.

    Attributes:
        results: the best NDCG@20 first.
        reference: the best simple model, "" where there is none.
        comparisons: by model, its NDCG@20 against the reference's on the same users; p-values are Holm-corrected.
    """

    results: list[Result]
    reference: str
    comparisons: dict[str, Comparison]


def read_result(model: str, metrics: Path, per_user: Path | None) -> Result:
    """Read what the evaluation of `model` wrote.

    Raises:
        PipelineError: a file is missing or is not what the evaluation writes.
    """
    try:
        values = json.loads(metrics.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PipelineError(f"{metrics}: there is no such file; `dvc repro` evaluates {model} and makes it.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise PipelineError(f"{metrics}: not JSON ({error}); delete it and run `dvc repro`.") from error
    missing = [name for name in ACCURACY if not isinstance(values, dict) or name not in values]
    if missing:
        raise PipelineError(f"{metrics}: {', '.join(missing)} missing; delete the file and run `dvc repro`.")
    return Result(model, values, PER_USER.read(per_user) if per_user else None)


def summarize(results: Sequence[Result]) -> Summary:
    """Order the results, and compare each model with the best simple one where per-user values are at hand.

    Raises:
        PipelineError: two models were evaluated on different users.
    """
    ordered = sorted(results, key=lambda result: (-result.metrics[HEADLINE], result.model))
    reference = next((result for result in ordered if result.model in SIMPLE_MODELS), None)
    if reference is None:
        return Summary(ordered, "", {})
    comparisons = {
        result.model: _compare(result.model, result.per_user, reference.model, reference.per_user)
        for result in ordered
        if result is not reference and result.per_user is not None and reference.per_user is not None
    }
    corrected = holm([comparison.p_value for comparison in comparisons.values()])
    return Summary(
        ordered,
        reference.model,
        {model: replace(comparison, p_value=p_value) for (model, comparison), p_value in zip(comparisons.items(), corrected, strict=True)},
    )


def _compare(first: str, first_values: pa.Table, second: str, second_values: pa.Table) -> Comparison:
    if not first_values["user_id"].equals(second_values["user_id"]):
        raise PipelineError(f"report: {first} and {second} were evaluated on different users; run `dvc repro` to evaluate both anew.")
    return compare(first_values[HEADLINE].to_numpy(), second_values[HEADLINE].to_numpy())
