"""Full ranking: each user's best k items among all, without those that the user took before."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.interactions import Interactions
from mkg4rec.memory import explaining_lack_of_memory
from mkg4rec.progress import progress

NO_ITEM = -1
"""Stands in a top list where fewer than k items could be ranked."""


class Scorer(Protocol):
    """A trained model, as seen by the ranking."""

    def score(self, users: Tensor) -> Tensor:
        """(B,) int64 user indices → (B, num_items) scores on the same device; −∞ keeps an item out of the list."""


@dataclass(frozen=True)
class TopLists:
    """The best k items of U users, best first.

    Attributes:
        users: (U,) user indices.
        items: (U, k) item indices; `NO_ITEM` after the last where a user has fewer than k.
        scores: (U, k) descending; −∞ for `NO_ITEM`.
    """

    users: Tensor
    items: Tensor
    scores: Tensor


@torch.no_grad()
def rank(scorer: Scorer, users: Tensor, seen: Interactions, k: int, block_size: int = 1024, candidates: Tensor | None = None) -> TopLists:
    """The k items of highest score for each of `users`.

    No more than `block_size` × items scores are held at a time.

    Args:
        scorer: the model.
        users: (U,) user indices.
        seen: users × items; what a user took here is not ranked for that user.
        k: length of the lists.
        block_size: users scored at a time.
        candidates: (num_items,) bool; only these items are ranked. All of them where it is None.

    Raises:
        PipelineError: a score is not a number.
    """
    items = torch.full((len(users), k), NO_ITEM, dtype=torch.long, device=users.device)
    scores = torch.full((len(users), k), -torch.inf, device=users.device)
    blocks = torch.split(users, block_size) if len(users) else ()
    for number, block in enumerate(progress(blocks, "ranking", len(blocks), "block")):
        rows = slice(number * block_size, number * block_size + len(block))
        # Out of place: what a scorer returns may be a view of its own weights.
        allowed = scorer.score(block).float().index_put(seen.rows(block), torch.tensor(-torch.inf, device=users.device))
        if candidates is not None:
            allowed.masked_fill_(~candidates, -torch.inf)
        scores[rows], items[rows] = top_items(allowed, k)
    return TopLists(users, items, scores)


def explaining_block_size(block_size: int, device: torch.device) -> AbstractContextManager[None]:
    """Around rankings by `evaluate.block_size`: for want of memory, a `PipelineError` says that it can be lower."""
    return explaining_lack_of_memory(f"ranking {block_size:,} users at a time on {device}", "Set evaluate.block_size in params.yaml lower.")


def top_items(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest of each row of `scores` (B, I), equal scores in the order of their item indices.

    Returns:
        (B, k) scores, descending, and (B, k) item indices. An item with the score −∞ is never among
        them: where fewer than k remain, the rest is −∞ and `NO_ITEM`.

    Raises:
        PipelineError: a score is not a number.
    """
    length = min(k, scores.shape[1])
    highest, items = scores.topk(min(length + 1, scores.shape[1]))
    # topk takes NaN for the highest value of all, so that one look at what it found is enough.
    if highest.isnan().any():
        raise PipelineError(
            "ranking: the model gives a score that is not a number (NaN); its training diverged. "
            "Lower its learning_rate in params.yaml, or set train.precision to float32, and train again."
        )
    items = items[:, :length]
    if highest.shape[1] > length:
        undecided = highest[:, -2] == highest[:, -1]
        if undecided.any():
            items[undecided] = _lowest_of_equals(scores[undecided], highest[undecided, length - 1, None], length)
    # A stable sort by score keeps the order of the indices among equals.
    items = items.sort(dim=1).values
    best, order = scores.gather(1, items).sort(dim=1, descending=True, stable=True)
    items = items.gather(1, order).masked_fill(best == -torch.inf, NO_ITEM)
    missing = (0, k - length)
    return torch.nn.functional.pad(best, missing, value=-torch.inf), torch.nn.functional.pad(items, missing, value=NO_ITEM)


def _lowest_of_equals(scores: Tensor, last: Tensor, k: int) -> Tensor:
    """(B, k) items: all with a score above `last` (B, 1), the k-th highest, then those equal to it with the lowest indices."""
    above, equal = scores > last, scores == last
    vacant = k - above.sum(dim=1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(dim=1) <= vacant))
    return chosen.nonzero()[:, 1].view(-1, k)
