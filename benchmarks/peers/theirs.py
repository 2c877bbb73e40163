"""One model of RecBole in training, in a process of RecBole's own environment."""

import json
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.peers.sides import Validation
from benchmarks.timing import stopwatch
from mkg4rec.errors import PipelineError
from mkg4rec.export.recbole import COLUMNS, PARTS
from mkg4rec.models.data import TrainingData

PROCESS = Path(__file__).with_name("recbole_process.py")


class RecBole:
    """A model of RecBole, to be used as a context: its process ends with it.

    Attributes:
        sizes: what RecBole read: users, items, train interactions, triplets (0 for a model that reads none).
    """

    def __init__(self, python: Path, model: str, files: Path, settings: dict[str, Any], process: Path = PROCESS) -> None:
        """
        Args:
            python: the interpreter of RecBole's environment.
            model: RecBole's name of it.
            files: the folder of atomic files, named as the data set.
            settings: RecBole's configuration, beside what is the same for all models.
            process: the program that answers.

        Raises:
            PipelineError: RecBole fails.
        """
        self.model = model
        # RecBole leaves logs and checkpoints in the current folder.
        self.folder = tempfile.TemporaryDirectory()
        self.errors = Path(self.folder.name) / "errors.txt"
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(
                # Isolated: the packages of another Python, if PYTHONPATH names such, are none of RecBole's.
                [str(python), "-I", str(process)],
                cwd=self.folder.name,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            self.sizes = self._ask(json.dumps({"model": model, "dataset": files.name, "settings": common_settings(files) | settings}))
        except PipelineError:
            self.close()
            raise

    def __enter__(self) -> "RecBole":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.folder.cleanup()

    def epoch(self) -> float:
        return float(self._ask("epoch")["seconds"])

    def validate(self) -> Validation:
        answer = self._ask("validate")
        return Validation(answer["seconds"], answer["ndcg@20"])

    def step(self) -> Validation:
        after: list[Validation] = []

        def train_and_validate() -> None:
            self.epoch()
            after.append(self.validate())

        return Validation(stopwatch(train_and_validate), after[0].ndcg)

    def check_same(self, data: TrainingData) -> None:
        """Both sides have the same users, items, train interactions and, if RecBole reads any, triplets.

        Raises:
            PipelineError: they do not.
        """
        triplets = len(data.read_triplets().heads) if self.sizes["triplets"] else 0
        expected = {"users": data.num_users, "items": data.num_items, "interactions": len(data.train), "triplets": triplets}
        if self.sizes != expected:
            raise PipelineError(f"peers: RecBole read {self.sizes} for its {self.model}, but the data set has {expected}.")

    def _ask(self, line: str) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # The empty answer tells.
        answer = self.process.stdout.readline()
        if not answer:
            raise PipelineError(f"peers: RecBole's {self.model} fails:\n{self.errors.read_text()[-2000:].strip()}")
        return json.loads(answer)


def common_settings(files: Path) -> dict[str, Any]:
    """RecBole's configuration that is the same for all models (https://recbole.io/docs/user_guide/config_settings.html)."""
    return {
        "data_path": str(files.parent.resolve()),
        "benchmark_filename": PARTS,
        "load_col": {kind: [name for name in COLUMNS[kind] if name.endswith("_id")] for kind in ("inter", "kg", "link")},
        "metrics": ["NDCG"],
        "topk": [20],
        "valid_metric": "NDCG@20",
        "metric_decimal_place": 8,
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
    }
