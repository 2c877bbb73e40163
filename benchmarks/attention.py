"""What KGAT's training pays for an attention that is aware of structure, at MovieLens-1M's size: `python -m benchmarks.attention`.

A step of recommendation (KGAT takes its attention from the last refresh; the other computes its softmax, gathers over `hops`
edges and learns by both) and the refresh that ends an epoch, each beside the same of KGAT; and the seconds that the features
of all edges take once, beside such a step of KGAT. Facts are learned in the same way by both.

The data is that of `data/DATASET` in the current folder where `dvc repro` has built it, else random, of the same size.
"""

import argparse
from collections.abc import Sequence
from functools import partial

import torch

from benchmarks.devices import machine, stopwatch
from benchmarks.epoch import Training, measure, read_or_invent, seeded
from benchmarks.timing import alternate, print_table
from mkg4rec import params
from mkg4rec.device import Arithmetic, choose_device
from mkg4rec.graph.structure import edge_features
from mkg4rec.layers.attention import Attention
from mkg4rec.models import registry
from mkg4rec.params import Device
from stages.layout import Layout

RECOMMENDATION = 0
"""The number of that objective."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="ml-1m", help="whose hyper-parameters and, if built, data are taken (default ml-1m)")
    parser.add_argument("--hops", type=int, nargs="+", default=[1, 2, 3], help="edges that a layer reaches over (default 1 2 3)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating measurements (default 5)")
    parser.add_argument("--device", type=Device, default=Device.AUTO, help="auto, cpu or cuda (default auto)")
    parser.add_argument("--small", action="store_true", help="a few hundred random interactions, whatever is built")
    given = parser.parse_args(arguments)
    device, arithmetic = choose_device(given.device), Arithmetic(torch.float32, compile=False)

    print(machine(device))
    values = params.load().hyperparameters(given.dataset, "kgat")
    torch.manual_seed(0)
    data = read_or_invent(Layout(given.dataset), device, given.small)
    plain = Training(seeded(partial(registry.create, "kgat", values, data)), arithmetic)
    print(f"batches of {values['batch_size']:,}; {data.graph.num_nodes:,} nodes, {len(data.graph.heads):,} edges; {given.rounds} rounds")
    plain.step(RECOMMENDATION)
    once = alternate(lambda: stopwatch(partial(edge_features, data.graph), device), lambda: plain.step(RECOMMENDATION), given.rounds)
    rows = [["features, once", f"{once.seconds:.3f}", f"{once.reference_seconds:.3f}", str(once)]]
    for hops in given.hops:
        changed = values | {"attention": Attention.STRUCTURE_AWARE.value, "hops": hops}
        aware = Training(seeded(partial(registry.create, "kgat", changed, data)), arithmetic)
        for part, times in (
            ("step", measure(aware, plain, RECOMMENDATION, given.rounds)),
            ("refresh", alternate(aware.refresh, plain.refresh, given.rounds)),
        ):
            rows.append([f"{part}, {hops} hops", f"{times.seconds:.3f}", f"{times.reference_seconds:.3f}", str(times)])
    print_table(["part", "aware s", "kgat s", "ratio"], rows)


if __name__ == "__main__":
    main()
