"""The table of a search: what was tried and what came of it, a row a training, for git."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing
from mkg4rec.training.loop import SELECTION
from mkg4rec.tuning.study import Trial


@dataclass(frozen=True)
class Training:
    """One training of a search.

    Attributes:
        trial: the number of the trial that it belongs to, from 0.
        score: validation NDCG@20 of its best epoch; None where it failed, as `epoch` then is.
        seconds: of its epochs; None also where there were none.
        experiment: its name in dvc.
    """

    trial: int
    seed: int
    values: dict[str, Any]
    score: float | None
    epoch: int | None
    seconds: float | None
    experiment: str


def write(path: Path, trainings: Sequence[Training], inputs: str) -> None:
    """Write the table; `inputs` stands for all that the trainings of one search have in common."""
    names = list(trainings[0].values)
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_header(names))
        for row in trainings:
            outcome = ["" if value is None else value for value in (row.score, row.epoch, row.seconds)]
            writer.writerow([row.trial, row.seed, *(_cell(row.values[name]) for name in names), *outcome, row.experiment, inputs])


def _header(names: list[str]) -> list[str]:
    return ["trial", "seed", *names, SELECTION, "epoch", "seconds", "experiment", "inputs"]


def read(path: Path, inputs: str) -> list[Training]:
    """The trainings of a search with the same `inputs`; none where there is no table, or it is of another search.

    Raises:
        PipelineError: there is something else, such as an empty file.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        names = header[2:-5]
        if header != _header(names):
            raise ValueError(header)
        return [_training(names, row) for row in rows] if all(row[-1] == inputs for row in rows) else []
    except (ValueError, IndexError, csv.Error) as error:
        raise PipelineError(
            f"{path}: not the table of a search, which has a header and a row a training; restore it, or remove it."
        ) from error


def trials(trainings: Sequence[Training]) -> list[Trial]:
    """The trials, each with its mean over the seeds."""
    return [_trial(list(group)) for _, group in groupby(trainings, key=lambda training: training.trial)]


def _trial(trainings: list[Training]) -> Trial:
    scores = [training.score for training in trainings if training.score is not None]
    return Trial(trainings[0].values, sum(scores) / len(scores) if len(scores) == len(trainings) else None)


def _training(names: list[str], row: list[str]) -> Training:
    trial, seed, *cells, score, epoch, seconds, experiment, _ = row
    values = {name: _value(cell) for name, cell in zip(names, cells, strict=True)}
    return Training(int(trial), int(seed), values, _number(score), int(epoch) if epoch else None, _number(seconds), experiment)


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _value(cell: str) -> Any:
    try:
        return json.loads(cell)
    except json.JSONDecodeError:
        return cell
