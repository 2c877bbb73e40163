"""Which models tell items apart that nobody took, and which cannot say anything of them."""

from typing import Any

import pytest

from mkg4rec import params
from mkg4rec.models import registry
from tests.conftest import ROOT

PARAMS = params.load(ROOT / "params.yaml")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("popularity", {}, False),
        ("ease", {}, False),
        ("lightgcn", {}, False),
        ("kgat", {}, True),
        ("multi_kg4rec_without_text_and_visual", {}, True),
        ("siger", {}, True),
        ("kernel_ease", {}, True),
        ("kernel_ease", {"cold_weights": {"year": 0.0}}, False),
        ("kernel_ease", {"cold_weight": 0.0}, False),
        ("kernel_ease_without_content", {}, False),
        ("ease_with_dislikes", {}, False),
        ("content_knn", {}, True),
        ("content_knn", {"weights": {}}, False),
        ("content_ease", {"attribute_weight": 0.0}, True),
        ("content_ease", {"attribute_weight": 0.0, "modalities": []}, False),
        ("cke", {"modalities": []}, True),
        ("cke", {"modalities": [], "kg_weight": 0.0}, False),
    ],
)
def test_a_model_knows_unseen_items_by_what_it_is_given_beside_interactions(name: str, values: dict[str, Any], expected: bool) -> None:
    assert _knows_unseen(name, values) is expected


@pytest.mark.parametrize(("members", "expected"), [(("ease", "lightgcn"), False), (("ease", "kernel_ease"), True)])
def test_a_blend_knows_what_a_member_knows(members: tuple[str, ...], expected: bool) -> None:
    values = {name: {"model": name, "hyperparameters": PARAMS.hyperparameters("demo", name)} for name in members}
    assert _knows_unseen("blend", {"members": values}) is expected


def _knows_unseen(name: str, values: dict[str, Any]) -> bool:
    base = PARAMS.base_model(name)
    return registry.model_class(base).knows_unseen(registry.hyperparameters(base, PARAMS.hyperparameters("demo", name) | values))
