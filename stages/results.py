"""What the stages that test a model write: averages and per-user values."""

import json
from pathlib import Path

import pyarrow as pa

from mkg4rec.evaluation.metrics import Evaluation
from mkg4rec.files import replacing
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import PER_USER


def write_results(evaluation: Evaluation, data: TrainingData, metrics: Path, per_user: Path) -> dict[str, float]:
    """Write the averages as JSON and the per-user values as Parquet; gives the averages."""
    averages = rounded_metrics(evaluation)
    with replacing(metrics) as path:
        path.write_text(json.dumps(averages, indent=2) + "\n", encoding="utf-8")
    PER_USER.write(per_user_table(evaluation, data), per_user)
    return averages


def rounded_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The averages to 6 significant digits, after the number of users that they are taken over."""
    return {"users": len(evaluation.num_relevant)} | {name: float(f"{value:.6g}") for name, value in evaluation.averages.items()}


def per_user_table(evaluation: Evaluation, data: TrainingData) -> pa.Table:
    """A row per user as `tables.PER_USER`."""
    columns = {name: pa.array(value.cpu().numpy(), from_pandas=True) for name, value in evaluation.per_user.items()}
    return pa.table(
        {
            "user_id": data.user_ids.take(pa.array(evaluation.lists.users.cpu().numpy())),
            "relevant": pa.array(evaluation.num_relevant.cpu().numpy(), pa.int32()),
            **columns,
        }
    )
