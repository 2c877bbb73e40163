"""DMICF: intents from the users' and from the items' perspective (Zhang et al. 2025, https://arxiv.org/abs/2506.11538).

Theirs: two perspectives, in each of which one side is known by its neighbours and the other by itself; 48 intents, vectors of 32,
intent vectors of 16, 60 negatives, τ = .2; a score that adds agreement in intents to the cosines; a softmax over a positive and
its negatives. Ours, since the paper's versions and its code differ: intents by a softmax over cosines, −ln of the softmax in place
of its squared distance to the truth, negatives that a group of positives shares, and intent vectors of nodes and not of pairs. A
network for every pair makes a batch take five times as long as LightGCN's, and its score is no inner product.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mkg4rec.group import Count
from mkg4rec.layers.intents import IntentEncoder
from mkg4rec.models.data import TrainingData
from mkg4rec.models.dot_product import RankingHyperparameters
from mkg4rec.models.over_interactions import OverInteractions
from mkg4rec.training.losses import Loss, sampled_softmax

GROUP = 64
"""Positives that share their negatives: enough for a product of matrices, few enough that a batch has many different negatives."""


class DmicfHyperparameters(RankingHyperparameters):
    """Attributes:
    dimension: d of the vectors of users and items.
    num_intents: K.
    intent_dimension: r, of an intent vector.
    """

    dimension: Count
    num_intents: Count
    intent_dimension: Count


class Dmicf(OverInteractions):
    """ŷ_ui = Σ_p (Σ_r v_pr z_p(x_pu)_r z_p(x_pi)_r + w_p cos(x_pu, x_pi)) over the users' and the items' perspective p.

    For the users x_u = h_u, what the user took, and x_i = e_i; for the items x_u = e_u and x_i = h_i, who took the item, with
    h_u = Σ_{i ∈ N_u} e_i / √(|N_u| |N_i|) and h_i likewise. The z_p are intent vectors.

    Attributes:
        users, items: e, (users, d) and (items, d).
        encoders: of both perspectives, z.
        agreement: v, (2, r).
        likeness: w, (2,).
    """

    Hyperparameters = DmicfHyperparameters
    num_layers = 1

    def __init__(self, hyperparameters: DmicfHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: DmicfHyperparameters = hyperparameters
        settings = hyperparameters
        self.users, self.items = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(size, settings.dimension))) for size in (data.num_users, data.num_items)
        )
        sizes = settings.num_intents, settings.dimension, settings.intent_dimension, settings.temperature
        self.encoders = nn.ModuleList(IntentEncoder(*sizes) for _ in range(2))
        self.agreement = nn.Parameter(torch.ones(2, settings.intent_dimension))
        self.likeness = nn.Parameter(torch.ones(2))
        self.to(data.train.items.device)

    def initial_nodes(self) -> Tensor:
        """e of items, then of users: (items + users, d)."""
        return torch.cat([self.items, self.users])

    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        """Intents and directions of both perspectives, those of users weighted: (users, 2 (r + d)) and (items, 2 (r + d))."""
        own, of_users = initial.split([len(self.items), len(self.users)])
        seen = (self.adjacency(own), own), (of_users, self.adjacency.T(of_users))
        of_users, of_items = [], []
        for encoder, agreement, likeness, (users, items) in zip(self.encoders, self.agreement, self.likeness, seen, strict=True):
            users, items = F.normalize(users, dim=-1), F.normalize(items, dim=-1)
            of_users += [agreement * encoder(users), likeness * users]
            of_items += [encoder(items), items]
        return torch.cat(of_users, dim=-1), torch.cat(of_items, dim=-1)

    def recommendation_loss(self, positives: Tensor) -> Tensor:
        """−mean ln e^{ŷ_ui / τ} / (e^{ŷ_ui / τ} + Σ_j e^{ŷ_uj / τ}) over (B,) numbers of train interactions.

        The j are drawn for `GROUP` positives at a time, and one that a user took does not count for that user.
        """
        if self.hyperparameters.loss is not Loss.SAMPLED_SOFTMAX:
            return super().recommendation_loss(positives)
        # In the order of users, as the interactions are: what is looked up about a user is then looked up at once.
        positives = positives.sort().values
        users, items = self.train_interactions.users[positives], self.train_interactions.items[positives]
        user_vectors, item_vectors = self.comparable(*self.final_vectors())
        asking = F.embedding(users, user_vectors) / self.hyperparameters.temperature
        own = (asking * F.embedding(items, item_vectors)).sum(-1)
        others = [self.score_shared(group, vectors, item_vectors) for group, vectors in zip(groups(users), groups(asking), strict=True)]
        return sampled_softmax(own, torch.cat(others))

    def score_shared(self, users: Tensor, asking: Tensor, item_vectors: Tensor) -> Tensor:
        """Scores of (G, S) users, (G, S, D), with items drawn for their group, −∞ where a user took one: (G · S, N)."""
        drawn = self.draw_shared(len(users))
        scores = asking @ F.embedding(drawn, item_vectors).transpose(1, 2)
        taken = self.train_interactions.contains(users.unsqueeze(2), drawn.unsqueeze(1))
        return scores.masked_fill(taken, -torch.inf).flatten(0, 1)

    def draw_shared(self, num_groups: int) -> Tensor:
        """(G, N) items, none of those that are kept out of training."""
        shape, device = (num_groups, self.hyperparameters.num_negatives), self.items.device
        if self.unseen is None:
            return torch.randint(len(self.items), shape, device=device)
        seen = (~self.unseen).nonzero().squeeze(1)
        return seen[torch.randint(len(seen), shape, device=device)]


def groups(rows: Tensor) -> Iterator[Tensor]:
    """(B, …) rows as (G, GROUP, …), and what is left over as a group of its own."""
    whole = len(rows) // GROUP * GROUP
    if whole:
        yield rows[:whole].unflatten(0, (-1, GROUP))
    if whole < len(rows):
        yield rows[whole:].unsqueeze(0)
