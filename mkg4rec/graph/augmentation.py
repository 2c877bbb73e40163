"""Graphs and vectors with a part left out at random, for views that a model holds against each other."""

import torch
from torch import Tensor

from mkg4rec.interactions import Interactions
from mkg4rec.ragged import row_offsets


def uniform_probabilities(like: Tensor, probability: float) -> Tensor:
    """`probability` for each of (n,) edges or dimensions."""
    return torch.full_like(like, probability, dtype=torch.float32)


def adaptive_probabilities(centrality: Tensor, probability: float, cap: float) -> Tensor:
    """How likely each is dropped that has a (n,) `centrality` ≥ 0: the less central, the more likely.

    GCA (Zhu et al., WWW 2021, https://arxiv.org/abs/2010.14945): s = ln(centrality + 1),
    min(p · (s_max − s) / (s_max − mean s), cap). Where all are equally central, p each.
    """
    score = torch.log1p(centrality.float())
    distance, mean_distance = score.max() - score, score.max() - score.mean()
    relative = torch.where(mean_distance > 0, distance / mean_distance.clamp(min=torch.finfo(torch.float32).tiny), 1.0)
    return (probability * relative).clamp(max=cap)


def edge_centrality(train: Interactions) -> Tensor:
    """(nnz,) the mean degree of an interaction's user and item, GCA's centrality of an undirected edge."""
    return (train.counts[train.users] + train.item_counts[train.items]).float() / 2


def feature_centrality(vectors: Tensor, centrality: Tensor) -> Tensor:
    """(d,) Σ_v |x_v| · centrality_v for each dimension of (nodes, d) vectors, GCA's weight of dense features."""
    return centrality.float() @ vectors.detach().abs().float()


def without_edges(train: Interactions, probabilities: Tensor) -> Interactions:
    """`train` without the entries that are dropped, each by chance with its one of (nnz,) `probabilities`."""
    return kept_entries(train, torch.rand_like(probabilities) >= probabilities)


def without_features(vectors: Tensor, probabilities: Tensor) -> Tensor:
    """(nodes, d) `vectors`, dropped dimensions 0 in all of them, each by chance with its one of (d,) `probabilities`."""
    return vectors * (torch.rand_like(probabilities) >= probabilities)


def degree_sensitive_sample(train: Interactions, share: float) -> Interactions:
    """`share` of the entries, drawn without replacement with chances ∝ 1 / √(n_u n_i): popular nodes lose most edges.

    FREEDOM (Zhou and Shen, MM 2023, https://arxiv.org/abs/2211.06924). Those with the least E / weight, E exponential,
    are such a draw, whatever their number (Efraimidis and Spirakis 2006); torch.multinomial ends at 2²⁴ entries.
    """
    wanted = max(1, round(len(train) * share))
    roots = (train.counts[train.users] * train.item_counts[train.items]).float().sqrt()
    waiting = roots * torch.empty_like(roots).exponential_()
    kept = torch.zeros(len(train), dtype=torch.bool, device=roots.device)
    kept[waiting.topk(wanted, largest=False, sorted=False).indices] = True
    return kept_entries(train, kept)


def kept_entries(train: Interactions, kept: Tensor) -> Interactions:
    """The entries of `train` that (nnz,) bool `kept` marks."""
    return Interactions(row_offsets(train.users[kept], train.num_users), train.items[kept], train.num_items)
