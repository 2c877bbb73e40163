"""KGCN's scores of all items that are seen with one hop (Wang et al., WWW 2019, equations 2, 3, 4 – 7), compiled for a processor.

In torch every step of it goes through memory; in one loop, the vector of an item as a user sees it never leaves the registers.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

USERS = 128
"""Users at a time, whose vectors, attention and scores of one item together stay in the nearest cache (some 80 KB at d = 64)."""
GROUP = 4
"""Neighbours that are added in one step."""

# tanh z ≈ z P(z²) / Q(z²), highest degrees first: Eigen's generic_fast_tanh_float, https://gitlab.com/libeigen/eigen
P = tuple(
    np.float32(coefficient)
    for coefficient in (
        -2.76076847742355e-16,
        2.00018790482477e-13,
        -8.60467152213735e-11,
        5.12229709037114e-08,
        1.48572235717979e-05,
        6.37261928875436e-04,
        4.89352455891786e-03,
    )
)
Q = tuple(
    np.float32(coefficient)
    for coefficient in (
        1.19825839466702e-06,
        1.18534705686654e-04,
        2.26843463243900e-03,
        4.89352518554385e-03,
    )
)
BOUND = np.float32(7.9)
"""From here on tanh is 1, as near as that function comes."""

Floats = NDArray[np.float32]


def one_hop_scores(parts: Tensor, relations: Tensor, relation_scores: Tensor, users: Tensor) -> Tensor:
    """ŷ = Σ_k u_k tanh(Σ_n π̃_n p_nk), with π̃ the softmax over an item's neighbours n of the user's scores π of their relations.

    tanh is a rational function of degrees 13 and 6, within 5e-7 of it. As many threads as torch's share the users.

    Args:
        parts: (I, K, d) p, what each neighbour, and the item itself with it, brings before the activation.
        relations: (I, K) relations of the edges around the items.
        relation_scores: (R, B) π of every relation to every user.
        users: (d, B) u.

    Returns:
        (B, I), float32.
    """
    padding = -relations.shape[1] % GROUP
    by_dimension = F.pad(parts.float().transpose(1, 2), (0, padding)).contiguous().numpy()
    blocks = list(zip(relation_scores.float().split(USERS, dim=1), users.float().split(USERS, dim=1), strict=True))
    scores = torch.empty(users.shape[1], len(relations))
    score, around = _compiled(), relations.contiguous().numpy()

    def fill(block: tuple[Tensor, Tensor], rows: Tensor) -> None:
        of_relations, vectors = (tensor.contiguous().numpy() for tensor in block)
        by_item = np.empty((len(relations), len(rows)), np.float32)
        score(by_dimension, around, of_relations, vectors, by_item)
        rows.copy_(torch.from_numpy(by_item.T))

    with ThreadPoolExecutor(torch.get_num_threads()) as threads:
        list(threads.map(fill, blocks, scores.split(USERS)))
    return scores


@cache
def _compiled() -> Callable[[Floats, NDArray[np.int64], Floats, Floats, Floats], None]:
    # Here, because importing Numba takes half a second, and most of the pipeline does without.
    from numba import njit

    return njit(nogil=True, cache=True, fastmath={"contract"}, error_model="numpy")(_score)  # type: ignore[no-any-return]


def _score(parts: Floats, relations: NDArray[np.int64], relation_scores: Floats, users: Floats, scores: Floats) -> None:
    """(I, d, K) parts, K a multiple of `GROUP`, of (I, K') relations, K' ≤ K; (R, B), (d, B) → (I, B) scores, filled."""
    num_items, dimension, padded = parts.shape
    num_users = users.shape[1]
    attention = np.zeros((padded, num_users), np.float32)
    largest, total, seen = np.empty((3, num_users), np.float32)
    for item in range(num_items):
        largest[:] = relation_scores[relations[item, 0]]
        for relation in relations[item]:
            for user in range(num_users):
                largest[user] = max(largest[user], relation_scores[relation, user])
        total[:] = 0
        for neighbour, relation in enumerate(relations[item]):
            for user in range(num_users):
                weight = np.exp(relation_scores[relation, user] - largest[user])
                attention[neighbour, user] = weight
                total[user] += weight
        for neighbour in range(relations.shape[1]):
            attention[neighbour] /= total
        scores[item] = 0
        for k in range(dimension):
            seen[:] = 0
            for first in range(0, padded, GROUP):
                part, weights = parts[item, k, first : first + GROUP], attention[first : first + GROUP]
                for user in range(num_users):
                    seen[user] += (
                        part[0] * weights[0, user] + part[1] * weights[1, user] + part[2] * weights[2, user] + part[3] * weights[3, user]
                    )
            for user in range(num_users):
                z = min(max(seen[user], -BOUND), BOUND)
                s = z * z
                p = (((((P[0] * s + P[1]) * s + P[2]) * s + P[3]) * s + P[4]) * s + P[5]) * s + P[6]
                q = ((Q[0] * s + Q[1]) * s + Q[2]) * s + Q[3]
                scores[item, user] += users[k, user] * (z * p / q)
