"""What top lists are worth: accuracy per user, and what the lists offer beyond it.

Notation: L_k is a user's list cut at k, T the user's relevant items, n_i the number of users who took item
i in train, U the number of users, I the number of items.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import NO_ITEM, Scorer, TopLists, explaining_block_size, rank
from mkg4rec.interactions import Interactions

CUTOFFS = (10, 20, 50)
RARE = "rare_"
AMONG_RARE = "among_rare_"


@dataclass(frozen=True)
class Evaluation:
    """How a model does on the test part.

    Attributes:
        lists: the lists of the U users with a test item, as long as the largest cutoff.
        hits: (U, k) whether each listed item is a test item.
        num_relevant: (U,) test items of each.
        per_user: by name, (U,) float64; NaN for a user without an item to find.
        averages: the means of `per_user`, then the values of `beyond_accuracy`.
    """

    lists: TopLists
    hits: Tensor
    num_relevant: Tensor
    per_user: dict[str, Tensor]
    averages: dict[str, float]


def evaluate(
    scorer: Scorer, train: Interactions, valid: Interactions, test: Interactions, rare_interactions: int, block_size: int = 1024
) -> Evaluation:
    """Rank for every user with a test item, train and validation items left out, and judge the lists.

    An item with at most `rare_interactions` train interactions is rare. `rare_…` judges the same lists with
    the rare test items alone as relevant; for `among_rare_…` the rare items alone are ranked, too.

    Raises:
        PipelineError: nobody has a test item, a score is not a number, or there is too little memory.
    """
    users = test.counts.nonzero().squeeze(1)
    if not len(users):
        raise PipelineError("evaluate: no user has a test interaction; raise split.test in params.yaml.")
    seen = train.union(valid)
    rare = train.item_counts <= rare_interactions
    rare_test = only_items(test, rare)
    has_rare = rare_test.counts[users] > 0
    with explaining_block_size(block_size, users.device):
        lists = rank(scorer, users, seen, max(CUTOFFS), block_size)
        rare_lists = rank(scorer, users[has_rare], seen, max(CUTOFFS), block_size, candidates=rare)

    values = accuracy(lists, test)
    values |= {RARE + name: value for name, value in accuracy(lists, rare_test).items()}
    for name, value in accuracy(rare_lists, rare_test).items():
        values[AMONG_RARE + name] = torch.full_like(values[name], torch.nan).masked_scatter(has_rare, value)
    return Evaluation(lists, hits(lists, test), test.counts[users], values, averages(values) | beyond_accuracy(lists, train))


def accuracy(lists: TopLists, relevant: Interactions, cutoffs: tuple[int, ...] = CUTOFFS) -> dict[str, Tensor]:
    """Recall, MRR and NDCG of each list at each cutoff k, by name (`recall@10`), (U,) float64 each.

    - Recall@k = |L_k ∩ T| / |T|
    - MRR@k = 1 / the rank (from 1) of the first item of L_k that is in T, 0 where none is
    - NDCG@k = Σ over hits of 1 / log₂(rank + 1), divided by the same sum for min(k, |T|) hits at the top

    A user without a relevant item has NaN. A list shorter than k is judged as it is.
    """
    hit = hits(lists, relevant).double()  # (U, K)
    num_relevant = relevant.counts[lists.users]
    ranks = torch.arange(1, max(cutoffs) + 1, dtype=torch.float64, device=hit.device)
    discounts = 1 / torch.log2(ranks + 1)
    ideal = discounts.cumsum(0)
    values = {}
    for k in cutoffs:
        top = hit[:, :k]
        width = top.shape[1]
        values[f"recall@{k}"] = top.sum(dim=1) / num_relevant
        values[f"mrr@{k}"] = (top / ranks[:width]).amax(dim=1)
        values[f"ndcg@{k}"] = (top @ discounts[:width]) / ideal[num_relevant.clamp(1, k) - 1]
    return {name: value.masked_fill(num_relevant == 0, torch.nan) for name, value in values.items()}


def hits(lists: TopLists, relevant: Interactions) -> Tensor:
    """(U, k) whether each listed item is relevant to its user; an empty place never is."""
    return relevant.contains(lists.users[:, None], lists.items) & (lists.items != NO_ITEM)


def averages(values: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean of each over the users with a relevant item; one that no user has is left out."""
    means = {name: float(value.nanmean()) for name, value in values.items()}
    return {name: mean for name, mean in means.items() if mean == mean}


