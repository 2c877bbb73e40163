"""What makes a recommender prefer what a user took."""

from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor


class Loss(StrEnum):
    """How the score of an item that was taken is held against those of others."""

    BPR = "bpr"
    SAMPLED_SOFTMAX = "sampled_softmax"
    SOFTMAX = "softmax"


class Similarity(StrEnum):
    """How two vectors make a score."""

    DOT = "dot"
    COSINE = "cosine"


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Bayesian personalised ranking (Rendle et al., UAI 2009, https://arxiv.org/abs/1205.2618): −mean ln σ(ŷ_ui − ŷ_uj).

    Args:
        positive, negative: (B,) scores of items that the user took and did not take.
    """
    return -F.logsigmoid(positive - negative).mean()


def sampled_softmax(positive: Tensor, negatives: Tensor) -> Tensor:
    """−mean ln of e^ŷ_ui / (e^ŷ_ui + Σ_j e^ŷ_uj) over drawn items j.

    Args:
        positive: (B,) scores of items that the user took.
        negatives: (B, N) scores of items that the user did not take.
    """
    return (torch.cat([positive.unsqueeze(1), negatives], dim=1).logsumexp(1) - positive).mean()


def softmax(scores: Tensor, users: Tensor, items: Tensor, unseen: Tensor | None = None) -> Tensor:
    """The sampled softmax with every other item: −mean ln of e^ŷ_ui / Σ_j e^ŷ_uj.

    Args:
        scores: (U, items) of users that each stand here once, however much of theirs is in the batch.
        users: (B,) rows of `scores`.
        items: (B,) what these users took.
        unseen: (items,) bool, items that are left out.
    """
    scores = scores if unseen is None else scores.masked_fill(unseen, -torch.inf)
    return (scores.logsumexp(1)[users] - scores[users, items]).mean()


def squared_norm(*embeddings: Tensor) -> Tensor:
    """½ Σ ‖e‖² / B: the penalty on the embeddings that a batch of B pairs involves (BPR's λ_Θ, of these rows alone).

    Adam would pull rows that a batch does not touch towards 0 at full speed if the whole table were penalised in its loss.

    Args:
        embeddings: (B, …, d) each.
    """
    return sum((rows.square().sum() for rows in embeddings), torch.zeros((), device=embeddings[0].device)) / (2 * len(embeddings[0]))
