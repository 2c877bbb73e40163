"""Kernels against their formulas, pair by pair."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mkg4rec import kernels
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets
from mkg4rec.kernels import Kernel

ITEMS = 5
# (item, relation, entity); entity 5 belongs to items 0 and 1, 6 to item 2 alone, 7 to 0, 1 and 3.
FACTS = [(0, 0, 5), (1, 0, 5), (2, 0, 6), (0, 1, 7), (1, 2, 7), (3, 1, 7), (3, 1, 7), (5, 0, 0), (4, 0, 3)]


def _triplets() -> Triplets:
    heads, relations, tails = torch.tensor(FACTS).T
    return Triplets(heads, relations, tails, 8, 3, ("directed_by", "actor", "language"))


def _whole(kernel: Kernel, size: int = ITEMS) -> NDArray[np.float64]:
    return kernel.between(np.arange(size), np.arange(size))


@pytest.mark.parametrize("relations", [["directed_by"], ["directed_by", "actor"], ["actor", "language"], ["no such relation"]])
def test_attributes_are_weighed_by_how_few_items_have_them(relations: list[str]) -> None:
    names = _triplets().relation_names
    having: dict[int, set[int]] = {item: set() for item in range(ITEMS)}
    for head, relation, tail in FACTS:
        if names[relation] in relations and head < ITEMS:
            having[head].add(tail)
    counts = Counter(entity for entities in having.values() for entity in entities)
    weight = {entity: math.log(ITEMS / count) if count > 1 else 0.0 for entity, count in counts.items()}
    length = {item: math.sqrt(sum(weight[entity] ** 2 for entity in entities)) for item, entities in having.items()}
    expected = np.zeros((ITEMS, ITEMS))
    for a in having:
        for b in having:
            if length[a] and length[b]:
                expected[a, b] = sum(weight[entity] ** 2 for entity in having[a] & having[b]) / (length[a] * length[b])
    np.testing.assert_allclose(_whole(kernels.of_attributes(_triplets(), relations, ITEMS)), expected, atol=1e-6)


def test_counts_of_facts_are_near_on_a_logarithmic_scale() -> None:
    numbers = [sum(fact[0] == item and fact[1] in (0, 1) for fact in FACTS) for item in range(ITEMS)]
    found = _whole(kernels.of_counts(_triplets(), ["directed_by", "actor"], 0.7, ITEMS))
    for a, one in enumerate(numbers):
        for b, other in enumerate(numbers):
            distance = math.log(1 + one) - math.log(1 + other)
            assert found[a, b] == pytest.approx(math.exp(-(distance**2) / (2 * 0.7**2)))


def test_words_are_weighed_by_how_few_texts_have_them() -> None:
    texts = ["blue whale, blue sea", "the whale and the sea", "a green sea", "", "unique"]
    words = [Counter(word.strip(",") for word in text.split() if word.strip(",") in ("whale", "sea")) for text in texts]
    rarity = {"whale": 1 + math.log(6 / 3), "sea": 1 + math.log(6 / 4)}
    vectors = np.array([[(1 + math.log(count[word])) * rarity[word] if count[word] else 0.0 for word in rarity] for count in words])
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    np.testing.assert_allclose(_whole(kernels.of_words(texts)), unit @ unit.T, atol=1e-6)


@pytest.mark.parametrize("texts", [[""] * 3, ["every", "text", "different"], ["the", "and", "of"]])
def test_texts_without_a_common_word_are_not_alike(texts: list[str]) -> None:
    assert not _whole(kernels.of_words(texts), 3).any()


def test_vectors_are_compared_about_their_mean_and_missing_ones_are_like_nothing() -> None:
    vectors, present = torch.randn(8, 4), torch.tensor([True, True, False, True, True, True, True, True])
    expected = np.zeros((ITEMS, ITEMS))
    centred = vectors[:ITEMS] - vectors[:ITEMS][present[:ITEMS]].mean(0)
    for a in range(ITEMS):
        for b in range(ITEMS):
            if present[a] and present[b]:
                expected[a, b] = torch.cosine_similarity(centred[a], centred[b], dim=0)
    found = _whole(kernels.of_vectors(FeatureMatrix(vectors, present), ITEMS))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    nothing = FeatureMatrix(torch.zeros(8, 4), torch.zeros(8, dtype=torch.bool))
    assert not _whole(kernels.of_vectors(nothing, ITEMS)).any()


@given(st.lists(st.floats(1900, 2030) | st.just(math.nan), min_size=1, max_size=8), st.floats(0.5, 20))
def test_years_apart_are_less_alike(years: list[float], width: float) -> None:
    found = _whole(kernels.Nearness(np.array(years), width), len(years))
    for a, one in enumerate(years):
        for b, other in enumerate(years):
            unknown = math.isnan(one) or math.isnan(other)
            assert found[a, b] == pytest.approx(0 if unknown else math.exp(-((one - other) ** 2) / (2 * width**2)))
    assert np.linalg.eigvalsh(found).min() > -1e-9


def test_a_sum_of_blocks_is_the_block_of_the_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", 2)
    parts: list[tuple[float, Kernel]] = [
        (2.0, kernels.of_attributes(_triplets(), ["actor"], ITEMS)),
        (0.5, kernels.Nearness(np.arange(1990.0, 1995.0), 3.0)),
    ]
    rows, columns = np.array([4, 0, 3]), np.array([1, 3])
    expected = 2 * _whole(parts[0][1]) + 0.5 * _whole(parts[1][1])
    np.testing.assert_allclose(kernels.WeightedSum(parts, ITEMS).between(rows, columns), expected[rows][:, columns])


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_polynomial_is_of_the_products_of_features(degree: int) -> None:
    features = np.random.default_rng(0).normal(size=(ITEMS, 3)).astype(np.float32)
    features[2] = 0
    base = kernels.WeightedSum([(0.4, kernels.Cosines(features))], ITEMS)
    products = features
    for _ in range(degree - 1):
        products = np.einsum("if,ig->ifg", products, features).reshape(ITEMS, -1)
    lengths = np.linalg.norm(products, axis=1, keepdims=True)
    unit = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    np.testing.assert_allclose(_whole(kernels.Polynomial(base, degree)), unit @ unit.T, atol=1e-6)


def _kernels() -> list[Kernel]:
    generator = torch.Generator().manual_seed(0)
    vectors = FeatureMatrix(torch.randn(8, 4, generator=generator), torch.tensor([True, False, True, True, True, True, True, True]))
    sparse, dense = kernels.of_attributes(_triplets(), ["directed_by", "actor"], ITEMS), kernels.of_vectors(vectors, ITEMS)
    years = kernels.Nearness(np.array([1990.0, math.nan, 1990.0, 2001.5, 1987.0]), 3.0)
    return [
        sparse,
        dense,
        years,
        kernels.Nearness(np.full(ITEMS, math.nan), 3.0),
        kernels.WeightedSum([(2.0, sparse), (0.5, years)], ITEMS),
        kernels.Polynomial(kernels.WeightedSum([(2.0, sparse), (0.5, years)], ITEMS), 3),
    ]


@pytest.mark.parametrize("kernel", _kernels(), ids=["sparse", "dense", "years", "unknown years", "sum", "polynomial"])
def test_a_product_with_a_kernel_is_that_with_all_its_entries(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "BLOCK", 2)
    dense = np.random.default_rng(0).normal(size=(ITEMS, 3))
    np.testing.assert_allclose(kernel.times(dense), _whole(kernel) @ dense, atol=1e-6)
    np.testing.assert_allclose(kernel.diagonal(), _whole(kernel).diagonal(), atol=1e-6)


def test_a_sum_of_no_kernels_is_zero() -> None:
    nothing = kernels.WeightedSum([], ITEMS)
    assert not nothing.diagonal().any()
    assert not nothing.times(np.ones((ITEMS, 2))).any()
    assert not _whole(nothing).any()