def validation_metrics(scorer: Scorer, train: Interactions, valid: Interactions, k: int = 20, block_size: int = 1024) -> dict[str, float]:
    """Mean `recall@k`, `mrr@k` and `ndcg@k` over the users with a validation item; train items are not ranked.

    Raises:
        PipelineError: nobody has a validation item, or a score is not a number.
    """
    users = valid.counts.nonzero().squeeze(1)
    if not len(users):
        raise PipelineError("validation: no user has a validation interaction; raise split.valid in params.yaml.")
    return averages(accuracy(rank(scorer, users, train, k, block_size), valid, (k,)))


def beyond_accuracy(lists: TopLists, train: Interactions, cutoffs: tuple[int, ...] = CUTOFFS) -> dict[str, float]:
    """What the lists offer, whether or not they hit, at each cutoff k, by name (`coverage@10`).

    - Coverage@k = |∪ L_k| / I, the share of the catalogue that is recommended to somebody
    - Novelty@k = mean of −log₂(max(n_i, 1) / U) over the recommended items, in bits: an item that nobody
      took in train counts as taken by one user
    - Popularity@k = mean of n_i over the recommended items
    - Diversity@k = `diversity`, averaged over the lists of two items or more

    The means are over all places of all lists.
    """
    counts = train.item_counts
    information = -torch.log2(counts.clamp(min=1).double() / train.num_users)
    values: dict[str, float] = {}
    for k in cutoffs:
        items = lists.items[:, :k]
        recommended = items[items != NO_ITEM]
        values[f"coverage@{k}"] = len(torch.unique(recommended)) / train.num_items
        values |= averages(
            {
                f"novelty@{k}": information[recommended],
                f"popularity@{k}": counts[recommended].double(),
                f"diversity@{k}": diversity(items, train),
            }
        )
    return values


def diversity(items: Tensor, train: Interactions, block_size: int = 1024) -> Tensor:
    """Intra-list diversity (Ziegler et al., WWW 2005): the mean over all pairs of a list of 1 − cos(x_i, x_j).

    x_i is item i's train column, 1 for each user who took it, so that the measure depends on no model. An
    item that nobody took is like no other: its cosine is 0. With unit columns x̂, a list's cosines add up to

        Σ_{i≠j} cos(x_i, x_j) = ‖Σ_i x̂_i‖² − the number of items that somebody took,

    and the norm is summed over blocks of `block_size` users, whose part of all columns is dense.

    Args:
        items: (U, k) item indices, `NO_ITEM` where there is none.

    Returns:
        (U,) float64; NaN for a list of fewer than two items.
    """
    there = items != NO_ITEM
    length = there.sum(dim=1)
    counts = train.item_counts
    taken = (there & (counts[items] > 0)).sum(dim=1)
    # A row of zeros after the last item stands for NO_ITEM.
    places = items.where(there, train.num_items)
    inverse_norms = counts.clamp(min=1).double().rsqrt().float()
    squares = torch.zeros(len(items), dtype=torch.float64, device=items.device)
    for users in torch.split(torch.arange(train.num_users, device=items.device), block_size):
        row, column = train.rows(users)
        block = torch.zeros(train.num_items + 1, len(users), device=items.device)
        block[column, row] = inverse_norms[column]
        squares += embedding_bag(places, block, mode="sum").square().sum(dim=1)
    cosines = (squares - taken) / (length * (length - 1))
    return (1 - cosines).masked_fill(length < 2, torch.nan)


def only_items(interactions: Interactions, kept: Tensor) -> Interactions:
    """The entries whose item is in `kept`, (num_items,) bool."""
    entries = kept[interactions.items]
    return Interactions.from_pairs(interactions.users[entries], interactions.items[entries], interactions.num_users, interactions.num_items)
