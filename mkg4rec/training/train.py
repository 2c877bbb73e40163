"""Train any model: at once where it has a closed form, else epoch by epoch."""

from pathlib import Path
from typing import Any

from mkg4rec.device import Arithmetic, choose_precision, seed_everything
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.memory import explaining_lack_of_memory, keep_freed_memory
from mkg4rec.models import registry
from mkg4rec.models.base import ClosedForm, Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Train
from mkg4rec.training.checkpoints import Checkpoint, Progress
from mkg4rec.training.loop import fit


def train(
    name: str, hyperparameters: dict[str, Any], data: TrainingData, settings: Train, checkpoint: Path
) -> tuple[ClosedForm | Neural, Progress]:
    """A trained model, and the log of its training.

    Args:
        name: the model's name in the registry.
        checkpoint: where an interrupted training of epochs goes on from; the caller removes it when what it needs is saved.

    Raises:
        PipelineError: a bad hyper-parameter, the training diverged, or there is too little memory.
    """
    with explaining_lack_of_memory(f"models.{name}: its training on {data.train.items.device}", _what_to_lower(name, hyperparameters)):
        return _trained(name, hyperparameters, data, settings, checkpoint)


def _trained(
    name: str, hyperparameters: dict[str, Any], data: TrainingData, settings: Train, checkpoint: Path
) -> tuple[ClosedForm | Neural, Progress]:
    device = data.train.items.device
    seed_everything(settings.seed)
    model = registry.create(name, hyperparameters, data)
    arithmetic = Arithmetic(choose_precision(settings.precision, device), settings.compile)
    if isinstance(model, ClosedForm):
        model.prepare(arithmetic, checkpoint.parent)
        return model, _fit_at_once(model, data)
    keep_freed_memory()
    return model, fit(model, data, arithmetic, Checkpoint(checkpoint))


def _what_to_lower(name: str, hyperparameters: dict[str, Any]) -> str:
    """A sentence with the hyper-parameters of the model that memory grows with."""
    sizes = [key for key in hyperparameters if key.endswith(("size", "dimension", "dimensions", "num_negatives"))]
    lower = f"Lower {', '.join(sizes)} of models.{name} (or of its variant, or under tuned:)" if sizes else "Take a model that needs less"
    return f"{lower}, or train where there is more memory."


def _fit_at_once(model: ClosedForm, data: TrainingData) -> Progress:
    loss = model.fit()
    validation = validation_metrics(model.scorer(), data.train, data.valid)
    print(", ".join(f"{name} {value:.4f}" for name, value in validation.items()))
    return Progress(1, 1, 0.0, [{"epoch": 1, "loss": loss}], [{"epoch": 1, **validation}])
