from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from mkg4rec.device import seed_everything
from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import Content, Pair
from mkg4rec.features.contrastive import Epoch, _evaluate, matching, train, train_on_texts, without_some_tokens
from mkg4rec.features.encoder import Encoder, create
from mkg4rec.tables import Modality
from tests.features.pictures import COLOURS, planted_pairs, poster, text

CPU = torch.device("cpu")
SERIES = [("Harry Potter", "magic"), ("Dune", "sand"), ("Foundation", "stars"), ("Narnia", "winter")]


def trained(seed: int, pairs: Sequence[Pair], epochs: int, batch_size: int = 8) -> tuple[Encoder, list[Epoch]]:
    seed_everything(seed)
    encoder = create("catalogue-clip")
    return encoder, train(encoder, pairs, epochs, batch_size, learning_rate=1e-3, device=CPU)


def test_unseen_pictures_find_the_word_for_their_colour() -> None:
    encoder, log = trained(0, planted_pairs(32), epochs=8)
    assert log[-1].loss < log[0].loss
    assert all(row.matching is None for row in log)
    pictures = [poster(colour, 1000 + seed) for colour in COLOURS for seed in range(5)]
    with torch.inference_mode():
        images = encoder.encode(Modality.VISUAL, torch.stack([encoder.prepare(Modality.VISUAL, picture) for picture in pictures]))
        words = encoder.encode(Modality.TEXT, torch.stack([encoder.prepare(Modality.TEXT, text(colour)) for colour in COLOURS]))
    found = (images @ words.T).argmax(1)
    right = torch.arange(len(COLOURS)).repeat_interleave(5)
    assert (found == right).float().mean() > 0.8  # chance is 0.25


def test_a_seed_gives_the_same_bits_and_another_seed_others() -> None:
    first, again, other = (trained(seed, planted_pairs(9), epochs=2) for seed in (1, 1, 2))
    assert first[1] == again[1] != other[1]
    assert all(torch.equal(a, b) for a, b in zip(first[0].model.parameters(), again[0].model.parameters(), strict=True))


def test_the_log_has_shares_and_a_row_per_epoch() -> None:
    _, log = trained(0, planted_pairs(9), epochs=3)
    assert [row.epoch for row in log] == [1, 2, 3]
    assert all(0 <= row.accuracy <= 1 and 1 <= row.scale <= 100 for row in log)


def test_training_ends_where_it_no_longer_helps_and_keeps_the_best_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are shuffled: what is learned of the pairs that are seen helps with no others."""
    pairs = planted_pairs(100)
    shuffled = [Pair(pair.poster, pairs[37 * row % 100].text) for row, pair in enumerate(pairs)]
    judged: list[tuple[float, Tensor]] = []

    def judging(encoder: Encoder, *rest: Any) -> float:
        judged.append((_evaluate(encoder, *rest), encoder.model.token_embedding.weight.detach().clone()))
        return judged[-1][0]

    monkeypatch.setattr("mkg4rec.features.contrastive._evaluate", judging)
    encoder, log = trained(0, shuffled, epochs=30, batch_size=50)
    assert len(log) == len(judged) < 30
    best = max(range(len(judged)), key=lambda row: judged[row][0])
    assert best < len(log) - 1
    assert torch.equal(encoder.model.token_embedding.weight, judged[best][1])


def test_matching_is_the_share_of_comparisons_won() -> None:
    images, texts = torch.nn.functional.normalize(torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(0)), dim=-1)
    won = [
        float(images[i] @ texts[i] > other)
        for i in range(12)
        for j in range(12)
        if i != j
        for other in (images[i] @ texts[j], images[j] @ texts[i])
    ]
    assert matching(images, texts) == pytest.approx(sum(won) / len(won))
    assert matching(images, images) == 1


@pytest.mark.parametrize("number", [0, 1])
def test_less_than_two_pairs_is_an_error(number: int) -> None:
    with pytest.raises(PipelineError, match=f"there are {number}"):
        trained(0, planted_pairs(number), epochs=1)


def test_a_diverging_training_is_an_error_that_says_what_to_lower() -> None:
    seed_everything(0)
    with pytest.raises(PipelineError, match="lower encoder"):
        train(create("catalogue-clip"), planted_pairs(4), 40, batch_size=4, learning_rate=1e38, device=CPU)


def test_texts_alone_bring_together_what_shares_words() -> None:
    seed_everything(0)
    encoder = create("catalogue-clip")
    texts = [Content("text", f"{series} volume {number} of {place}".encode()) for series, place in SERIES for number in range(12)]
    log = train_on_texts(encoder, [*texts, *texts], epochs=6, batch_size=16, learning_rate=1e-3, device=CPU)
    assert log[-1].loss < log[0].loss
    unseen = [Content("text", f"{series} volume {number} of {place}".encode()) for series, place in SERIES for number in (77, 78)]
    with torch.inference_mode():
        vectors = encoder.encode(Modality.TEXT, torch.stack([encoder.prepare(Modality.TEXT, text) for text in unseen]))
    nearest = (vectors @ vectors.T).fill_diagonal_(-1).argmax(1)
    assert nearest.tolist() == [row ^ 1 for row in range(len(unseen))]


def test_fewer_than_two_different_texts_teach_nothing() -> None:
    text_alone = Content("text", b"the only one")
    with pytest.raises(PipelineError, match="there are 1 texts and no two items with both"):
        train_on_texts(create("catalogue-clip"), [text_alone, text_alone], 1, batch_size=4, learning_rate=1e-3, device=CPU)


def test_a_view_of_a_text_keeps_its_ends_and_the_order_of_what_is_left() -> None:
    texts = torch.tensor([[90, 1, 2, 3, 4, 5, 99, 0], [90, 7, 99, 0, 0, 0, 0, 0], [90, 99, 0, 0, 0, 0, 0, 0]])
    torch.manual_seed(0)
    lengths = set()
    for _ in range(200):
        first, single, empty = without_some_tokens(texts, 0.5).tolist()
        own = [token for token in first if token][1:-1]
        assert first == [90, *own, 99] + [0] * (6 - len(own))
        assert own == sorted(own) != []
        lengths.add(len(own))
        assert (single, empty) == (texts[1].tolist(), texts[2].tolist())
    assert lengths == {1, 2, 3, 4, 5}
