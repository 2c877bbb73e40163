"""The kernels that a model is given: which of what is known of the items, and with which weights."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal

import torch
from pydantic import AfterValidator, Field, ValidationInfo
from torch import Tensor

from mkg4rec import kernels
from mkg4rec.group import Count, Group, Lax, Name
from mkg4rec.kernels import Kernel, Polynomial, WeightedSum
from mkg4rec.models.data import ItemContents, TrainingData
from mkg4rec.sources.mids import creation_ranks


def _each_once(names: list[str]) -> list[str]:
    if len(set(names)) < len(names):
        raise ValueError(f"a name stands twice in {[str(name) for name in names]}")
    return names


Relations = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1), AfterValidator(_each_once)]
"""Names of relations of the knowledge graph, items being their heads."""


class AttributeKernel(Group):
    """Items that share attributes: `relations` of the knowledge graph from item to attribute."""

    source: Literal["attributes"]
    relations: Relations


class Text(StrEnum):
    """A text of an item: its title and description, or its web page."""

    DESCRIPTION = "description"
    PAGE = "page"


class WordKernel(Group):
    """Items whose texts share words; where there are several `of` each item, they are read as one."""

    source: Literal["words"]
    of: Annotated[list[Annotated[Text, Lax]], Field(min_length=1), AfterValidator(_each_once)] = Field(
        default_factory=lambda: [Text.DESCRIPTION]
    )


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
    relations: Relations
    width: Annotated[float, Field(gt=0)]


class SeniorityKernel(Group):
    """Items that the knowledge base has known for about as long, `width` (σ) of the catalogue between them or so."""

    source: Literal["seniority"]
    width: Annotated[float, Field(gt=0)]


class PolynomialKernel(Group):
    """Items that are alike in `degree` respects at once, by the weighted sum of other kernels: `of`, by their names."""

    source: Literal["polynomial"]
    of: Annotated[dict[Name, Annotated[float, Field(gt=0)]], Field(min_length=1)]
    degree: Annotated[Count, Field(ge=2)]


KernelSettings = Annotated[
    AttributeKernel | CountKernel | WordKernel | VectorKernel | YearKernel | SeniorityKernel | PolynomialKernel,
    Field(discriminator="source"),
]


def _made_of_others(kernels: dict[str, KernelSettings]) -> dict[str, KernelSettings]:
    for name, settings in kernels.items():
        if isinstance(settings, PolynomialKernel):
            simple = [other for other, its in kernels.items() if not isinstance(its, PolynomialKernel)]
            unknown = sorted(settings.of.keys() - simple)
            if unknown:
                raise ValueError(f"{name} is of {', '.join(unknown)}; it can be of {', '.join(simple) or 'nothing here'}")
    return kernels


Kernels = Annotated[dict[Name, KernelSettings], AfterValidator(_made_of_others)]
"""By name, what is known of items; a polynomial kernel is of those that are no such."""


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
    """Kernels of one data set, each made when it is first asked for. What the data set has not is a kernel of zeros."""

    def __init__(self, settings: Mapping[str, KernelSettings], data: TrainingData) -> None:
        self.device = data.train.items.device
        self.num_items = data.num_items
        self._settings, self._data = settings, data
        self._made: dict[str, Kernel] = {}

    def kernel(self, name: str) -> Kernel:
        """K_m by its name."""
        if name not in self._made:
            self._made[name] = self._make(self._settings[name])
        return self._made[name]

    def weighted(self, weights: KernelWeights) -> WeightedSum:
        """Σ_m α_m K_m."""
        return WeightedSum([(weight, self.kernel(name)) for name, weight in weights.items() if weight], self.num_items)

    def between(self, weights: KernelWeights, rows: Tensor, columns: Tensor) -> Tensor:
        """Σ_m α_m K_m of (M,) items with (N,) items: (M, N) in double precision."""
        return torch.from_numpy(self.weighted(weights).between(rows.cpu().numpy(), columns.cpu().numpy())).to(self.device)

    def among(self, weights: KernelWeights, items: Tensor) -> Tensor:
        """Σ_m α_m K_m of (M,) items with each other: (M, M)."""
        return self.between(weights, items, items)

    def _make(self, settings: KernelSettings) -> Kernel:
        data = self._data
        match settings:
            case AttributeKernel():
                return kernels.of_attributes(data.read_triplets(), settings.relations, data.num_items)
            case WordKernel():
                return kernels.of_words(_texts(data.read_contents(), settings.of))
            case VectorKernel():
                return kernels.of_vectors(data.read_features(settings.modality), data.num_items)
            case YearKernel():
                return kernels.Nearness(data.read_contents().years.numpy(), settings.width)
            case CountKernel():
                return kernels.of_counts(data.read_triplets(), settings.relations, settings.width, data.num_items)
            case SeniorityKernel():
                entities = data.read_contents().entities or [""] * data.num_items
                return kernels.Nearness(creation_ranks(entities), settings.width)
            case PolynomialKernel():
                return Polynomial(self.weighted(settings.of), settings.degree)


def _texts(contents: ItemContents, of: Sequence[Text]) -> list[str]:
    kinds = {Text.DESCRIPTION: contents.texts, Text.PAGE: contents.pages or [""] * len(contents.texts)}
    return [" ".join(parts) for parts in zip(*(kinds[kind] for kind in of), strict=True)]
