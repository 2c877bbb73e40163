"""Train one model on one data set: weights, what it needs to score, and the log of the training."""

import csv
import hashlib
import json
from pathlib import Path

from mkg4rec import params
from mkg4rec.device import choose_device, choose_precision, seed_everything
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.files import replacing
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm
from mkg4rec.models.data import TrainingData
from mkg4rec.training.checkpoints import Checkpoint, Progress
from mkg4rec.training.loop import Arithmetic, fit
from stages import run
from stages.inputs import training_data
from stages.layout import Layout

STOPPING = {"max_epochs", "patience"}


def main(dataset: str, model_name: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    values = settings.hyperparameters(dataset, model_name)
    device = choose_device(settings.train.device)
    seed_everything(settings.train.seed)
    data = training_data(layout, device)
    model = registry.create(settings.base_model(model_name), values, data)
    if isinstance(model, ClosedForm):
        progress = _fit_at_once(model, data)
    else:
        arithmetic = Arithmetic(choose_precision(settings.train.precision, device), settings.train.compile)
        checkpoint = Checkpoint(checkpoint_path(layout, model_name))
        progress = fit(model, data, arithmetic, checkpoint)
    with replacing(layout.model(model_name)) as folder:
        folder.mkdir()
        model.save(folder, data)
    with replacing(layout.training(model_name)) as folder:
        folder.mkdir()
        _write_log(progress.losses, folder / "loss.csv")
        _write_log(progress.validation, folder / "validation.csv")
    if not isinstance(model, ClosedForm):
        checkpoint.remove()


def _fit_at_once(model: ClosedForm, data: TrainingData) -> Progress:
    loss = model.fit()
    validation = validation_metrics(model.scorer(), data.train, data.valid)
    print(", ".join(f"{name} {value:.4f}" for name, value in validation.items()))
    return Progress(1, 1, 0.0, [{"epoch": 1, "loss": loss}], [{"epoch": 1, **validation}])


def checkpoint_path(layout: Layout, model: str) -> Path:
    """Where the training of exactly these settings, inputs and code keeps its checkpoint.

    Outside of DVC's sight: DVC removes a stage's outputs before it runs the stage. When to stop is no part of
    the name, so that an interrupted training can go on with another number of epochs.
    """
    gathered = json.loads(layout.gathered(model).read_text(encoding="utf-8"))
    gathered["hyperparameters"] = {key: value for key, value in gathered["hyperparameters"].items() if key not in STOPPING}
    digest = hashlib.sha256(json.dumps(gathered, sort_keys=True).encode())
    for path in (layout.split("train"), layout.split("valid"), *sorted(Path("mkg4rec/training").glob("*.py"))):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return Path(".mkg4rec") / "checkpoints" / layout.dataset / model / digest.hexdigest()[:16] / "checkpoint.safetensors"


def _write_log(rows: list[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    run(main)
