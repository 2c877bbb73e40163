"""KGCN: knowledge graph convolutional networks for recommender systems (Wang et al., WWW 2019, https://arxiv.org/abs/1904.12575)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Annotated, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mkg4rec.graph.receptive_field import sample_receptive_field
from mkg4rec.group import Count, Lax
from mkg4rec.layers.one_hop_scores import one_hop_scores
from mkg4rec.layers.user_relation import Aggregation, Aggregator, user_relation_attention
from mkg4rec.models.base import Input, NeuralHyperparameters
from mkg4rec.models.data import TrainingData
from mkg4rec.models.message_passing import Explainable, Messages, PairScore
from mkg4rec.models.pairwise import Pairwise

BLOCK = 2**19
"""Numbers that the largest tensor of a block of scores holds: 2 MB, which stays in a processor's cache."""
USERS = 512
"""Users at a time: with more of them a block would be of so few items that its products do not pay."""


class KgcnHyperparameters(NeuralHyperparameters):
    """Attributes:
    dimension: d of all vectors.
    num_neighbours: K, sampled neighbours of an entity.
    num_hops: H, the depth of the receptive field.
    aggregation: how an entity joins its neighbourhood.
    """

    dimension: Count
    num_neighbours: Count
    num_hops: Count
    aggregation: Annotated[Aggregation, Lax]


