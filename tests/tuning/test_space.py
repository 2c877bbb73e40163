"""What a search may try: domains, and what every model declares."""

from typing import Annotated, Any

import pytest
from pydantic import Field

from mkg4rec import params
from mkg4rec.group import MEMBERS, Count, Group
from mkg4rec.models import registry
from mkg4rec.tuning.space import Beside, Choice, Range, declared
from tests.conftest import ROOT

SETTINGS = params.load(ROOT / "params.yaml")
MODELS = [name for name in SETTINGS.models if SETTINGS.base_model(name) == name]


class Parent(Group):
    """Two values to search and one that is left alone."""

    rate: Annotated[float, Field(gt=0), Range(0.1, 10.0, log=True)]
    layers: Annotated[Count, Range(1, 3)]
    width: Count


class Child(Parent):
    """One more to search, one narrower, one no more."""

    rate: Annotated[float, Field(gt=0), Range(0.1, 1.0)]
    layers: Count
    loss: Annotated[str, Choice(("bpr", "softmax"))]


def test_a_subclass_inherits_and_changes_what_its_parent_declares() -> None:
    assert declared(Parent, {}) == {"rate": Range(0.1, 10.0, log=True), "layers": Range(1, 3)}
    assert declared(Child, {}) == {"rate": Range(0.1, 1.0), "loss": Choice(("bpr", "softmax"))}


class Conditional(Group):
    """Two values that have an effect beside some of others."""

    loss: str
    modalities: list[str]
    temperature: Annotated[float, Range(0.1, 1.0), Beside("loss", ("softmax", "sampled_softmax"))]
    blocks: Annotated[Count, Beside("modalities"), Range(1, 3), Beside("loss", ("bpr", "softmax"))]


@pytest.mark.parametrize(
    ("loss", "modalities", "searched"),
    [
        ("softmax", ["text"], {"temperature", "blocks"}),
        ("bpr", ["text"], {"blocks"}),
        ("sampled_softmax", ["text"], {"temperature"}),
        ("softmax", [], {"temperature"}),
        ("bpr", [], set()),
    ],
)
def test_what_has_no_effect_is_not_searched(loss: str, modalities: list[str], searched: set[str]) -> None:
    assert set(declared(Conditional, {"loss": loss, "modalities": modalities})) == searched


@pytest.mark.parametrize(
    ("domain", "inside", "outside"),
    [
        (Range(0.1, 10.0), [0.1, 1, 10.0], [0.09, 11, "1", None]),
        (Range(1, 3), [1, 2, 3], [0, 4, 1.5, "2"]),
        (Choice(("dot", [64, 32])), ["dot", [64, 32]], ["cosine", [64]]),
    ],
)
def test_a_domain_holds_its_values(domain: Range | Choice, inside: list[Any], outside: list[Any]) -> None:
    assert all(value in domain for value in inside)
    assert not any(value in domain for value in outside)


@pytest.mark.parametrize("mistake", [{"low": 2, "high": 1}, {"low": 1, "high": 1}, {"low": 0, "high": 1, "log": True}])
def test_an_empty_range_is_refused(mistake: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="low must be below high"):
        Range(**mistake)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_says_what_to_try_and_takes_it(model: str) -> None:
    hyperparameters = registry.model_class(model).Hyperparameters
    space = declared(hyperparameters, SETTINGS.hyperparameters("", model))
    # A blend has nothing but its members.
    assert bool(space) == bool(set(hyperparameters.model_fields) - {MEMBERS})
    for name, domain in space.items():
        for value in domain.options if isinstance(domain, Choice) else (domain.low, domain.high):
            registry.hyperparameters(model, SETTINGS.hyperparameters("", model) | {name: value})
