"""Contrastive training of a CLIP model on pairs of image and text.

In a batch of B pairs with unit vectors v_i (images) and t_i (texts) and a learned scale s, the loss is

    L = ½ Σ_i [ −ln softmax_j(s v_i·t_j)_i − ln softmax_j(s t_i·v_j)_i ] / B,

each picture having to find its text among those of the batch, and each text its picture
(Radford et al., ICML 2021, https://arxiv.org/abs/2103.00020, figure 3).

Where there are texts alone, v_i and t_i are the vectors of two views of the same text, each without a random part of its
tokens, which trains the text side to keep together what shares words (deletion as in CLEAR, Wu et al. 2020,
https://arxiv.org/abs/2012.15466; views of one text as a pair as in Contriever, Izacard et al., TMLR 2022,
https://arxiv.org/abs/2112.09118).

A small catalogue is soon learned by heart, which spoils the vectors: what posters and texts of one kind
have in common is learned first, and then unlearned. So some pairs are held out, and the weights that match
them best are kept. They are judged by rank: their loss grows from the first epochs on, as s suits the
pairs that are being learned.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import open_clip
import torch
from torch import Tensor
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import Content, Pair
from mkg4rec.features.encoder import Encoder
from mkg4rec.memory import explaining_lack_of_memory
from mkg4rec.progress import progress
from mkg4rec.tables import Modality

# As in open_clip's recipe for training from scratch; the gradient is clipped because small batches diverge now and then.
_BETAS, _EPSILON, _WEIGHT_DECAY = (0.9, 0.98), 1e-6, 0.2
_WARM_UP = 0.1
_MAX_GRADIENT_NORM = 1.0
_MAX_LOG_SCALE = math.log(100)

FEWEST_PAIRS = 2

_DROPPED = 0.3
"""Of the tokens of a text, in a view of it."""

_HELD_OUT = 0.1
_LEAST_HELD_OUT, _MOST_HELD_OUT = 10, 1000
_PATIENCE = 3


@dataclass(frozen=True)
class Epoch:
    """What an epoch of training was like.

    Attributes:
        epoch: its number, from 1.
        loss: the mean of L over its batches.
        accuracy: how often a poster or a text finds its other half first in its batch, as a share.
        matching: how often a held-out poster or text lies nearer to its other half than to that of another
            pair, as a share, after the epoch; by chance 0.5, and None where no pair is held out.
        scale: s after it.
    """

    epoch: int
    loss: float
    accuracy: float
    matching: float | None
    scale: float


@dataclass(frozen=True)
class _Prepared:
    """Pairs as input of the model: (pairs, 3, height, width), None where texts are their own other half, and (pairs, context length)."""

    images: Tensor | None
    texts: Tensor

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, rows: Tensor) -> "_Prepared":
        return _Prepared(None if self.images is None else self.images[rows], self.texts[rows])

    def encoded(self, encoder: Encoder, device: torch.device) -> tuple[Tensor, Tensor]:
        """The unit vectors (pairs, D) of both halves; views of texts are drawn anew each time."""
        if self.images is None:
            first, second = (encoder.encode(Modality.TEXT, without_some_tokens(self.texts, _DROPPED).to(device)) for _ in range(2))
            return first, second
        return encoder.encode(Modality.VISUAL, self.images.to(device)), encoder.encode(Modality.TEXT, self.texts.to(device))

    def batches(self, order: Tensor, batch_size: int) -> "Iterator[_Prepared]":
        """All pairs in `order`, in the fewest batches; their sizes differ by one at most, so that none is left with a single pair."""
        return (self[rows] for rows in order.tensor_split(math.ceil(len(self) / batch_size)))


def train(encoder: Encoder, pairs: Sequence[Pair], epochs: int, batch_size: int, learning_rate: float, device: torch.device) -> list[Epoch]:
    """Train `encoder` in place on `pairs`, drawing from torch's generator, and leave it in evaluation mode.

    A tenth of the pairs is held out (1,000 at most), unless these were fewer than ten. Training then ends
    when their matching has not risen for three epochs, and the weights of the best epoch are kept.
    AdamW; the learning rate rises over the first tenth of the steps and falls to zero along a cosine.
    The prepared pictures stay in memory, a byte per pixel and colour.

    Raises:
        PipelineError: fewer than two pairs, the loss is no longer finite, or there is too little memory.
    """
    if len(pairs) < FEWEST_PAIRS:
        raise PipelineError(
            f"the encoder learns from items with both a poster and a description, at least two; there are {len(pairs)}. "
            "See the table of media status for why contents are missing, or take published weights (encoder.pretrained)."
        )
    prepared = _Prepared(
        torch.stack([encoder.prepare(Modality.VISUAL, pair.poster) for pair in progress(pairs, "posters")]),
        torch.stack([encoder.prepare(Modality.TEXT, pair.text) for pair in progress(pairs, "texts")]),
    )
    return _train(encoder, prepared, epochs, batch_size, learning_rate, device)


def train_on_texts(
    encoder: Encoder, texts: Sequence[Content], epochs: int, batch_size: int, learning_rate: float, device: torch.device
) -> list[Epoch]:
    """As `train`, of the text side alone, on two views of each of `texts`; equal texts count once.

    Raises:
        PipelineError: fewer than two texts, the loss is no longer finite, or there is too little memory.
    """
    distinct = list({content.sha256: content for content in texts}.values())
    if len(distinct) < FEWEST_PAIRS:
        raise PipelineError(
            f"the encoder learns from posters and texts, or from two texts at least; there are {len(distinct)} texts and no two items with "
            "both. See the table of media status for why contents are missing, or take published weights (encoder.pretrained)."
        )
    prepared = _Prepared(None, torch.stack([encoder.prepare(Modality.TEXT, text) for text in progress(distinct, "texts")]))
    return _train(encoder, prepared, epochs, batch_size, learning_rate, device)


def without_some_tokens(texts: Tensor, share: float) -> Tensor:
    """Each text without about `share` of its tokens, at least one of them left, the others in their order, drawn from torch's generator.

    Args:
        texts: (B, context length): a start token, the text's own, an end token (the largest number), and zeros.
    """
    position = torch.arange(texts.shape[1])
    end = texts.argmax(1, keepdim=True)
    own = (position > 0) & (position < end)
    draw = torch.rand(texts.shape)
    drop = own & (draw < share) & (draw != draw.masked_fill(~own, -1).amax(1, keepdim=True))
    order = drop.long().argsort(dim=1, stable=True)  # those that stay come first, in their order
    return texts.masked_fill(drop, 0).gather(1, order)


def _train(encoder: Encoder, prepared: _Prepared, epochs: int, batch_size: int, learning_rate: float, device: torch.device) -> list[Epoch]:
    number = min(round(_HELD_OUT * len(prepared)), _MOST_HELD_OUT)
    held_out, kept = torch.randperm(len(prepared)).tensor_split([number if number >= _LEAST_HELD_OUT else 0])
    training, validation = prepared[kept], prepared[held_out]

    model = encoder.to(device).model
    optimizer = _optimizer(encoder, learning_rate)
    schedule = _schedule(optimizer, epochs * math.ceil(len(training) / batch_size))
    log: list[Epoch] = []
    best_matching, best_epoch = -math.inf, 0
    weights: dict[str, Tensor] = {}
    for epoch in progress(range(1, epochs + 1), "encoder", unit="epoch"):
        with explaining_lack_of_memory(f"encoder: its training on {device}", "Lower encoder.batch_size, or take a smaller model."):
            loss, accuracy = _train_epoch(encoder, training, batch_size, optimizer, schedule, device)
        if not math.isfinite(loss):
            raise PipelineError(f"encoder: the loss of epoch {epoch} is {loss}; lower encoder.learning_rate.")
        found = _evaluate(encoder, validation, batch_size, device) if len(validation) else None
        log.append(Epoch(epoch, loss, accuracy, found, model.logit_scale.exp().item()))
        if found is None:
            continue
        if found > best_matching:
            best_matching, best_epoch = found, epoch
            weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        elif epoch == best_epoch + _PATIENCE:
            break
    if weights:
        model.load_state_dict(weights)
    model.eval()
    return log


def _train_epoch(
    encoder: Encoder, pairs: _Prepared, batch_size: int, optimizer: Optimizer, schedule: LambdaLR, device: torch.device
) -> tuple[float, float]:
    """Mean loss and accuracy."""
    model = encoder.model.train()
    loss_sum = accuracy_sum = 0.0
    for batch in pairs.batches(torch.randperm(len(pairs)), batch_size):
        loss, accuracy = _loss(encoder, batch, device)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, _MAX_LOG_SCALE)
        loss_sum += loss.item() * len(batch)
        accuracy_sum += accuracy * len(batch)
    return loss_sum / len(pairs), accuracy_sum / len(pairs)


def matching(images: Tensor, texts: Tensor) -> float:
    """How often a vector lies nearer to its other half than to another: ½ (P[v_i·t_i > v_i·t_j] + P[v_i·t_i > v_j·t_i]), i ≠ j.

    Args:
        images, texts: (n, D) unit vectors, row i of both being a pair.
    """
    similarity = images @ texts.T  # (n, n)
    own = similarity.diagonal()
    nearer = (own[:, None] > similarity).sum() + (own[None, :] > similarity).sum()
    return nearer.item() / (2 * len(own) * (len(own) - 1))


@torch.inference_mode()
def _evaluate(encoder: Encoder, pairs: _Prepared, batch_size: int, device: torch.device) -> float:
    """The matching of `pairs`."""
    encoder.model.eval()
    halves = [batch.encoded(encoder, device) for batch in pairs.batches(torch.arange(len(pairs)), batch_size)]
    images, texts = (torch.cat(half) for half in zip(*halves, strict=True))  # (n, D)
    return matching(images, texts)


def _loss(encoder: Encoder, batch: _Prepared, device: torch.device) -> tuple[Tensor, float]:
    """L of a batch, and the share of its posters and texts that find their other half first."""
    images, texts = batch.encoded(encoder, device)  # (B, D)
    similarity = images.detach() @ texts.detach().T  # (B, B)
    right = torch.arange(len(batch), device=device)
    found = [(similarity.argmax(side) == right).double().mean().item() for side in (0, 1)]
    loss: Tensor = open_clip.ClipLoss()(images, texts, encoder.model.logit_scale.exp())
    return loss, sum(found) / 2


def _optimizer(encoder: Encoder, learning_rate: float) -> Optimizer:
    """AdamW whose weight decay spares biases, norms and the scale."""
    parameters = list(encoder.model.parameters())
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim >= 2], "weight_decay": _WEIGHT_DECAY},
        {"params": [parameter for parameter in parameters if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=learning_rate, betas=_BETAS, eps=_EPSILON, fused=True)


def _schedule(optimizer: Optimizer, steps: int) -> LambdaLR:
    warm_up = max(1, round(_WARM_UP * steps))

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return LambdaLR(optimizer, factor)
