"""The models of one data set side by side: who leads, by how much, and whether that is chance."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
        metrics: by name (`recall@20`), the mean over users, and over seeds where there are several.
        per_user: a table as `tables.PER_USER`, or `tables.COLD_PER_USER`; None where only the averages are at hand.
        deviations: by name, the standard deviation over the seeds (of a sample: n − 1); empty for one seed.
        num_seeds: how often the model was trained and tested, split and training drawn anew.
    """

    model: str
    metrics: dict[str, float]
    per_user: pa.Table | None
    deviations: dict[str, float] = field(default_factory=dict)
    num_seeds: int = 1


@dataclass(frozen=True)
class Summary:
    """All results of a data set.

    Attributes:
        results: the best NDCG@20 first.
        reference: the model that the others are compared with, "" where there is none.
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


def over_seeds(runs: Sequence[Result]) -> Result:
    """The results of one model from several seeds as one: means and deviations, and each user's mean over the seeds.

    A user counts with the seeds in which there was something to find; paired tests on these means treat a user
    as one observation, however many seeds there are.
    """
    if len(runs) == 1:
        return runs[0]
    shared = [name for name in runs[0].metrics if all(name in run.metrics for run in runs)]
    values = {name: [run.metrics[name] for run in runs] for name in shared}
    return Result(
        runs[0].model,
        {name: statistics.fmean(each) for name, each in values.items()},
        _mean_per_user([run.per_user for run in runs]),
        {name: statistics.stdev(each) for name, each in values.items()},
        len(runs),
    )


def _mean_per_user(tables: Sequence[pa.Table | None]) -> pa.Table | None:
    """Each user's mean over the tables that have one for it; None where a table is not at hand."""
    present = [table for table in tables if table is not None]
    if len(present) < len(tables):
        return None
    rows = pa.concat_tables(present)
    names = [name for name in rows.column_names if name != "user_id"]
    means = rows.group_by("user_id").aggregate([(name, "mean") for name in names]).sort_by("user_id")
    columns = {"user_id": means["user_id"], **{name: means[f"{name}_mean"] for name in names}}
    return pa.table(columns).cast(rows.schema, safe=False)


def summarize(results: Sequence[Result], against: str | None = None) -> Summary:
    """Order the results, and compare each model with one of them where per-user values are at hand.

    Args:
        against: the model that the others are compared with; the best simple one by default.

    Raises:
        PipelineError: two models were evaluated on different users.
    """
    ordered = sorted(results, key=lambda result: (-result.metrics[HEADLINE], result.model))
    candidates = SIMPLE_MODELS if against is None else {against}
    reference = next((result for result in ordered if result.model in candidates), None)
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
