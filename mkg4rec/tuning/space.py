"""What a search may try, declared beside the hyper-parameter in its model's file.

    learning_rate: Annotated[float, Field(gt=0), Range(1e-4, 1e-2, log=True)]
    num_layers: Annotated[Count, Range(1, 3)]
    similarity: Annotated[Similarity, Lax, Choice(("dot", "cosine"))]

A subclass inherits what its parent declares, and changes it as it changes any field: by declaring the field anew. What has an
effect only beside certain values of another says so, and is searched only there:

    temperature: Annotated[float, Field(gt=0), Range(0.05, 1.0, log=True), Beside("loss", ("softmax",))]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole numbers where both are.

    Attributes:
        log: whether equal factors, instead of equal differences, are equally likely.
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(f"{self}: low must be below high, and above 0 for log")

    @property
    def whole(self) -> bool:
        """Whether these are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int if self.whole else int | float) and self.low <= value <= self.high


@dataclass(frozen=True)
class Choice:
    """One of `options`, written as in params.yaml."""

    options: tuple[Any, ...]

    def __contains__(self, value: object) -> bool:
        return value in self.options


@dataclass(frozen=True)
class Beside:
    """Where a hyper-parameter has an effect: beside one of `values` of `other`, written as in params.yaml; if none are given, beside
    any but `false`, `null` and what is empty."""

    other: str
    values: tuple[Any, ...] = ()

    def holds(self, values: Mapping[str, Any]) -> bool:
        """Whether it is so among `values`."""
        value = values[self.other]
        return value in self.values if self.values else bool(value)


Space = Mapping[str, Range | Choice]


def declared(hyperparameters: type[BaseModel], values: Mapping[str, Any]) -> Space:
    """The hyper-parameters that a search varies beside the others' `values`; those without a declaration it leaves alone."""
    return {
        name: domain
        for name, field in hyperparameters.model_fields.items()
        for domain in field.metadata
        if isinstance(domain, Range | Choice)
        and all(condition.holds(values) for condition in field.metadata if isinstance(condition, Beside))
    }
