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


def ranking_loss(
    loss: Loss,
    temperature: float,
    users: Tensor,
    item_vectors: Tensor,
    items: Tensor,
    negatives: Tensor,
    unseen: Tensor | None = None,
) -> Tensor:
    """The loss of (user, item) pairs whose scores are inner products.

    The full softmax is the sampled one over every item: −mean ln of e^(ŷ_ui/τ) / Σ_j e^(ŷ_uj/τ).

    Args:
        temperature: τ of the softmax losses; BPR has none.
        users: (B, D) vectors of the users.
        item_vectors: (items, D).
        items: (B,) what the users took.
        negatives: (B, N) items that they did not take; not read by the full softmax.
        unseen: (items,) bool, items that the full softmax leaves out.
    """
    if loss is Loss.SOFTMAX:
        scores = users / temperature @ item_vectors.T
        return F.cross_entropy(scores if unseen is None else scores.masked_fill(unseen, -torch.inf), items)
    # One gather for both, because the gradient of each is a whole table.
    candidates = F.embedding(torch.cat([items.unsqueeze(1), negatives], dim=1), item_vectors)  # (B, 1 + N, D)
    # As a batched product of matrices, that of a few candidates takes three times as long on a CPU.
    scores = (users.unsqueeze(1) * candidates).sum(-1)
    positive, negative = scores[:, 0], scores[:, 1:]
    if loss is Loss.SAMPLED_SOFTMAX:
        return sampled_softmax(positive / temperature, negative / temperature)
    return bpr(positive, negative.squeeze(1))


def squared_norm(*embeddings: Tensor) -> Tensor:
    """½ Σ ‖e‖² / B: the penalty on the embeddings that a batch of B pairs involves (BPR's λ_Θ, of these rows alone).

    Adam would pull rows that a batch does not touch towards 0 at full speed if the whole table were penalised in its loss.

    Args:
        embeddings: (B, …, d) each.
    """
    return sum((rows.square().sum() for rows in embeddings), torch.zeros((), device=embeddings[0].device)) / (2 * len(embeddings[0]))
