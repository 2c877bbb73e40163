"""The training loop of every neural model."""

import resource
import sys
import time

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from mkg4rec.device import Arithmetic, autocast
from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.metrics import validation_metrics
from mkg4rec.models.base import Neural, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.progress import progress as showing_progress
from mkg4rec.training.checkpoints import Checkpoint, Progress

SELECTION = "ndcg@20"


def fit(model: Neural, data: TrainingData, arithmetic: Arithmetic, checkpoint: Checkpoint) -> Progress:
    """Train until validation NDCG@20 has not risen for `patience` epochs; the best weights are in `model` at the end.

    After every epoch a checkpoint is written. Called again with the same model, data and checkpoint, the
    training goes on where it was stopped and on a CPU ends with the same bits as one that was not.

    Raises:
        PipelineError: the loss is no longer a finite number.
    """
    settings = model.hyperparameters
    objectives = model.objectives()
    optimizers: list[Optimizer] = [
        Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True) for _ in objectives
    ]
    restored = checkpoint.restore(model, optimizers)
    if restored:
        print(f"training goes on after epoch {restored[1].epoch}")
    else:
        model.pretrain(data)
    best, progress = restored or (_weights(model), Progress())
    if arithmetic.compile:
        model.compile_layers()
    model.refresh()
    while progress.epoch < settings.max_epochs and progress.epoch - progress.best_epoch < settings.patience:
        _train_epoch(model, objectives, optimizers, arithmetic, progress)
        values = validation_metrics(model.scorer(), data.train, data.valid)
        progress.validation.append({"epoch": progress.epoch, **values})
        if values[SELECTION] > progress.best:
            progress.best, progress.best_epoch = values[SELECTION], progress.epoch
            best = _weights(model)
        checkpoint.save(model, optimizers, best, progress)
        print(_line(progress), flush=True)
    model.load_state_dict(best)
    model.refresh()
    return progress


def _train_epoch(
    model: Neural, objectives: list[Objective[Tensor]], optimizers: list[Optimizer], arithmetic: Arithmetic, progress: Progress
) -> None:
    """Every objective once over its batches, then what is constant during an epoch anew; adds a row to the log."""
    device = next(model.parameters()).device
    model.train()
    start = time.perf_counter()
    row: dict[str, float] = {"epoch": progress.epoch + 1}
    for objective, optimizer in zip(objectives, optimizers, strict=True):
        total = torch.zeros((), device=device)
        batches = showing_progress(objective.batches(), f"epoch {progress.epoch + 1} {objective.name}", objective.num_batches, "batch")
        for batch in batches:
            optimizer.zero_grad(set_to_none=True)
            with autocast(device, arithmetic.precision):
                loss = objective.loss(batch)
            loss.backward()
            optimizer.step()
            total += loss.detach()
        row[objective.name] = float(total) / objective.num_batches
        if not torch.isfinite(total):
            raise PipelineError(
                f"training: {objective.name} is {float(total)} in epoch {progress.epoch + 1}; lower models.….learning_rate, "
                "or set train.precision to float32."
            )
    model.refresh()
    row["seconds"] = round(time.perf_counter() - start, 3)
    row["peak_memory_mb"] = peak_memory_mb(device)
    progress.epoch += 1
    progress.losses.append(row)


def peak_memory_mb(device: torch.device) -> int:
    """The most memory so far: of the device for a GPU, else of the process (MB)."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) >> 20
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)


def _weights(model: Neural) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def _line(progress: Progress) -> str:
    losses = ", ".join(f"{name} {value:.4f}" for name, value in progress.losses[-1].items() if name.endswith("loss"))
    seconds = progress.losses[-1]["seconds"]
    value = progress.validation[-1][SELECTION]
    best = f"best {progress.best:.4f} in epoch {progress.best_epoch}"
    return f"epoch {progress.epoch:3d}: {losses}, validation {SELECTION} {value:.4f} ({best}), {seconds:.1f} s"
