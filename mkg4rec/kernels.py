"""How alike items are by what is known of them: kernels K(i, j), positive semi-definite, at most 1, and 0 where nothing is known.

Most are cosines K = F Fᵀ of item features F with rows of length 1, or of zeros. Features are sparse where they are many; kernels
are computed block by block on the processor, since no more than blocks of them may fit where the catalogue is large.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.collaborative import Triplets

BLOCK = 4096
"""Rows computed at a time, so that little more than the result itself is held."""


class Kernel(Protocol):
    """How alike any two items are."""

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        """K(i, j) of (M,) items i with (N,) items j: (M, N)."""

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        """K V, (items, k), for an (items, k) V, without K."""

    def diagonal(self) -> NDArray[np.float64]:
        """(items,) K(i, i)."""


@dataclass(frozen=True)
class Cosines:
    """K = F Fᵀ.

    Attributes:
        features: F, (items, D), sparse or dense, rows of length 1 or of zeros.
    """

    features: sparse.csr_array | NDArray[np.float32]

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        some, others = self.features[rows], self.features[columns]
        cosines = some @ others.T if isinstance(some, np.ndarray) else (some @ others.T).toarray()
        return np.asarray(cosines, np.float64)

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        # In blocks, because each product has a copy of its features in double precision.
        blocks = [slice(begin, begin + BLOCK) for begin in range(0, len(dense), BLOCK)]
        inner = sum((self.features[block].T @ dense[block] for block in blocks), np.zeros((self.features.shape[1], dense.shape[1])))
        return np.concatenate([self.features[block] @ inner for block in blocks])

    def diagonal(self) -> NDArray[np.float64]:
        squares = self.features * self.features if isinstance(self.features, np.ndarray) else self.features.multiply(self.features)
        return np.asarray(squares.sum(1), np.float64)


@dataclass(frozen=True)
class Nearness:
    """K(i, j) = exp(−(y_i − y_j)² / 2σ²) of a number y of each item, such as its year; 0 where it is unknown, also with itself.

    Attributes:
        values: (items,) y, NaN where unknown.
        width: σ, in the unit of y.
    """

    values: NDArray[np.float64]
    width: float

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        distances = self.values[rows][:, None] - self.values[columns][None, :]
        likeness: NDArray[np.float64] = np.exp(-np.square(distances) / (2 * self.width**2))
        return np.nan_to_num(likeness, nan=0.0)

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        known = ~np.isnan(self.values)
        distinct, number = np.unique(self.values[known], return_inverse=True)
        totals = sparse.csr_array((np.ones(len(number)), (number, known.nonzero()[0])), shape=(len(distinct), len(self.values))) @ dense
        every = np.arange(len(distinct))
        product = np.zeros(dense.shape)
        product[known] = (Nearness(distinct, self.width).between(every, every) @ totals)[number]
        return product

    def diagonal(self) -> NDArray[np.float64]:
        return (~np.isnan(self.values)).astype(np.float64)


@dataclass(frozen=True)
class WeightedSum:
    """K = Σ_m α_m K_m.

    Attributes:
        parts: (α_m, K_m).
        num_items: how many items there are.
    """

    parts: Sequence[tuple[float, Kernel]]
    num_items: int

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        total = np.zeros((len(rows), len(columns)))
        for weight, kernel in self.parts:
            for begin in range(0, len(rows) if weight else 0, BLOCK):
                total[begin : begin + BLOCK] += weight * kernel.between(rows[begin : begin + BLOCK], columns)
        return total

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        return sum((weight * kernel.times(dense) for weight, kernel in self.parts if weight), np.zeros(dense.shape))

    def diagonal(self) -> NDArray[np.float64]:
        return sum((weight * kernel.diagonal() for weight, kernel in self.parts), np.zeros(self.num_items))


@dataclass(frozen=True)
class Polynomial:
    """K(i, j) = (L(i, j) / √(L(i, i) L(j, j)))^degree of another kernel L: alike is what is so in several respects at once.

    The homogeneous polynomial kernel (Schölkopf and Smola, Learning with Kernels, 2002, section 2.1), of items at length 1: its
    features are the products of `degree` features of L, such as a genre in a decade. An item of which L knows nothing is like none.

    Attributes:
        base: L.
        degree: from 1.
    """

    base: Kernel
    degree: int

    def between(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
        inverse_lengths = self._inverse_lengths
        cosines = self.base.between(rows, columns)
        cosines *= inverse_lengths[rows][:, None]
        cosines *= inverse_lengths[columns]
        return np.power(cosines, self.degree, out=cosines)

    def times(self, dense: NDArray[np.float64]) -> NDArray[np.float64]:
        # It has no features that one could hold, so that all pairs of items are gone through, a block of them at a time.
        every = np.arange(len(dense))
        size = max(1, BLOCK * BLOCK // max(1, len(dense)))
        blocks = [every[begin : begin + size] for begin in range(0, len(every), size)]
        return np.concatenate([self.between(block, every) @ dense for block in blocks]) if blocks else np.zeros(dense.shape)

    def diagonal(self) -> NDArray[np.float64]:
        return (self._inverse_lengths > 0).astype(np.float64)

    @cached_property
    def _inverse_lengths(self) -> NDArray[np.float64]:
        """(items,) 1 / √L(i, i), 0 where L knows nothing of an item."""
        squares = self.base.diagonal()
        return np.divide(1.0, np.sqrt(squares), out=np.zeros_like(squares), where=squares > 0)


def of_attributes(triplets: Triplets, relations: Collection[str], num_items: int) -> Cosines:
    """By the entities that items stand in certain relations to.

    An entity a has the weight ln(items / n_a), with n_a the items it belongs to: a shared director says more than a shared
    language. One of a single item says nothing of another and is left out. A relation that the graph has not is no attribute.

    Args:
        relations: names, as the graph has them, with items as heads.
    """
    wanted = [number for number, name in enumerate(triplets.relation_names) if name in relations]
    chosen = torch.isin(triplets.relations, torch.tensor(wanted, device=triplets.relations.device)) & (triplets.heads < num_items)
    items, entities = torch.stack([triplets.heads[chosen], triplets.tails[chosen]]).unique(dim=1).cpu().numpy()
    counts = np.bincount(entities, minlength=triplets.num_entities)
    shared = counts[entities] > 1
    items, entities = items[shared], entities[shared]
    weights = np.log(num_items / counts[entities]).astype(np.float32)
    incidence = sparse.csr_array((weights, (items, entities)), shape=(num_items, triplets.num_entities))
    return _cosines(incidence)


def of_counts(triplets: Triplets, relations: Collection[str], width: float, num_items: int) -> Nearness:
    """By how many entities they stand in certain relations to, y = ln(1 + n): a film of many awards is like others of many.

    Args:
        relations: names, as for `of_attributes`.
        width: σ, of y.
    """
    wanted = [number for number, name in enumerate(triplets.relation_names) if name in relations]
    chosen = torch.isin(triplets.relations, torch.tensor(wanted, device=triplets.relations.device)) & (triplets.heads < num_items)
    counts = torch.bincount(triplets.heads[chosen], minlength=num_items)
    return Nearness(torch.log1p(counts.double()).cpu().numpy(), width)


def of_words(texts: Sequence[str]) -> Cosines:
    """By the words of their texts: TF-IDF, (1 + ln tf) · (1 + ln((1 + n) / (1 + df))), without stop words and words of a single text."""
    # scikit-learn takes a second or two to import, for which no other model and no check of params.yaml should wait.
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=2, dtype=np.float32)
    try:
        return Cosines(sparse.csr_array(vectorizer.fit_transform(texts)))
    except ValueError:
        # No word occurs in two texts.
        return Cosines(sparse.csr_array((len(texts), 1), dtype=np.float32))


def of_vectors(features: FeatureMatrix, num_items: int) -> Cosines:
    """By their vectors about the mean of all: those of one encoder lie in a narrow cone, and what they share says nothing of an item."""
    vectors, present = features.vectors[:num_items].cpu().numpy(), features.present[:num_items].cpu().numpy()
    mean = vectors[present].mean(0) if present.any() else 0
    return _cosines(np.where(present[:, None], vectors - mean, 0))


def _cosines(features: sparse.csr_array | NDArray[np.float32]) -> Cosines:
    """Of features whose rows have any length."""
    from sklearn.preprocessing import normalize

    return Cosines(normalize(features))