class Kgcn(Pairwise, Explainable):
    """ŷ = u · v^u, where v^u is the item as the user sees it: aggregated with its neighbours, these with theirs, H times.

    A neighbour counts as its relation does to the user. The weighted neighbours are summed, as equation 2 says; the
    authors' code, and ports of it, divide by K once more. The receptive field is sampled once, with the model.

    Messages reach entities alone: u is learned, and what the user took has a part in it only through training.

    Attributes:
        neighbours, relations: (entities, K), see `ReceptiveField`.
        kept: how much of each edge of the collaborative graph is there, (edges,) from 0 to 1; None where all are.
    """

    Hyperparameters = KgcnHyperparameters
    reads = frozenset({Input.GRAPH})
    neighbours: Tensor
    relations: Tensor

    def __init__(self, hyperparameters: KgcnHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: KgcnHyperparameters = hyperparameters
        triplets, settings = data.read_triplets(), hyperparameters
        field = sample_receptive_field(triplets, settings.num_neighbours)
        self.register_buffer("neighbours", field.neighbours)
        self.register_buffer("relations", field.relations)
        # Every relation, its inverse, and that of an entity to itself.
        sizes = (data.num_users, triplets.num_entities, 2 * triplets.num_relations + 1)
        self.user_vectors, self.entity_vectors, self.relation_vectors = (
            nn.Parameter(nn.init.xavier_uniform_(torch.empty(size, settings.dimension))) for size in sizes
        )
        activations = [*(nn.ReLU() for _ in range(settings.num_hops - 1)), nn.Tanh()]
        layers = nn.ModuleList(Aggregator(settings.dimension, settings.aggregation, activation) for activation in activations)
        self.layers = cast(Sequence[Aggregator], layers)
        self.num_items = data.num_items
        self.data = data
        self.kept: Tensor | None = None
        self.to(data.train.items.device)

    def scorer(self) -> "KgcnScorer":
        return KgcnScorer(self)

    def compile_layers(self) -> None:
        for layer in self.layers:
            layer.compile()

    def loss(self, users: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """Cross-entropy of one negative per positive (equation 8); λ‖F‖² is Adam's weight decay."""
        scores = self(users.repeat(2), torch.cat([positives, negatives]))
        taken = torch.cat([torch.ones_like(users), torch.zeros_like(users)])
        return F.binary_cross_entropy_with_logits(scores, taken.to(scores.dtype))

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """ŷ of (B,) users with (B,) items (equation 7)."""
        return self.score_from(self.user_vectors, self.entity_vectors, users, items)

    def score_from(self, user_vectors: Tensor, entity_vectors: Tensor, users: Tensor, items: Tensor) -> Tensor:
        """ŷ of (B,) users with (B,) items by given vectors of all users and all entities."""
        vectors = F.embedding(users, user_vectors)
        seen = self.as_seen(vectors @ self.relation_vectors.T, items.unsqueeze(1), len(self.layers), entity_vectors).squeeze(1)
        return (vectors * seen).sum(-1)

    def as_seen(self, scores: Tensor, entities: Tensor, hops: int, entity_vectors: Tensor) -> Tensor:
        """v^u[h] of M entities for each of B users (algorithm 1), from the entities and their neighbours with one hop less.

        Args:
            scores: (B, R) π of every relation to the users.
            entities: (B, M).
            hops: h, at least 1.
            entity_vectors: v^u[0] of all entities.

        Returns:
            (B, M, d)
        """
        neighbours = self.neighbours[entities]
        attention = user_relation_attention(scores, self.relations[entities])  # (B, M, K)
        if self.kept is not None:
            attention = over_sampled_rest(attention, self.kept[self.sampled_edges[entities]])
        if hops == 1:
            own = F.embedding(entities, entity_vectors)
            # A weighted sum of rows without a copy of each.
            bags, weights = neighbours.flatten(0, 1), attention.flatten(0, 1)
            around = F.embedding_bag(bags, entity_vectors, mode="sum", per_sample_weights=weights).view_as(own)
        else:
            below = self.as_seen(scores, torch.cat([entities, neighbours.flatten(1)], dim=1), hops - 1, entity_vectors)
            own, others = below.split([entities.shape[1], neighbours[0].numel()], dim=1)
            around = (attention.unsqueeze(-1) * others.view(*neighbours.shape, -1)).sum(2)
        if self.kept is not None:
            # Who has no neighbours left is its own, as `sample_receptive_field` has it.
            around = around + (1 - attention.sum(-1, keepdim=True)) * own
        seen: Tensor = self.layers[hops - 1](own, around)
        return seen

    @cached_property
    def sampled_edges(self) -> Tensor:
        """(entities, K) number of the edge of the collaborative graph that was drawn; one past the last for an entity by itself."""
        facts = self.data.graph.num_relations // 2 - 1
        own = self.relations == 2 * facts
        # There, interactions are the first relation, and the first of the inverse ones.
        relations = torch.where(self.relations < facts, self.relations + 1, self.relations + 2).masked_fill(own, 0)
        heads = torch.arange(len(relations), device=relations.device).unsqueeze(1).expand_as(relations)
        return self.data.graph.edge_numbers(heads, relations, self.neighbours).masked_fill(own, len(self.data.graph.heads))

    def initial_nodes(self) -> Tensor:
        return torch.cat([self.entity_vectors, self.user_vectors])

    def pair_score(self, initial: Tensor) -> PairScore:
        entity_vectors, user_vectors = initial.split([len(self.entity_vectors), len(self.user_vectors)])

        def of(user: int, item: int) -> Tensor:
            users, items = torch.tensor([[user], [item]], device=initial.device)
            return self.score_from(user_vectors, entity_vectors, users, items).squeeze(0)

        return of

    def messages(self) -> Messages:
        """π̃ of a user to whom all relations are alike; what was not drawn weighs 0, and so do interactions."""
        return Messages(self.data.graph, self._weights(torch.zeros_like(self.relation_vectors[:, 0])), len(self.layers), users_hear=False)

    def messages_for(self, messages: Messages, user: int) -> Messages:
        return replace(messages, weights=self._weights(self.relation_vectors @ self.user_vectors[user]))

    def _weights(self, scores: Tensor) -> Tensor:
        """(edges,) π̃ of the collaborative graph by (R,) scores of the relations, summed where an edge was drawn more than once."""
        attention = scores.detach()[self.relations].softmax(1)
        drawn = attention.new_zeros(len(self.data.graph.heads) + 1)
        return drawn.index_add(0, self.sampled_edges.flatten(), attention.flatten())[:-1]

    @contextmanager
    def keeping(self, kept: Tensor) -> Iterator[None]:
        # An entity by itself is no edge, and stays.
        self.kept = torch.cat([kept, kept.new_ones(1)])
        try:
            yield
        finally:
            self.kept = None


def over_sampled_rest(attention: Tensor, kept: Tensor) -> Tensor:
    """The same softmax over what is left of K sampled neighbours: k π̃ / Σ k π̃, of (…, K) π̃ and k; 0 each where nothing is left."""
    rest = attention * kept
    return rest / rest.sum(-1, keepdim=True).clamp(min=torch.finfo(rest.dtype).tiny)


class KgcnScorer:
    """ŷ of some users with every item, by blocks of items whose vectors, one per user, stay in a processor's cache.

    A hop's tensors are (M, d, B) here, entities first, because the neighbours of an entity are the same for all users: the
    first hop is one matrix product per entity, of what it and each neighbour bring and the attention of all users. (As that sums
    to 1 over the neighbours, W_v v + b + Σ π̃ W_S e = Σ π̃ (W_v v + b + W_S e): the entity need not be a factor of its own.) The last hop's
    tanh is most of the work; as tanh z = 2 σ(2z) − 1, ŷ = u · tanh z = 2 u · σ(2z) − Σ u, and a sigmoid takes a third of the time.
    With one hop, a processor takes the half of that again for the compiled `one_hop_scores`.
    """

    def __init__(self, model: Kgcn) -> None:
        self.model = model
        with torch.no_grad():
            self.own, self.around = model.layers[0].parts(model.entity_vectors)

    @torch.no_grad()
    def score(self, users: Tensor) -> Tensor:
        """(B,) user indices → (B, items)"""
        model = self.model
        if len(model.layers) > 1 or users.device.type != "cpu":
            return torch.cat([self._score(some) for some in users.split(USERS)])
        items = torch.arange(model.num_items)
        vectors = model.user_vectors[users].T
        return one_hop_scores(self.parts(items), model.relations[items], model.relation_vectors @ vectors, vectors)

    def _score(self, users: Tensor) -> Tensor:
        model, hops = self.model, len(self.model.layers)
        vectors = model.user_vectors[users].T.contiguous()
        relation_scores = model.relation_vectors @ vectors
        seen_at_once = max(1, BLOCK // (vectors.numel() * (1 + model.neighbours.shape[1]) ** (hops - 1)))
        scores = vectors.new_empty(model.num_items, len(users))
        blocks = torch.arange(model.num_items, device=users.device).split(seen_at_once)
        for items, of_items in zip(blocks, scores.split(seen_at_once), strict=True):
            sigmoids = self.joined(relation_scores, items, hops, times=2).sigmoid_()
            torch.sum(sigmoids.mul_(vectors), dim=1, out=of_items)
        return scores.mul_(2).sub_(vectors.sum(0)).T

    def joined(self, relation_scores: Tensor, entities: Tensor, hops: int, times: int = 1) -> Tensor:
        """As `Kgcn.as_seen` before its activation, so many times, but (R, B) scores and (M,) entities → (M, d, B)."""
        neighbours = self.model.neighbours[entities]
        attention = relation_scores[self.model.relations[entities]].softmax(1)  # (M, K, B)
        if hops == 1:
            return torch.bmm(times * self.parts(entities).transpose(1, 2), attention)
        activation = self.model.layers[hops - 2].activation
        below: Tensor = activation(self.joined(relation_scores, torch.cat([entities, neighbours.flatten()]), hops - 1))
        own, others = below.split([len(entities), neighbours.numel()])
        around = (attention.unsqueeze(2) * others.unflatten(0, neighbours.shape)).sum(1)
        return self.model.layers[hops - 1].joined(own.transpose(1, 2), around.transpose(1, 2)).transpose(1, 2).mul_(times)

    def parts(self, entities: Tensor) -> Tensor:
        """What each neighbour of (M,) entities brings in the first hop, and the entity with it: (M, K, d)."""
        return self.own[entities].unsqueeze(1) + self.around[self.model.neighbours[entities]]
