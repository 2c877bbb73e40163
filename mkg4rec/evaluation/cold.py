"""How a model ranks items that it saw no interaction with, and, for comparison, the others."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mkg4rec.evaluation.metrics import CUTOFFS, accuracy, averages
from mkg4rec.evaluation.ranking import Scorer, explaining_block_size, rank
from mkg4rec.interactions import Interactions

WARM, COLD, AMONG_COLD = "warm", "cold", "among_cold"


@dataclass(frozen=True)
class ColdEvaluation:
    """How a model does on warm and on cold items.

    Attributes:
        users: (U,) those with a warm or a cold item to find.
        per_user: by name, (U,) float64; NaN for a user without such an item.
        averages: the means of `per_user`.
    """

    users: Tensor
    per_user: dict[str, Tensor]
    averages: dict[str, float]

    def warm_alone(self) -> "ColdEvaluation":
        """Without values on cold items, for a model that cannot score them: what it ranks there is drawn by lot."""
        per_user = {name: value if name.startswith(WARM) else torch.full_like(value, torch.nan) for name, value in self.per_user.items()}
        return ColdEvaluation(self.users, per_user, averages(per_user))


def evaluate_cold(scorer: Scorer, seen: Interactions, warm: Interactions, cold: Interactions, block_size: int = 1024) -> ColdEvaluation:
    """Rank all items for every user with something to find, then the cold ones alone, and judge the lists.

    `warm_…` and `cold_…` judge the lists of all items, with the warm test items or the cold items as relevant;
    for `among_cold_…` the cold items alone are ranked.

    Args:
        seen: train and validation interactions, which are not ranked.
        warm: test interactions with items that were trained on.
        cold: interactions with items that were not; an item with none of these counts as warm.

    Raises:
        PipelineError: a score is not a number, or there is too little memory.
    """
    users = (warm.counts + cold.counts).nonzero().squeeze(1)
    with explaining_block_size(block_size, users.device):
        lists = rank(scorer, users, seen, max(CUTOFFS), block_size)
        among = rank(scorer, users, seen, max(CUTOFFS), block_size, candidates=cold.item_counts > 0)
    judged: Mapping[str, dict[str, Tensor]] = {
        WARM: accuracy(lists, warm),
        COLD: accuracy(lists, cold),
        AMONG_COLD: accuracy(among, cold),
    }
    per_user = {f"{part}_{name}": value for part, values in judged.items() for name, value in values.items()}
    return ColdEvaluation(users, per_user, averages(per_user))
