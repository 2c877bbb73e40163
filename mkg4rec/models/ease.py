"""EASE: embarrassingly shallow auto-encoders (Steck, WWW 2019, https://arxiv.org/abs/1905.03375)."""

from typing import Annotated

from pydantic import Field

from mkg4rec.group import Group
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_weights import ItemWeightsModel, gram_matrix, zero_diagonal_regression
from mkg4rec.tuning.space import Range


class EaseHyperparameters(Group):
    """`regularization` is λ, the L2 penalty on the item–item weights."""

    regularization: Annotated[float, Field(gt=0), Range(1.0, 10_000.0, log=True)]


class Ease(ItemWeightsModel):
    """min over B of ‖X − X B‖² + λ‖B‖² with diag(B) = 0, in closed form. Scores: x_u B."""

    Hyperparameters = EaseHyperparameters

    def __init__(self, hyperparameters: EaseHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters

    def fit(self) -> float:
        """Solve for B; gives (‖X − X B‖² + λ‖B‖²) / (users · items).

        Raises:
            PipelineError: there is no memory for its four matrices of items × items in double precision.
        """
        self.require_memory("ease", 4 * 8 * self.train.num_items**2)
        penalty = self.hyperparameters.regularization
        gram = gram_matrix(self.train)
        gram.diagonal().add_(penalty)
        self.weights, minima = zero_diagonal_regression(gram)
        return float((minima - penalty).mean()) / self.train.num_users
