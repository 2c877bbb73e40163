"""Checkpoints of a training, so that it can be killed at any moment and go on to the same weights."""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from mkg4rec.files import replacing


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        epoch: epochs completed.
        best_epoch: the one with the best validation value, 0 before the first.
        best: that value.
        losses, validation: the log, a row an epoch.
    """

    epoch: int = 0
    best_epoch: int = 0
    best: float = -1.0
    losses: list[dict[str, float]] = field(default_factory=list)
    validation: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training. Everything is a tensor or JSON, nothing is pickled."""

    path: Path

    def save(self, model: torch.nn.Module, optimizers: list[Optimizer], best: dict[str, Tensor], progress: Progress) -> None:
        """Replace the checkpoint by the present state, generators included."""
        tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
        for number, optimizer in enumerate(optimizers):
            for parameter, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{number}/{parameter}/{name}": value for name, value in state.items()}
        tensors["generator/cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["generator/cuda"] = torch.cuda.get_rng_state()
        with replacing(self.path) as temporary:
            # Cloned, because safetensors refuses tensors that share memory.
            owned = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
            save_file(owned, temporary, metadata={"progress": json.dumps(asdict(progress))})

    def restore(self, model: torch.nn.Module, optimizers: list[Optimizer]) -> tuple[dict[str, Tensor], Progress] | None:
        """Bring model, optimizers and generators to the saved state.

        Returns:
            The best weights and the progress, or None where nothing is saved.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                progress = Progress(**json.loads(file.metadata()["progress"]))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
        except SafetensorError:
            # A disk error at worst costs the epochs so far.
            self.path.unlink()
            return None
        device = next(model.parameters()).device
        model.load_state_dict({name: tensor.to(device) for name, tensor in _below("model/", tensors).items()})
        for number, optimizer in enumerate(optimizers):
            _restore_optimizer(optimizer, _below(f"optimizer/{number}/", tensors))
        torch.set_rng_state(tensors["generator/cpu"])
        if "generator/cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["generator/cuda"])
        best = {name: tensor.to(device) for name, tensor in _below("best/", tensors).items()}
        return best, progress

    def remove(self) -> None:
        """Forget the checkpoint, and its folder if that is empty then."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        parameter, value = name.split("/")
        state.setdefault(int(parameter), {})[value] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
