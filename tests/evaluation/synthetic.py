"""Random interactions, a scorer of a given matrix, and the metrics as slow loops to hold the fast ones against."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mkg4rec.interactions import Interactions


@dataclass(frozen=True)
class Matrix:
    """Scores that stand in a users × items matrix."""

    scores: Tensor

    def score(self, users: Tensor) -> Tensor:
        return self.scores[users]


def interactions(dense: NDArray[np.bool_]) -> Interactions:
    """A dense users × items matrix in compressed rows."""
    users, items = (torch.from_numpy(index) for index in dense.nonzero())
    return Interactions.from_pairs(users, items, *dense.shape)


def split(generator: np.random.Generator, num_users: int, num_items: int, density: float = 0.3) -> list[NDArray[np.bool_]]:
    """Three disjoint random matrices, the first with most of the entries; some users have nothing in some."""
    taken = generator.random((num_users, num_items)) < density
    part = generator.choice(3, p=[0.6, 0.2, 0.2], size=taken.shape)
    return [taken & (part == number) for number in range(3)]


def literal_list(scores: NDArray[np.float32], seen: NDArray[np.bool_], k: int) -> list[int]:
    """One user's list: by score, then by index."""
    order = sorted(range(len(scores)), key=lambda item: (-scores[item], item))
    return [item for item in order if not seen[item] and scores[item] > -np.inf][:k]


def literal_accuracy(items: list[int], relevant: set[int], k: int) -> tuple[float, float, float]:
    """Recall, MRR and NDCG of one user's list, in plain loops."""
    recall = sum(1 for item in items[:k] if item in relevant) / len(relevant)
    reciprocal = 0.0
    for place, item in enumerate(items[:k]):
        if item in relevant:
            reciprocal = 1 / (place + 1)
            break
    gain = sum(1 / np.log2(place + 2) for place, item in enumerate(items[:k]) if item in relevant)
    ideal = sum(1 / np.log2(place + 2) for place in range(min(k, len(relevant))))
    return recall, reciprocal, float(gain / ideal)
