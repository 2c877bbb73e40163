"""Each stage of a built data set beside a plain reference: `python -m benchmarks.stages DATASET`.

Runs in a workspace where `dvc repro` has built the data set. A stage runs again in a process of its own, in a temporary
folder that has links to its inputs, so that the workspace stays as it is; its caches are empty and are thrown away.
The raw files and posters of a published data set therefore come from the network again, or from MKG4REC_MIRROR:
`--stages` chooses others.

The ratio is that of the work, after Python has started and imported everything (the column start-up), which on a
small data set takes longer than the work.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from benchmarks import references
from benchmarks.timing import alternate, machine, print_table, stopwatch
from mkg4rec.errors import PipelineError
from mkg4rec.progress import progress
from stages.layout import Layout

CODE = Path(__file__).resolve().parents[1]
PRODUCED = ("data/", "models/")


@dataclass(frozen=True)
class Stage:
    """A stage that is measured.

    Attributes:
        reference: does at the least what the stage must.
        described: the reference in words.
        model: where the stage is about one.
        follows: the stage that writes down what this one is made from, and so stands for its inputs in dvc.yaml.
    """

    name: str
    reference: Callable[[Layout, Path], None]
    described: str
    model: str | None = None
    follows: str | None = None


STAGES = [
    Stage("download", references.copy, "cp"),
    Stage("prepare", references.split_lines, "line.split"),
    Stage("link", references.rewrite_interactions, "pyarrow read, write"),
    Stage("fetch_media", references.decode, "Pillow"),
    Stage("encoder", references.encoder_passes, "forward, backward", follows="encoder_inputs"),
    Stage("build_kg", references.unpack, "gzip -dc | wc -l"),
    Stage("embed", references.encode, "prepare, forward"),
    Stage("split", references.rewrite_positives, "pyarrow read, write"),
    Stage("split_cold", references.rewrite_positives, "pyarrow read, write"),
    Stage("gather", references.digest, "sha256 of the inputs"),
    Stage("train", references.solve, "NumPy EASE", model="ease"),
    Stage("evaluate", references.multiply_and_sort, "product, topk", model="ease"),
]


@dataclass(frozen=True)
class Run:
    """A stage, run once: seconds of the whole process, those after its imports, and its peak memory in MB."""

    seconds: float
    work: float
    peak_memory: int


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--stages", nargs="+", metavar="STAGE", choices=[stage.name for stage in STAGES], help="some of them (default all)")
    parser.add_argument("--rounds", type=int, default=3, help="alternating measurements (default 3)")
    given = parser.parse_args(arguments)
    print(machine())
    print(f"{given.dataset}; seconds are medians of {given.rounds} rounds")
    chosen = [stage for stage in STAGES if not given.stages or stage.name in given.stages]
    rows = [measured(stage, Layout(given.dataset), given.rounds) for stage in progress(chosen, "stages", unit="stage")]
    print_table(["stage", "seconds", "start-up", "work", "reference", "its seconds", "ratio", "peak MB"], rows)


def measured(stage: Stage, layout: Layout, rounds: int) -> list[str]:
    """The stage's row of the table."""
    runs: list[Run] = []

    def work() -> float:
        runs.append(run_again(stage, layout.dataset))
        return runs[-1].work

    times = alternate(work, partial(time_reference, stage, layout), rounds)
    seconds = statistics.median(run.seconds for run in runs)
    return [
        " ".join(filter(None, [stage.name, stage.model])),
        f"{seconds:.2f}",
        f"{statistics.median(run.seconds - run.work for run in runs):.2f}",
        f"{times.seconds:.3f}",
        stage.described,
        f"{times.reference_seconds:.3f}",
        str(times),
        f"{max(run.peak_memory for run in runs):,}",
    ]


def time_reference(stage: Stage, layout: Layout) -> float:
    """Seconds of the reference, which may write into a folder that is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        return stopwatch(lambda: stage.reference(layout, Path(folder)))


def run_again(stage: Stage, dataset: str) -> Run:
    """Run the stage in a folder of its own.

    Raises:
        PipelineError: it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "workspace"
        link_inputs(stage, dataset, folder)
        result = Path(name) / "result.json"
        command = [sys.executable, "-m", "benchmarks.stage_process", str(result), stage.name, dataset, *filter(None, [stage.model])]
        caches = {f"MKG4REC_{kind}_CACHE": str(Path(name) / kind) for kind in ("DOWNLOAD", "FACT", "FEATURE")}
        environment = os.environ | caches | {"PYTHONPATH": str(CODE)}
        done: list[subprocess.CompletedProcess[str]] = []
        run = partial(subprocess.run, command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        seconds = stopwatch(lambda: done.append(run()))
        if done[0].returncode:
            raise PipelineError(f"the stage {stage.name} fails on {dataset}; leave it out with --stages, or repair it:\n{done[0].stdout}")
        return Run(seconds, **json.loads(result.read_text(encoding="utf-8")))


def link_inputs(stage: Stage, dataset: str, folder: Path) -> None:
    """Make `folder` with links to params.yaml and to what dvc.yaml says the stage reads."""
    described = yaml.safe_load(Path("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    dependencies = [name for step in (stage.name, stage.follows) if step for name in described[step]["deps"]]
    names = [name.replace("${item.dataset}", dataset).replace("${item.model}", stage.model or "") for name in dependencies]
    for name in ["params.yaml", *(name for name in names if name.startswith(PRODUCED))]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(Path(name).resolve(strict=True))


if __name__ == "__main__":
    main()
