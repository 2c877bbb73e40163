"""What models have in common that score by messages along the edges of a graph, and which can therefore be explained."""

from abc import abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from torch import Tensor

from mkg4rec.graph.collaborative import CollaborativeGraph
from mkg4rec.interactions import Interactions
from mkg4rec.models.base import Neural
from mkg4rec.models.dot_product import DotProduct

PairScore = Callable[[int, int], Tensor]
"""The score of a user with an item, both by index: a scalar."""


@dataclass(frozen=True)
class Messages:
    """Along which edges a model passes messages, and what part of a message each lets through.

    Attributes:
        graph: an edge (h, r, t) carries a message from its tail to its head, its inverse one back.
        weights: (edges,) float32; what is multiplied with the tail's vector before the head adds it up.
        num_layers: L, how often messages are passed.
        hop_shares: α_1, …, α_K, how much of a message a layer brings over so many edges at once.
        relation_names: of all relations of the graph but the first, which is "interacts with"; None where they are those of the
            knowledge graph.
        users_hear: whether messages reach users; where none does, an interaction weighs 0 both ways.
    """

    graph: CollaborativeGraph
    weights: Tensor
    num_layers: int
    hop_shares: tuple[float, ...] = (1.0,)
    relation_names: tuple[str, ...] | None = None
    users_hear: bool = True

    def carried(self, longest: int) -> list[float]:
        """What part of a message, beside the weights of its edges, the layers bring over 0, 1, …, `longest` edges.

        The coefficients of Σ_{l ≤ L} (Σ_k α_k x^k)^l: over n edges in l layers, by every way to divide n into l hops. With
        single hops that is 1 as far as there are layers, and 0 beyond.
        """
        carried = once_more = [1.0] + [0.0] * longest
        for _ in range(self.num_layers):
            hops = list(enumerate(self.hop_shares[:longest], start=1))
            once_more = [sum(share * once_more[edges - hop] for hop, share in hops if hop <= edges) for edges in range(longest + 1)]
            carried = [total + part for total, part in zip(carried, once_more, strict=True)]
        return carried


class Explainable(Neural):
    """A model that scores a user and an item by what messages along edges make of initial vectors."""

    train_interactions: Interactions

    @abstractmethod
    def initial_nodes(self) -> Tensor:
        """e⁰, (…, nodes, d), nodes numbered as in `CollaborativeGraph`; no message is part of it."""

    @abstractmethod
    def pair_score(self, initial: Tensor) -> PairScore:
        """The scores of pairs by messages that begin with e⁰."""

    @abstractmethod
    def messages(self) -> Messages:
        """The edges and their weights with the present parameters."""

    def messages_for(self, messages: Messages, user: int) -> Messages:
        """`messages` with the weights that they have for the user of this index; they are the same for all but where a model says so."""
        return messages

    @abstractmethod
    def keeping(self, kept: Tensor) -> AbstractContextManager[None]:
        """Within the context scores are what they would be with these parameters if edges were there only in part.

        The weights are those of that smaller graph: attention is a softmax over what is left of a neighbourhood, a
        normalisation by degrees takes the degrees that are left. With zeros and ones it is the model on a graph without some
        edges; in between, a score has a gradient by `kept`.

        Args:
            kept: (edges,) float32 in the order of `messages().graph`, from 0 (removed) to 1 (there); the same for an edge and its inverse.
        """

    def modality_shares(self, users: Tensor, items: Tensor) -> dict[str, Tensor]:
        """By modality its share in what the model makes of (B,) users with (B,) items, (B,) each, summing to 1.

        0 each where no modality says anything of the pair; empty for a model that reads none.
        """
        return {}


class MessagePassing(Explainable, DotProduct):
    """A dot product of vectors that L layers of messages make of initial ones."""

    @abstractmethod
    def vectors_from(self, initial: Tensor) -> tuple[Tensor, Tensor]:
        """(users, D) and (items, D) from e⁰."""

    def pair_score(self, initial: Tensor) -> PairScore:
        users, items = self.vectors_from(initial)

        def of(user: int, item: int) -> Tensor:
            one, other = self.comparable(users[user], items[item])
            return one @ other

        return of

    def final_vectors(self) -> tuple[Tensor, Tensor]:
        return self.vectors_from(self.initial_nodes())
