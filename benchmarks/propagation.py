"""Message passing as a sparse product beside gather and scatter: `python -m benchmarks.propagation`.

One propagation x ↦ A x over the collaborative knowledge graph, forward and backward, in float32. The reference
gathers the vector of every edge's tail, weighs it and adds it to the edge's head, and leaves the gradient to
autograd. A width of 128 is two modalities of 64 in one product.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from benchmarks import synthetic
from benchmarks.devices import machine, peak_memory, reset_peak_memory, stopwatch
from benchmarks.timing import alternate, print_table
from mkg4rec.device import choose_device
from mkg4rec.graph.sparse import Pattern
from mkg4rec.params import Device


@dataclass(frozen=True)
class GatherScatterPattern:
    """What `mkg4rec.graph.sparse.Pattern` offers to a model, done naively.

    Attributes:
        rows, columns: (entries,) int64.
    """

    rows: Tensor
    columns: Tensor
    shape: tuple[int, int]

    @classmethod
    def build(cls, rows: Tensor, columns: Tensor, shape: tuple[int, int]) -> "GatherScatterPattern":
        return cls(rows, columns, shape)

    def weighted(self, weights: Tensor) -> "GatherScatter":
        """The matrix with (entries,) `weights`."""
        return GatherScatter(self, weights)


@dataclass(frozen=True)
class GatherScatter:
    """A x, as a message for every entry."""

    pattern: GatherScatterPattern
    weights: Tensor

    def __call__(self, dense: Tensor) -> Tensor:
        """(rows, d) from (columns, d)"""
        messages = dense.float()[self.pattern.columns] * self.weights.unsqueeze(1)  # (entries, d)
        return messages.new_zeros(self.pattern.shape[0], dense.shape[1]).index_add(0, self.pattern.rows, messages)


@dataclass(frozen=True)
class Propagation:
    """A x, and the gradient of ⟨A x, g⟩ with respect to x."""

    product: Callable[[Tensor], Tensor]
    nodes: Tensor
    gradient: Tensor

    def __call__(self) -> tuple[Tensor, Tensor]:
        nodes = self.nodes.clone().requires_grad_()
        output = self.product(nodes)
        output.backward(self.gradient)
        assert nodes.grad is not None
        return output.detach(), nodes.grad

    def peak_memory(self) -> int:
        """MB"""
        reset_peak_memory(self.nodes.device)
        self()
        return peak_memory(self.nodes.device)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 128], help="columns of x (default 64 128)")
    parser.add_argument("--rounds", type=int, default=5, help="alternating measurements (default 5)")
    parser.add_argument("--device", type=Device, default=Device.AUTO, help="auto, cpu or cuda (default auto)")
    parser.add_argument("--small", action="store_true", help="a graph of a few hundred edges")
    given = parser.parse_args(arguments)
    device = choose_device(given.device)

    torch.manual_seed(0)
    graph = synthetic.graph(synthetic.SMALL if given.small else synthetic.MOVIELENS_1M).to(device)
    weights = torch.rand(len(graph.heads), device=device) / graph.degrees[graph.heads]
    shape = (graph.num_nodes, graph.num_nodes)
    products: list[Callable[[Tensor], Tensor]] = [
        pattern.build(graph.heads, graph.tails, shape).weighted(weights) for pattern in (Pattern, GatherScatterPattern)
    ]
    print(machine(device))
    print(f"{graph.num_nodes:,} nodes, {len(weights):,} edges; forward and backward, seconds are medians of {given.rounds} rounds")

    rows = []
    for width in given.widths:
        nodes, gradient = torch.randn(2, graph.num_nodes, width, device=device)
        sparse, naive = (Propagation(product, nodes, gradient) for product in products)
        torch.testing.assert_close(sparse(), naive(), rtol=1e-4, atol=1e-5)
        times = alternate(partial(stopwatch, sparse, device), partial(stopwatch, naive, device), given.rounds)
        cells = [f"{times.seconds:.4f}", f"{times.reference_seconds:.4f}", str(times), str(sparse.peak_memory()), str(naive.peak_memory())]
        rows.append([str(width), *cells])
    print_table(["width", "sparse s", "naive s", "ratio", "sparse peak MB", "naive peak MB"], rows)


if __name__ == "__main__":
    main()
