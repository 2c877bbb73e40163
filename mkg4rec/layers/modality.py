"""Modal features of nodes: projected contents, and a learned vector where content is missing."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ModalFeatures(nn.Module):
    """f_m(e) = LeakyReLU(W_m x_m(e) + b_m) for entities with content, a learned vector for the others.

    Attributes:
        contents: (present entities, D) the CLIP vectors x_m.
        rows: (present entities,) which entities these are.
    """

    contents: Tensor
    rows: Tensor

    def __init__(self, vectors: Tensor, present: Tensor, dimension: int, negative_slope: float) -> None:
        """
        Args:
            vectors: (entities, D), of any value where missing.
            present: (entities,) bool.
        """
        super().__init__()
        self.num_entities = len(vectors)
        # Not persistent: contents are inputs, and the weights file should not carry them.
        self.register_buffer("rows", present.nonzero().squeeze(1), persistent=False)
        self.register_buffer("contents", vectors[present].contiguous(), persistent=False)
        self.projection = nn.Linear(vectors.shape[1], dimension)
        self.missing = nn.Parameter(torch.empty(1, dimension))
        self.negative_slope = negative_slope
        nn.init.xavier_uniform_(self.projection.weight)
        nn.init.zeros_(self.projection.bias)
        nn.init.xavier_uniform_(self.missing)

    def forward(self) -> Tensor:
        """(entities, d)"""
        features = F.leaky_relu(self.projection(self.contents), self.negative_slope)
        return self.missing.to(features.dtype).expand(self.num_entities, -1).index_copy(0, self.rows, features)
