"""An epoch of a model on the graph at MovieLens-1M's size, beside the same model done naively: `python -m benchmarks.epoch`.

Both are trained as the stage `train` does it, in turn, for some batches of each objective; an epoch is those seconds
times its number of batches, plus the refresh of the attention. The validation after it is not part of it.

The reference of Multi-KG4Rec is that model, its sparse products replaced by gather and scatter (`benchmarks.propagation`).
TransR's batches (kg_loss) are the same code in both: how far their ratio is from 1 tells how noisy the machine is. The
reference of KGAT (`--model kgat`) does every step in its authors' way (`benchmarks.plain_kgat`).

The data is that of `data/DATASET` in the current folder where `dvc repro` has built it, else random, of the same size.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.optim import Adam

from benchmarks import synthetic
from benchmarks.devices import machine, peak_memory, reset_peak_memory, stopwatch
from benchmarks.plain_kgat import PlainKgat
from benchmarks.propagation import GatherScatterPattern
from benchmarks.timing import Comparison, alternate, print_table
from mkg4rec import params
from mkg4rec.device import Arithmetic, autocast, choose_device, choose_precision
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.models import knowledge_graph, multi_kg4rec, registry
from mkg4rec.models.base import Model, Neural, Objective
from mkg4rec.models.data import TrainingData
from mkg4rec.models.dot_product import DotProduct
from mkg4rec.models.kgat import KgatHyperparameters
from mkg4rec.models.vectors import VectorScorer
from mkg4rec.params import Device, Precision
from stages.inputs import training_data
from stages.layout import Layout


class Training:
    """A model in training, whose steps can be timed one by one."""

    def __init__(self, model: Neural, arithmetic: Arithmetic) -> None:
        self.model = model
        self.device = next(model.parameters()).device
        self.precision = arithmetic.precision
        self.objectives: list[Objective[Tensor]] = model.objectives()
        self.batches: list[Iterator[Tensor]] = [objective.batches() for objective in self.objectives]
        settings = model.hyperparameters
        self.optimizers = [
            Adam(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, foreach=True) for _ in self.objectives
        ]
        self.peak_memory = 0
        if arithmetic.compile:
            model.compile_layers()
        model.train()

    def step(self, number: int) -> float:
        """Seconds of a batch of objective `number`."""
        batch = next(self.batches[number], None)
        if batch is None:
            self.batches[number] = self.objectives[number].batches()
            batch = next(self.batches[number])
        reset_peak_memory(self.device)
        seconds = stopwatch(lambda: self._train(number, batch), self.device)
        self.peak_memory = max(self.peak_memory, peak_memory(self.device))
        return seconds

    def refresh(self) -> float:
        """Seconds of the refresh that ends an epoch."""
        return stopwatch(self.model.refresh, self.device)

    def _train(self, number: int, batch: Tensor) -> None:
        self.optimizers[number].zero_grad(set_to_none=True)
        with autocast(self.device, self.precision):
            loss = self.objectives[number].loss(batch)
        loss.backward()
        self.optimizers[number].step()


@dataclass(frozen=True)
class Part:
    """A part of an epoch that comes `times` times."""

    name: str
    times: int
    measured: Comparison

    @property
    def epoch(self) -> tuple[float, float]:
        """Seconds in a whole epoch: ours, the reference's."""
        return self.times * self.measured.seconds, self.times * self.measured.reference_seconds

    def row(self) -> list[str]:
        return [
            self.name,
            f"{self.times:,}",
            f"{self.measured.seconds:.3f}",
            f"{self.measured.reference_seconds:.3f}",
            str(self.measured),
            *(f"{seconds:.1f}" for seconds in self.epoch),
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=list(REFERENCES), default="multi_kg4rec", help="what is trained (default multi_kg4rec)")
    parser.add_argument("--dataset", default="ml-1m", help="whose hyper-parameters and, if built, data are taken (default ml-1m)")
    parser.add_argument("--batches", type=int, default=3, help="measured batches of each objective (default 3)")
    parser.add_argument("--device", type=Device, default=Device.AUTO, help="auto, cpu or cuda (default auto)")
    parser.add_argument("--precision", type=Precision, default=Precision.FLOAT32, help="auto, float32 or bfloat16 (default float32)")
    parser.add_argument("--compile", action="store_true", help="torch.compile of the dense layers, of both models")
    parser.add_argument("--small", action="store_true", help="a few hundred random interactions, whatever is built")
    given = parser.parse_args(arguments)
    device = choose_device(given.device)
    arithmetic = Arithmetic(choose_precision(given.precision, device), given.compile)

    print(machine(device))
    values = params.load().hyperparameters(given.dataset, given.model)
    torch.manual_seed(0)
    data = read_or_invent(Layout(given.dataset), device, given.small)
    ours = Training(seeded(lambda: registry.create(given.model, values, data)), arithmetic)
    naive = Training(seeded(lambda: REFERENCES[given.model](values, data)), arithmetic)
    print(
        f"{given.model}, batches of {values['batch_size']:,} and {values['kg_batch_size']:,}: {len(data.train):,} train interactions, "
        f"{data.graph.num_nodes:,} nodes, {len(data.graph.heads):,} edges; {arithmetic.precision}{', compiled' if given.compile else ''}"
    )
    check_same(ours.model.scorer(), naive.model.scorer())

    parts = [
        Part(objective.name, objective.num_batches, measure(ours, naive, number, given.batches))
        for number, objective in enumerate(ours.objectives)
    ]
    parts.append(Part("refresh", 1, alternate(ours.refresh, naive.refresh, given.batches)))
    print_table(["part", "times", "sparse s", "naive s", "ratio", "sparse s/epoch", "naive s/epoch"], [part.row() for part in parts])
    epoch, reference = (sum(seconds) for seconds in zip(*(part.epoch for part in parts), strict=True))
    print(f"epoch, extrapolated from {given.batches} batches of each objective:")
    print(f"{epoch:.1f} s, naive {reference:.1f} s, ratio {epoch / reference:.2f}")
    print(f"peak memory with both models loaded: {ours.peak_memory:,} MB, naive {naive.peak_memory:,} MB")


