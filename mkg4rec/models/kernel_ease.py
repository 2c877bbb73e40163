"""Kernel EASE: a linear model of what users took and disliked that is held to what is known of the items, in closed form.

Its warm view is EASE (Steck, WWW 2019, https://arxiv.org/abs/1905.03375) with the denoising of EDLAE (Steck, NeurIPS 2020,
https://proceedings.neurips.cc/paper/2020/hash/e33d974aae13e4d877477d51d8bafdc4-Abstract.html) and side information as in CEASE
(Jeunen et al., RecSys 2020, https://doi.org/10.1145/3383313.3418480), by kernels. Its cold view is a kernel ridge regression from
what is known of an item to the scores that it gets. Where the catalogue is too large for one dense problem, both are made of many.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.ranking import Scorer
from mkg4rec.factorisation import cholesky
from mkg4rec.group import Group, Share
from mkg4rec.interactions import WeightedInteractions
from mkg4rec.memory import require_memory
from mkg4rec.models.base import WEIGHTS, Input
from mkg4rec.models.blocks.equations import NormalEquations, RidgeEquations
from mkg4rec.models.blocks.matrix import BlockScorer
from mkg4rec.models.blocks.solution import BlockSizes, ridge_blocks, zero_diagonal_blocks
from mkg4rec.models.content_kernels import ContentKernels, Kernels, KernelWeights
from mkg4rec.models.data import TrainingData
from mkg4rec.models.item_weights import EXAMPLE_OF_BLOCKS, ItemWeightsModel, cross_gram, zero_diagonal_solution
from mkg4rec.tuning.space import Beside, Range

DENSE_COLUMNS, DENSE_ITEMS = 4, 4
"""How many matrices in double precision the exact form holds at its peak: columns × columns of Z, and columns × items."""


class KernelEaseHyperparameters(Group):
    """Attributes:
    regularization: λ of the items.
    dropout: p, the share of a user's items that are missing when they are rebuilt.
    activity_exponent: β; a user with n_u interactions counts (n_u / n̄)^−β.
    rating_slope: s; what a user took weighs 1 + s (r − r̄) in that user's row, with r̄ the mean of such ratings r.
    dislikes: whether what a user rated too low to count as taken stands in that user's row as well.
    dislike_regularization: λ of these.
    kernels: what is known of the items.
    warm_weights: α_m of the warm view.
    cold_weights: α'_m of the cold view.
    cold_regularization: μ. Not searched, like all of the cold view, of which validation on warm items says nothing.
    cold_weight: γ; with more, cold items stand higher among all.
    blocks: sizes of the approximate form; None for the exact one, whose memory grows with the square of the catalogue.
    """

    regularization: Annotated[float, Field(gt=0), Range(10.0, 10_000.0, log=True)]
    dropout: Annotated[float, Field(ge=0, lt=1), Range(0.0, 0.7)]
    activity_exponent: Annotated[Share, Range(0.0, 1.0)]
    rating_slope: Annotated[float, Field(ge=0), Range(0.0, 0.5)]
    dislikes: bool
    dislike_regularization: Annotated[float, Field(gt=0), Range(10.0, 10_000.0, log=True), Beside("dislikes")]
    kernels: Kernels
    warm_weights: KernelWeights
    cold_weights: KernelWeights
    cold_regularization: Annotated[float, Field(gt=0)]
    cold_weight: Annotated[float, Field(ge=0)]
    blocks: BlockSizes | None


class KernelEase(ItemWeightsModel):
    """Scores z_u B, with a column of B for every item.

    **Warm view**, of the items W that somebody took in train. With X binary, X_r what users took with its weights, N what they
    disliked (or nothing), Z = [X_r | N] and D = diag((n_u / n̄)^−β):

        min over B of ‖D^½ (X − Z B)‖² + Σ_m α_m ‖F_mᵀ − F_mᵀ B_X‖² + Σ_i Λ_ii ‖B_i‖²,  diag(B_X) = 0

    where B_X are the rows of X_r, K_m = F_m F_mᵀ, and Λ = λ + p / (1 − p) diag(ZᵀDZ), which is what dropping a share p of Z does in
    expectation. With A = ZᵀDZ + Λ + [Σ α_m K_m, 0; 0, 0] and C = ZᵀDX + [Σ α_m K_m; 0] that is `zero_diagonal_solution`.

    **Cold view**, of the others: with K = Σ_m α'_m K_m, what an item would be scored by all users is what kernel ridge regression makes
    of the warm items' scores S_W = Z B_W,

        S_c = γ S_W (K_WW + μ I)⁻¹ K_Wc,  which is B_c = γ B_W (K_WW + μ I)⁻¹ K_Wc.

    A modality or an attribute that the data set has not is a kernel of zeros.
    """

    Hyperparameters = KernelEaseHyperparameters
    reads = frozenset({Input.GRAPH, Input.FEATURES, Input.CONTENTS})

    def __init__(self, hyperparameters: KernelEaseHyperparameters, data: TrainingData) -> None:
        super().__init__(hyperparameters, data)
        self.hyperparameters = hyperparameters
        self.kernels = ContentKernels(hyperparameters.kernels, data)
        self.approximation: BlockScorer | None = None

    @classmethod
    def rows_of(cls, hyperparameters: KernelEaseHyperparameters, data: TrainingData) -> WeightedInteractions:
        """Z."""
        ratings = data.read_ratings()
        weights = 1 + hyperparameters.rating_slope * (ratings.taken - ratings.taken.mean())
        taken = WeightedInteractions(data.train, weights.clamp(min=0))
        return taken.beside(WeightedInteractions.binary(ratings.dislikes)) if hyperparameters.dislikes else taken

    @classmethod
    def knows_unseen(cls, hyperparameters: KernelEaseHyperparameters) -> bool:
        return hyperparameters.cold_weight > 0 and any(hyperparameters.cold_weights.values())

    def fit(self) -> float:
        """Solve for B; gives the minimum of the warm view / (users · items).

        Raises:
            PipelineError: the exact form needs more memory than there is.
        """
        warm, cold = (numbers.nonzero().squeeze(1) for numbers in (self.train.item_counts > 0, self.train.item_counts == 0))
        used = (self.rows.entries.item_counts > 0).nonzero().squeeze(1)
        if self.hyperparameters.blocks:
            return self._fit_blocks(self.hyperparameters.blocks, *(numbers.cpu().numpy() for numbers in (warm, cold, used)))
        self._check_memory()
        weights, minima = self._warm_view(warm, used)
        self.weights = torch.zeros(self.rows.entries.num_items, self.train.num_items, device=weights.device)
        self.weights[used.unsqueeze(1), warm] = weights
        if len(cold):
            self.weights[used.unsqueeze(1), cold] = weights @ self.cold_map(warm, cold)
        return float(minima.mean()) / self.train.num_users

    def _check_memory(self) -> None:
        """The exact form, or an error that says what to do instead."""
        device = self.train.items.device
        columns, items = self.rows.entries.num_items, self.train.num_items
        require_memory(
            8 * columns * (DENSE_COLUMNS * columns + DENSE_ITEMS * items),
            device,
            f"kernel_ease: the exact form for {items:,} items ({columns:,} columns, their products dense)",
            "Set models.kernel_ease.blocks in params.yaml to the sizes of the approximate form, such as "
            f"{EXAMPLE_OF_BLOCKS}, whose memory grows with the items alone.",
        )

    def _user_weights(self) -> Tensor:
        """(users,) the diagonal of D."""
        activity = self.train.counts.float()
        return (activity / activity.mean()).pow(-self.hyperparameters.activity_exponent)

    def _penalties(self, columns: Tensor) -> Tensor:
        """(U,) λ of (U,) columns of Z."""
        is_taken = columns < self.train.num_items
        return torch.where(is_taken, self.hyperparameters.regularization, self.hyperparameters.dislike_regularization)

    def _fit_blocks(self, sizes: BlockSizes, warm: NDArray[np.intp], cold: NDArray[np.intp], used: NDArray[np.intp]) -> float:
        settings, device = self.hyperparameters, self.train.items.device
        penalties = self._penalties(torch.arange(self.rows.entries.num_items, device=device))
        likeness = self.kernels.weighted(settings.warm_weights)
        equations = NormalEquations(self.rows, self.train, self._user_weights(), penalties, settings.dropout, likeness)
        weights, attained = zero_diagonal_blocks(equations, warm, used, sizes, device)
        ridge = RidgeEquations(self.kernels.weighted(settings.cold_weights), settings.cold_regularization, self.train.num_items)
        to_cold = ridge_blocks(ridge, warm, cold, sizes, device).times(settings.cold_weight)
        self.approximation = BlockScorer(self.rows, weights, to_cold)
        return float((equations.totals - attained)[warm].mean()) / self.train.num_users

    def scorer(self) -> Scorer:
        return self.approximation or super().scorer()

    def save(self, folder: Path, data: TrainingData) -> None:
        if self.approximation:
            save_file(self.approximation.tensors(), folder / WEIGHTS)
        else:
            super().save(folder, data)

    @classmethod
    def load(cls, hyperparameters: KernelEaseHyperparameters, folder: Path, data: TrainingData) -> Scorer:
        if not hyperparameters.blocks:
            return super().load(hyperparameters, folder, data)
        rows, tensors = cls.rows_of(hyperparameters, data), load_file(folder / WEIGHTS)
        shape = (rows.entries.num_items, data.num_items)
        made_for = tuple(tensors[name].shape[axis] for name, axis in (("warm.basis", 0), ("warm.coefficients", 1)) if name in tensors)
        if made_for != shape:
            raise PipelineError(f"{folder / WEIGHTS}: made for other data or for the exact form; run `dvc repro`.")
        return BlockScorer.from_tensors(rows, tensors)

    def _warm_view(self, warm: Tensor, used: Tensor) -> tuple[Tensor, Tensor]:
        """(U, W) float32 weights and (W,) minima; `used` (U,) are the columns of Z with an entry, those of `warm` (W,) first."""
        settings, device, user_weights = self.hyperparameters, warm.device, self._user_weights()
        gram = cross_gram(self.rows, self.rows, user_weights)[used.unsqueeze(1), used]
        target = cross_gram(self.rows, WeightedInteractions.binary(self.train), user_weights)[used.unsqueeze(1), warm]
        # (XᵀDX)_jj of the binary X.
        totals = torch.zeros(self.train.num_items, dtype=torch.float64, device=device)
        totals.index_add_(0, self.train.items, user_weights[self.train.users].double())

        likeness = self.kernels.among(settings.warm_weights, warm)
        gram.diagonal().add_(self._penalties(used) + settings.dropout / (1 - settings.dropout) * gram.diagonal())
        gram[: len(warm), : len(warm)] += likeness
        target[: len(warm)] += likeness
        weights = zero_diagonal_solution(gram, target)
        return weights.float(), totals[warm] + likeness.diagonal() - (target * weights).sum(0)

    def cold_map(self, warm: Tensor, cold: Tensor) -> Tensor:
        """γ (K_WW + μ I)⁻¹ K_Wc, (W, C) float32, of `warm` (W,) and `cold` (C,) items."""
        settings = self.hyperparameters
        among_warm = self.kernels.among(settings.cold_weights, warm)
        among_warm.diagonal().add_(settings.cold_regularization)
        to_cold = self.kernels.between(settings.cold_weights, warm, cold)
        return (settings.cold_weight * torch.cholesky_solve(to_cold, cholesky(among_warm))).float()

    def cold_column(self, warm: Tensor, item: int) -> Tensor:
        """γ (K_WW + μ I)⁻¹ K_Wc, (W,) float32, of `warm` (W,) items and one that nobody took; about that where there are blocks."""
        settings = self.hyperparameters
        if not settings.blocks:
            self._check_memory()
            return self.cold_map(warm, torch.tensor([item], device=warm.device)).squeeze(1)
        ridge = RidgeEquations(self.kernels.weighted(settings.cold_weights), settings.cold_regularization, self.train.num_items)
        to_cold = ridge_blocks(ridge, warm.cpu().numpy(), np.array([item]), settings.blocks, warm.device)
        return settings.cold_weight * to_cold.column(item)[warm]
