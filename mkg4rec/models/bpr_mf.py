"""BPR-MF: matrix factorisation trained by Bayesian personalised ranking (Rendle et al., UAI 2009, https://arxiv.org/abs/1205.2618)."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from mkg4rec.group import Count, Group
from mkg4rec.models.data import TrainingData
from mkg4rec.models.dot_product import DotProduct, RankingHyperparameters
from mkg4rec.training.losses import squared_norm
from mkg4rec.tuning.space import Range


class BprMfHyperparameters(RankingHyperparameters):
    """Attributes:
    dimension: d of the vectors of users and items.
    regularization: λ_Θ of BPR-Opt, on the vectors that a batch involves, and what a search varies in place of the weight decay.
    """

    dimension: Count
    regularization: Annotated[float, Field(ge=0), Range(1e-5, 1e-1, log=True)]
    weight_decay: Annotated[float, Field(ge=0)]


class BprMf(DotProduct):
    """ŷ_ui = w_u · h_i (section 4.3.1): a vector per user and item, and nothing else.

    Attributes:
        users: (users, d), the rows w_u.
        items: (items, d), the rows h_i.
    """

    Hyperparameters: ClassVar[type[Group]] = BprMfHyperparameters

    def __init__(self, hyperparameters: BprMfHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters: BprMfHyperparameters = hyperparameters
        self.users = nn.Parameter(nn.init.xavier_uniform_(torch.empty(data.num_users, hyperparameters.dimension)))
        self.items = nn.Parameter(nn.init.xavier_uniform_(torch.empty(data.num_items, hyperparameters.dimension)))
        self.to(data.train.items.device)

    def final_vectors(self) -> tuple[Tensor, Tensor]:
        return self.users, self.items

    def penalty(self, users: Tensor, candidates: Tensor, asking: Tensor, offered: Tensor) -> Tensor | float:
        """λ_Θ · ½ (‖w_u‖² + ‖h_i‖² + Σ_j ‖h_j‖²), the mean over the batch."""
        return self.hyperparameters.regularization * squared_norm(asking, offered)
