"""Item graphs and the models on them: `python -m benchmarks.item_graphs`.

Seconds and memory of building the graph of a modality and that of co-interactions at some numbers of items, on random data.
Then an epoch of each model beside one of LightGCN on the same data in batches of the same size: both are trained as the stage
`train` does it, in turn, for some batches; an epoch is those seconds times its number of batches. What an epoch has beside its
batches (`igdmrec`'s diffusion, `freedom`'s pruned graph) is a column of its own.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from benchmarks import synthetic
from benchmarks.devices import machine, peak_memory, reset_peak_memory, stopwatch
from benchmarks.epoch import Training
from benchmarks.synthetic import NEIGHBOURS
from benchmarks.timing import alternate, print_table
from mkg4rec import params
from mkg4rec.device import Arithmetic, choose_device
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.graph.nearest import by_co_interactions, by_features
from mkg4rec.models import registry
from mkg4rec.models.base import Neural
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Device

MODELS = ["freedom", "siger", "dmicf", "igdmrec", "egra"]
REFERENCE = "lightgcn"
SIZES = {
    items: replace(synthetic.MOVIELENS_1M, users=users, items=items, interactions=interactions, entities=items + 1000, dimension=64)
    for items, users, interactions in ((30, 40, 300), (3_476, 6_039, 667_000), (200_000, 100_000, 2_000_000))
}
"""By the number of items; the first is for trying out."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", choices=SIZES, default=[3_476], help="sizes of the catalogue (default 3476)")
    parser.add_argument("--models", nargs="*", choices=MODELS, default=MODELS, help="whose epochs are measured (default all)")
    parser.add_argument("--batches", type=int, default=5, help="measured batches of each model (default 5)")
    parser.add_argument("--batch-size", type=int, default=8192, help="of all models (default 8192)")
    parser.add_argument("--device", type=Device, default=Device.AUTO, help="auto, cpu or cuda (default auto)")
    given = parser.parse_args(arguments)
    device = choose_device(given.device)
    print(machine(device))
    for items in given.items:
        torch.manual_seed(0)
        size = SIZES[items]
        data = synthetic.training_data(size, device)
        print(f"\n{size.users:,} users, {items:,} items, {len(data.train):,} interactions; features of {size.dimension}, k = {NEIGHBOURS}")
        graph = measure_graphs(data)
        if given.models:
            measure_epochs(given.models, replace(data, read_item_graph=partial(_always, graph)), given.batch_size, given.batches)


def _always(graph: ItemGraph, modality: str) -> ItemGraph:
    return graph


def measure_graphs(data: TrainingData) -> ItemGraph:
    """Print seconds and peak memory of both kinds of item graph; gives that of a modality."""
    device = data.train.items.device
    features = data.read_features("visual")
    built: list[ItemGraph] = []
    rows = []
    for name, build in (
        ("by features", partial(by_features, features, data.num_items, NEIGHBOURS)),
        ("by co-interactions", partial(by_co_interactions, data.train, NEIGHBOURS)),
    ):
        reset_peak_memory(device)
        before = peak_memory(device)
        seconds = stopwatch(partial(_keep, build, built), device)
        rows.append([name, f"{seconds:.2f}", f"{before:,}", f"{peak_memory(device):,}", f"{data.num_items**2 * 4 >> 20:,}"])
    print_table(["item graph", "seconds", "MB before", "peak MB", "MB if dense"], rows)
    return built[0]


def _keep(build: Callable[[], ItemGraph], built: list[ItemGraph]) -> None:
    built.append(build())


def measure_epochs(models: Sequence[str], data: TrainingData, batch_size: int, batches: int) -> None:
    """Print an epoch of each model beside LightGCN's."""
    reference = training(REFERENCE, data, batch_size)
    num_batches = reference.objectives[0].num_batches
    rows = []
    for name in models:
        model = training(name, data, batch_size)
        first = model.step(0)
        reference.step(0)
        times = alternate(partial(model.step, 0), partial(reference.step, 0), batches)
        beside = max(0.0, first - times.seconds) + model.refresh()
        beside += sum(objective.num_batches * model.step(1 + number) for number, objective in enumerate(model.objectives[1:]))
        epochs = times.seconds * num_batches, times.reference_seconds * num_batches
        rows.append(
            [
                name,
                f"{times.seconds:.3f}",
                f"{times.reference_seconds:.3f}",
                str(times),
                *(f"{epoch:.1f}" for epoch in epochs),
                f"{beside:.1f}",
            ]
        )
    print_table(["model", "s/batch", f"{REFERENCE} s", "ratio", "s/epoch", f"{REFERENCE} s/epoch", "beside it, s"], rows)


def training(name: str, data: TrainingData, batch_size: int) -> Training:
    """The model with the values of params.yaml, but for the size of its batches."""
    torch.manual_seed(0)
    model = registry.create(name, params.load().models[name] | {"batch_size": batch_size}, data)
    assert isinstance(model, Neural)
    model.refresh()
    return Training(model, Arithmetic(torch.float32, compile=False))


if __name__ == "__main__":
    main()