def read_or_invent(layout: Layout, device: torch.device, small: bool) -> TrainingData:
    """The data set where it is built, else random data; says which."""
    if not small and layout.triplets.exists() and layout.features("visual").exists():
        print(f"data: {layout.data}")
        return training_data(layout, device)
    print("data: random")
    return synthetic.training_data(synthetic.SMALL if small else synthetic.MOVIELENS_1M, device)


def seeded(create: Callable[[], Model]) -> DotProduct:
    """A new model, with the same weights at each call."""
    torch.manual_seed(0)
    model = create()
    assert isinstance(model, DotProduct)
    return model


def naive_multi_kg4rec(values: dict[str, Any], data: TrainingData) -> Model:
    """Multi-KG4Rec with gather and scatter in place of every sparse product."""
    with (
        patch.object(knowledge_graph, "Pattern", GatherScatterPattern),
        patch.object(multi_kg4rec, "Pattern", GatherScatterPattern),
    ):
        return registry.create("multi_kg4rec", values, data)


def plain_kgat(values: dict[str, Any], data: TrainingData) -> Model:
    return PlainKgat(KgatHyperparameters.model_validate(values), data)


REFERENCES: dict[str, Callable[[dict[str, Any], TrainingData], Model]] = {"multi_kg4rec": naive_multi_kg4rec, "kgat": plain_kgat}


def check_same(found: Scorer, expected: Scorer) -> None:
    """Both models compute the same final vectors.

    Raises:
        AssertionError: they do not.
    """
    assert isinstance(found, VectorScorer)
    assert isinstance(expected, VectorScorer)
    torch.testing.assert_close((found.users, found.items), (expected.users, expected.items), rtol=1e-3, atol=1e-4)


def measure(ours: Training, naive: Training, number: int, batches: int) -> Comparison:
    """`batches` steps of one objective, after one of each model to warm up."""
    for training in (ours, naive):
        training.step(number)
    return alternate(lambda: ours.step(number), lambda: naive.step(number), batches)


if __name__ == "__main__":
    main()
