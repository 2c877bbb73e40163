"""What makes a recommender prefer what a user took."""

import torch.nn.functional as F
from torch import Tensor


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Bayesian personalised ranking (Rendle et al., UAI 2009, https://arxiv.org/abs/1205.2618): −mean ln σ(ŷ_ui − ŷ_uj).

    Args:
        positive, negative: (B,) scores of items that the user took and did not take.
    """
    return -F.logsigmoid(positive - negative).mean()
