"""DVC experiments by way of its queue: put in, worked off by background workers, read back.

All goes through dvc's own commands and `dvc.api`. The workers are processes of their own: they go on when the command
that started them is killed, and whoever asks for the same experiments next finds them queued, running or finished.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dvc.api

from mkg4rec.errors import PipelineError

_SHORTEST_PAUSE, _LONGEST_PAUSE = 1.0, 10.0
"""Seconds between two looks at the queue; longer, the longer nothing ends."""

_SILENCE = 30.0
"""Seconds without any worker after which they are taken to be dead; one takes about five to start."""

_REVIVALS = 3
"""Times that workers are started anew although nothing ended since."""

_ROW = re.compile(r"^[0-9a-f]{7} +(?P<name>\S+) .* (?P<state>Queued|Running|Success|Failed) *$", re.MULTILINE)
_WORKERS = re.compile(r"^Worker status: (\d+) active, (\d+) idle", re.MULTILINE)


@dataclass(frozen=True)
class Experiment:
    """The stage `target` with other values in params.yaml, by dotted key; a key may be new."""

    name: str
    target: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """What a finished training came to.

    Attributes:
        metrics: of its best epoch, on the validation part.
        seconds: of its epochs; None for a model that is fitted at once.
    """

    metrics: dict[str, float]
    seconds: float | None


def work_off(experiments: Collection[Experiment], jobs: int, on_end: Callable[[], object]) -> set[str]:
    """Run what has not succeeded yet, `jobs` at a time, until all have ended; `on_end` is called for each that has.

    Returns:
        The names of those that succeeded. One that failed is run again by the next call, not by this one.

    Raises:
        PipelineError: dvc refuses, or its workers do not live.
    """
    finished = _finished()
    succeeded = {experiment.name for experiment in experiments if experiment.name in finished}
    for _ in succeeded:
        on_end()
    waiting = {experiment.name: experiment for experiment in experiments if experiment.name not in succeeded}
    if waiting:
        _put(waiting.values(), _status().states)
        _start_workers(jobs)
        succeeded |= _wait(waiting, jobs, on_end)
    return succeeded


def measured(name: str, metrics: Path, log: Path) -> Measured:
    """The result of the experiment `name`.

    Args:
        metrics: the metrics file of its validation.
        log: the CSV of its epochs.
    """
    # `dvc.api.metrics_show` finds a file of another revision only if the workspace has one there as well.
    values = json.loads(dvc.api.read(str(metrics), rev=name))
    rows = list(csv.DictReader(io.StringIO(dvc.api.read(str(log), rev=name))))
    seconds = round(sum(float(row["seconds"]) for row in rows), 1) if "seconds" in rows[0] else None
    return Measured(values, seconds)


def reproduce(*targets: str) -> None:
    """Bring the stages `targets` up to date in the workspace, as `dvc repro` does; what runs says what it says.

    Raises:
        PipelineError: a stage failed; it has said why.
    """
    if subprocess.run(["dvc", "repro", "--quiet", *targets], env=_environment(), check=False).returncode:
        raise PipelineError(f"`dvc repro {' '.join(targets)}` failed; see above.")


@dataclass(frozen=True)
class _Status:
    states: dict[str, str]
    workers: int


def _status() -> _Status:
    text = _dvc("queue", "status")
    workers = _WORKERS.search(text)
    return _Status({row["name"]: row["state"] for row in _ROW.finditer(text)}, sum(map(int, workers.groups())) if workers else 0)


def _finished() -> set[str]:
    """The names of the finished experiments that began from the present commit."""
    return set(_dvc("exp", "list", "--name-only").split())


def _put(experiments: Iterable[Experiment], states: Mapping[str, str]) -> None:
    """Queue what is not queued or running already, instead of what ended before by the same name."""
    for experiment in experiments:
        state = states.get(experiment.name)
        if state in ("Queued", "Running"):
            continue
        if state:
            _dvc("queue", "remove", experiment.name)
        # `++` sets a key whether or not it is there. An experiment has a workspace of its own, filled from dvc's cache, in which
        # some of what is upstream, such as the dump, is missing and not missed.
        values = [f"--set-param=++{key}={json.dumps(value)}" for key, value in experiment.values.items()]
        _dvc("exp", "run", "--queue", "--allow-missing", "--name", experiment.name, *values, experiment.target)


def _start_workers(jobs: int) -> None:
    _dvc("queue", "start", "--jobs", str(jobs))


def _wait(waiting: dict[str, Experiment], jobs: int, on_end: Callable[[], object]) -> set[str]:
    """Empty `waiting` as its experiments end; gives the names of those that succeeded."""
    succeeded: set[str] = set()
    pause, heard, revivals = _SHORTEST_PAUSE, time.monotonic(), 0
    while waiting:
        time.sleep(pause)
        status = _status()
        ended = [name for name in waiting if status.states.get(name) in ("Success", "Failed")]
        succeeded.update(name for name in ended if status.states[name] == "Success")
        for name in ended:
            del waiting[name]
            on_end()
        pause = _SHORTEST_PAUSE if ended else min(1.3 * pause, _LONGEST_PAUSE)
        revivals = 0 if ended else revivals
        if status.workers:
            heard = time.monotonic()
        elif waiting and time.monotonic() - heard > _SILENCE:
            if revivals == _REVIVALS:
                raise PipelineError("dvc's workers do not stay alive; .dvc/tmp/exps/celery/*.out has what they said.")
            _revive(waiting, status.states, jobs)
            heard, revivals = time.monotonic(), revivals + 1
    return succeeded


def _revive(waiting: Mapping[str, Experiment], states: Mapping[str, str], jobs: int) -> None:
    """Do again what workers had in hand when they died, which dvc still takes for running."""
    for name in waiting:
        if states.get(name) == "Running":
            # Refused where a worker lives after all.
            with suppress(PipelineError):
                _dvc("queue", "kill", name)
    _put(waiting.values(), _status().states)
    _start_workers(jobs)


def _dvc(*arguments: str) -> str:
    """What `dvc` says.

    Raises:
        PipelineError: it fails, with what it names as the error.
    """
    # A file and no pipe: a worker keeps open what the command that starts it writes to.
    with tempfile.TemporaryFile("w+") as said:
        code = subprocess.run(
            ["dvc", *arguments], env=_environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, check=False
        ).returncode
        said.seek(0)
        text = said.read()
    if code:
        errors = [line for line in text.splitlines() if line.startswith("ERROR:")] or text.splitlines()[-1:]
        raise PipelineError(f"`dvc {' '.join(arguments)}` failed: {' '.join(errors).removeprefix('ERROR: ')}")
    return text


def _environment() -> dict[str, str]:
    """That of this process, in which dvc, and python for dvc's stages, are those of this environment."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])}
