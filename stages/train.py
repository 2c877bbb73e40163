"""Train one model on one data set: weights, what it needs to score, and the log of the training."""

import csv
import json
from pathlib import Path

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.files import replacing
from mkg4rec.training.checkpoints import Checkpoint, Progress
from mkg4rec.training.train import train
from stages import run
from stages.inputs import checkpoint_path, training_data
from stages.layout import Layout


def main(dataset: str, model_name: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    data = training_data(layout, choose_device(settings.train.device))
    base, values = settings.base_model(model_name), settings.hyperparameters(dataset, model_name)
    checkpoint = checkpoint_path(layout, model_name, values, settings.train.seed, data)
    model, progress = train(base, values, data, settings.train, checkpoint)
    with replacing(layout.model(model_name)) as folder:
        folder.mkdir()
        model.save(folder, data)
    with replacing(layout.training(model_name)) as folder:
        folder.mkdir()
        _write_log(progress.losses, folder / "loss.csv")
        _write_log(progress.validation, folder / "validation.csv")
    with replacing(layout.validation(model_name)) as path:
        path.write_text(json.dumps(best_epoch(progress), indent=2) + "\n", encoding="utf-8")
    Checkpoint(checkpoint).remove()


def best_epoch(progress: Progress) -> dict[str, float]:
    """The row of the validation log whose weights are kept, to 6 significant digits."""
    row = next(row for row in progress.validation if row["epoch"] == progress.best_epoch)
    return {name: int(value) if name == "epoch" else float(f"{value:.6g}") for name, value in row.items()}


def _write_log(rows: list[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    run(main)
