"""The k nearest items of every item, in blocks of rows: no more than `BLOCK_ENTRIES` similarities are held at a time."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor

from mkg4rec.evaluation.ranking import top_items
from mkg4rec.features.store import FeatureMatrix
from mkg4rec.graph.item_graph import ItemGraph
from mkg4rec.interactions import Interactions
from mkg4rec.progress import progress

BLOCK_ENTRIES = 1 << 26
"""256 MB of float32."""

CHUNK = 128
"""Columns whose largest entry stands for all of them while the largest of a row are looked for."""


ROUNDING = 1e-6
"""A cosine that is no larger is 0 but for the rounding of float32, and would count like any other in a graph without weights."""


def by_features(features: FeatureMatrix, num_items: int, k: int) -> ItemGraph:
    """The k items of largest cosine xᵢ·xⱼ / ‖xᵢ‖‖xⱼ‖, equal ones by index, with the cosine as the weight.

    Fewer where fewer are above 0. An item without the modality has no neighbours and is nobody's neighbour: what is not
    known is no likeness. Nor is an item its own neighbour: models add the item itself where they mean it.
    """
    known = features.present[:num_items].nonzero().squeeze(1)
    vectors = F.normalize(features.vectors[known].float(), dim=1)

    def cosines(rows: Tensor) -> Tensor:
        return torch.threshold_(vectors[rows] @ vectors.T, ROUNDING, 0.0)

    return by_similarity(known, cosines, num_items, k)


def by_co_interactions(train: Interactions, k: int) -> ItemGraph:
    """The k items of largest cosine between columns of the interactions R, |i ∩ j| / √(n_i n_j), and that as the weight.

    |i ∩ j| of RᵀR counts the users who took both, n_i those who took i. Raw counts would make neighbours of whatever is popular.
    """
    device = train.items.device
    ones = np.ones(len(train), np.float32)
    taken = sparse.csr_array((ones, train.items.cpu().numpy(), train.offsets.cpu().numpy()), shape=(train.num_users, train.num_items))
    takers = sparse.csr_array(taken.T)
    lengths = train.item_counts.float().clamp(min=1).sqrt()

    def cosines(rows: Tensor) -> Tensor:
        together = torch.from_numpy((takers[rows.cpu().numpy()] @ taken).toarray()).to(device)
        return together.div_(lengths[rows].unsqueeze(1)).div_(lengths)

    return by_similarity(torch.arange(train.num_items, device=device), cosines, train.num_items, k)


def largest(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """What `top_items` gives, for (B, n) scores with n far above k, in little more than one pass over them.

    An entry among the k best, in the order of score and then of index, lies in one of the k best chunks in the order of their
    largest entry and then of index: each better chunk has an entry that is better still. So only k chunks need a search.
    """
    width = scores.shape[1]
    if width <= 2 * k * CHUNK:
        return top_items(scores, k)
    whole = width - width % CHUNK
    parts = scores[:, :whole].unflatten(1, (-1, CHUNK)).amax(2), scores[:, whole:].amax(1, keepdim=True) if whole < width else scores[:, :0]
    _, chunks = top_items(torch.cat(parts, dim=1), k)
    # A row of fewer than k entries above −∞ names no chunk in their place: any one will do, once.
    named = torch.where(chunks >= 0, chunks, (width + CHUNK - 1) // CHUNK).sort(dim=1).values
    columns = (named.unsqueeze(2) * CHUNK + torch.arange(CHUNK, device=scores.device)).flatten(1)
    candidates = scores.gather(1, columns.clamp(max=width - 1)).masked_fill_(columns >= width, -torch.inf)
    best, places = top_items(candidates, k)
    return best, torch.where(places >= 0, columns.gather(1, places.clamp(min=0)), places)


def by_similarity(
    known: Tensor, similarity: Callable[[Tensor], Tensor], num_items: int, k: int, block_size: int | None = None
) -> ItemGraph:
    """The k items of largest similarity above 0, equal ones by index, with the similarity as the weight; no item is its own neighbour.

    Args:
        known: (K,) ascending, the items that take part.
        similarity: gives (b, K) for (b,) places in `known`.
        block_size: b at most; as `BLOCK_ENTRIES` says, where it is None.
    """
    items, neighbours, weights = [known[:0]], [known[:0]], [torch.zeros(0, device=known.device)]
    blocks = torch.arange(len(known), device=known.device).split(block_size or max(1, BLOCK_ENTRIES // max(1, len(known))))
    for rows in progress(blocks, "nearest items", len(blocks), "block"):
        similarities = similarity(rows)
        similarities[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
        found, places = largest(similarities, k)
        chosen = found > 0
        items.append(known[rows].unsqueeze(1).expand_as(places)[chosen])
        neighbours.append(known[places[chosen]])
        weights.append(found[chosen])
    return ItemGraph.from_edges(torch.cat(items), torch.cat(neighbours), torch.cat(weights), num_items)
