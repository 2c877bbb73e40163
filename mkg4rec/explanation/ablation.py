"""What a pair of user and item scores without some edges of the graph."""

import torch
from torch import Tensor

from mkg4rec.models.message_passing import Explainable, Messages


class Ablation:
    """A trained model whose graph loses edges for the time of one question.

    The parameters stay, and so do the initial vectors e⁰ (embeddings and contents; in Multi-KG4Rec also an item's fusion with
    its neighbour sequence, and a user's mean over the contents of its items) and what `StructureAwareAttention` knows of the
    structure around an edge: what is removed are messages. The weights that remain are renormalised as `Explainable.keeping`
    says, so that the score is that of the same model on the smaller graph.
    """

    def __init__(self, model: Explainable) -> None:
        self.model = model.eval()
        with torch.no_grad():
            self.initial = model.initial_nodes()
            self.messages = model.messages()
            self._whole = model.pair_score(self.initial)

    def messages_for(self, user: int) -> Messages:
        """The edges with the weights that they have for this user."""
        with torch.no_grad():
            return self.model.messages_for(self.messages, user)

    @torch.no_grad()
    def score(self, user: int, item: int) -> float:
        """With all edges."""
        return float(self._whole(user, item))

    @torch.no_grad()
    def drop(self, user: int, item: int, edges: Tensor) -> float:
        """By how much the score of the pair falls without (n,) `edges` and their inverses; negative where it rises."""
        graph = self.messages.graph
        kept = torch.ones_like(self.messages.weights)
        kept[edges] = 0.0
        kept[graph.inverses[edges]] = 0.0
        return self.score(user, item) - float(self._score_keeping(user, item, kept))

    def influences(self, user: int, item: int) -> Tensor:
        """(edges,) ∂ŷ/∂k of the pair's score ŷ by how much k of the edge and of its inverse is there, at the whole graph.

        To first order it is what `drop` gives for the edge alone, of all edges at once; the same for an edge and its inverse.
        """
        kept = torch.ones_like(self.messages.weights, requires_grad=True)
        (gradient,) = torch.autograd.grad(self._score_keeping(user, item, kept), kept)
        return gradient + gradient[self.messages.graph.inverses]

    def _score_keeping(self, user: int, item: int, kept: Tensor) -> Tensor:
        with self.model.keeping(kept):
            return self.model.pair_score(self.initial)(user, item)
