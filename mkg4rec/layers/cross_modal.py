"""The cross-modal transformer block of Multi-KG4Rec (Wang et al., 2025, section 3.3)."""

import math
from enum import StrEnum

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Fusion(StrEnum):
    """Which modality reads which in the cross-modal blocks, where every modality also reads itself; `none` is no blocks at all."""

    BOTH = "both"
    TEXT_TO_IMAGE = "text_to_image"
    IMAGE_TO_TEXT = "image_to_text"
    NONE = "none"


def reads(modalities: list[str], fusion: Fusion) -> Tensor:
    """(M, M) bool: whether the row's modality attends to tokens of the column's.

    `text_to_image` lets information flow from text into the visual side alone, `image_to_text` the other
    way; a modality beyond these two is read and reads only under `both`.
    """
    allowed = torch.eye(len(modalities), dtype=torch.bool)
    if fusion is Fusion.BOTH:
        allowed[:] = True
    elif fusion in (Fusion.TEXT_TO_IMAGE, Fusion.IMAGE_TO_TEXT):
        visual, text = modalities.index("visual"), modalities.index("text")
        reader, source = (visual, text) if fusion is Fusion.TEXT_TO_IMAGE else (text, visual)
        allowed[reader, source] = True
    return allowed


class ModalLinear(nn.Module):
    """x W_m + b_m, with a weight of its own for every modality m, Xavier-initialised."""

    def __init__(self, num_modalities: int, dimension: int, output_dimension: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num_modalities, dimension, output_dimension))
        self.bias = nn.Parameter(torch.zeros(num_modalities, 1, output_dimension))
        for weight in self.weight:
            nn.init.xavier_uniform_(weight)

    def forward(self, tokens: Tensor) -> Tensor:
        """(M, B, n, d) → (M, B, n, output_dimension)"""
        sides, items, length, _ = tokens.shape
        return torch.baddbmm(self.bias, tokens.flatten(1, 2), self.weight).view(sides, items, length, -1)


class ModalNorm(nn.Module):
    """LayerNorm over the last dimension with a scale and a shift of its own for every modality."""

    def __init__(self, num_modalities: int, dimension: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_modalities, 1, 1, dimension))
        self.shift = nn.Parameter(torch.zeros(num_modalities, 1, 1, dimension))

    def forward(self, tokens: Tensor) -> Tensor:
        """(M, B, n, d) → (M, B, n, d)"""
        return F.layer_norm(tokens, tokens.shape[-1:]) * self.scale + self.shift


class CrossModalBlock(nn.Module):
    """Attention of every modality over its own and the other modalities' tokens, then a feed-forward layer.

    Per head, on the visual side: softmax(Q_v [K_v ; K_t]ᵀ / √(d/h)) [V_v ; V_t], and likewise for the other
    sides with their own Q; heads concatenated, W_o, residual, LayerNorm; then
    FFN(x) = W_2 ReLU(W_1 x + b_1) + b_2, residual, LayerNorm. Every modality has weights of its own.

    All sides are one attention over the M·n tokens of an item: the rows of Q_v and Q_t differ, the keys
    and values [K_v ; K_t], [V_v ; V_t] are the same, and a mask says which side reads which.
    """

    def __init__(self, num_modalities: int, dimension: int, num_heads: int, feedforward_dimension: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = ModalLinear(num_modalities, dimension, dimension)
        self.key = ModalLinear(num_modalities, dimension, dimension)
        self.value = ModalLinear(num_modalities, dimension, dimension)
        self.output = ModalLinear(num_modalities, dimension, dimension)
        self.attention_norm = ModalNorm(num_modalities, dimension)
        self.expand = ModalLinear(num_modalities, dimension, feedforward_dimension)
        self.contract = ModalLinear(num_modalities, feedforward_dimension, dimension)
        self.feedforward_norm = ModalNorm(num_modalities, dimension)

    def forward(self, tokens: Tensor, mask: Tensor, queries: int) -> Tensor:
        """
        Args:
            tokens: (M, B, n, d).
            mask: (B, 1, M·n, M·n) additive, 0 where attention is allowed and −inf elsewhere.
            queries: how many leading positions of each sequence are asked for; the last block needs the
                item's own position alone.

        Returns:
            (M, B, queries, d)
        """
        modalities, _, length, _ = tokens.shape
        asking = tokens[:, :, :queries]
        if queries < length:
            rows = torch.arange(modalities * length, device=mask.device).view(modalities, length)[:, :queries].flatten()
            mask = mask[:, :, rows]
        attended = F.scaled_dot_product_attention(
            self._heads(self.query(asking)), self._heads(self.key(tokens)), self._heads(self.value(tokens)), attn_mask=mask
        )
        # (B, h, M·queries, d/h) → (M, B, queries, d)
        attended = attended.view(*attended.shape[:2], modalities, queries, -1).permute(2, 0, 3, 1, 4).flatten(3)
        tokens = self.attention_norm(asking + self.output(attended))
        transformed: Tensor = self.feedforward_norm(tokens + self.contract(F.relu(self.expand(tokens))))
        return transformed

    def attention(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """The attention weights themselves: (B, h, M·n, M·n), rows summing to 1; `tokens` and `mask` as in `forward`."""
        query, key = self._heads(self.query(tokens)), self._heads(self.key(tokens))
        logits: Tensor = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1]) + mask
        return logits.softmax(-1)

    def _heads(self, tokens: Tensor) -> Tensor:
        """(M, B, n, d) → (B, h, M·n, d/h)"""
        return tokens.view(*tokens.shape[:3], self.num_heads, -1).permute(1, 3, 0, 2, 4).flatten(2, 3)


def attention_mask(allowed: Tensor, present: Tensor) -> Tensor:
    """(B, 1, M·n, M·n) additive mask from (M, M) who reads whom and (B, n) which positions are no padding."""
    length = present.shape[1]
    modal = allowed.repeat_interleave(length, 0).repeat_interleave(length, 1)
    keys = present.repeat(1, len(allowed))
    open_ = modal & keys[:, None, None, :]
    return torch.zeros(open_.shape, device=present.device).masked_fill_(~open_, -torch.inf)
