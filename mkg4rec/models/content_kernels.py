"""The kernels that a model is given: which of what is known of the items, and with which weights."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, ValidationInfo
from torch import Tensor

from mkg4rec import kernels
from mkg4rec.kernels import Kernel, WeightedSum
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Group, Name


class AttributeKernel(Group):
    """Items that share attributes: `relations` of the knowledge graph from item to attribute."""

    source: Literal["attributes"]
    relations: Annotated[list[str], Field(min_length=1)]


class WordKernel(Group):
    """Items whose titles and descriptions share words."""

    source: Literal["words"]


class VectorKernel(Group):
    """Items whose vectors of a `modality` are near each other."""

    source: Literal["vectors"]
    modality: Name


class YearKernel(Group):
    """Items of about the same year, `width` (σ) years apart or so."""

    source: Literal["years"]
    width: Annotated[float, Field(gt=0)]


class CountKernel(Group):
    """Items of about as many facts of some relations, `width` (σ) apart or so on a logarithmic scale."""

    source: Literal["counts"]
    relations: Annotated[list[str], Field(min_length=1)]
    width: Annotated[float, Field(gt=0)]


KernelSettings = Annotated[AttributeKernel | CountKernel | WordKernel | VectorKernel | YearKernel, Field(discriminator="source")]


def _of_kernels(weights: dict[str, float], group: ValidationInfo) -> dict[str, float]:
    # Kernels that are wrong themselves are not there, and have a message of their own.
    kernels: Mapping[str, KernelSettings] = group.data.get("kernels", weights)
    unknown = sorted(weights.keys() - kernels.keys())
    if unknown:
        raise ValueError(f"a weight of {', '.join(unknown)}, which is not among kernels ({', '.join(kernels) or 'none'})")
    return weights


KernelWeights = Annotated[dict[Name, Annotated[float, Field(ge=0)]], AfterValidator(_of_kernels)]
"""α_m by the name of a kernel of the same group, which declares `kernels` before; one that is not listed has no part."""


class ContentKernels:
    """Kernels of one data set. What the data set has not is a kernel of zeros.

    Attributes:
        kernels: by name.
    """

    def __init__(self, settings: Mapping[str, KernelSettings], data: TrainingData) -> None:
        self.device = data.train.items.device
        self.num_items = data.num_items
        self.kernels = {name: _read(kernel, data) for name, kernel in settings.items()}

    def weighted(self, weights: KernelWeights) -> WeightedSum:
        """Σ_m α_m K_m."""
        return WeightedSum([(weight, self.kernels[name]) for name, weight in weights.items()], self.num_items)

    def between(self, weights: KernelWeights, rows: Tensor, columns: Tensor) -> Tensor:
        """Σ_m α_m K_m of (M,) items with (N,) items: (M, N) in double precision."""
        return torch.from_numpy(self.weighted(weights).between(rows.cpu().numpy(), columns.cpu().numpy())).to(self.device)

    def among(self, weights: KernelWeights, items: Tensor) -> Tensor:
        """Σ_m α_m K_m of (M,) items with each other: (M, M)."""
        return self.between(weights, items, items)


def _read(settings: KernelSettings, data: TrainingData) -> Kernel:
    match settings:
        case AttributeKernel():
            return kernels.of_attributes(data.read_triplets(), settings.relations, data.num_items)
        case WordKernel():
            return kernels.of_words(data.read_contents().texts)
        case VectorKernel():
            return kernels.of_vectors(data.read_features(settings.modality), data.num_items)
        case YearKernel():
            return kernels.Nearness(data.read_contents().years.numpy(), settings.width)
        case CountKernel():
            return kernels.of_counts(data.read_triplets(), settings.relations, settings.width, data.num_items)
