from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from mkg4rec.errors import PipelineError
from mkg4rec.report.figures import TrainingLog, assign_colours, draw_accuracy, draw_training, ink_on, read_training_log
from mkg4rec.report.summary import summarize
from tests.report.synthetic import result

SUMMARY = summarize([result(model, np.full(9, value)) for model, value in (("ease", 0.3), ("kgat", 0.2))])
LOGS = [
    TrainingLog("ease", {"epoch": [1.0], "loss": [0.1]}, {"epoch": [1.0], "ndcg@20": [0.3]}),
    TrainingLog("kgat", {"epoch": [1.0, 2.0], "loss": [0.7, 0.5], "kg_loss": [0.6, 0.6]}, {"epoch": [1.0, 2.0], "ndcg@20": [0.1, 0.2]}),
]
COLOURS = assign_colours(["ease", "kgat"])


@pytest.mark.parametrize(
    "draw",
    [lambda path: draw_accuracy(SUMMARY, COLOURS, {}, path), lambda path: draw_training(LOGS, COLOURS, path)],
    ids=["accuracy", "training"],
)
def test_the_same_numbers_give_the_same_picture(tmp_path: Path, draw: Callable[[Path], None]) -> None:
    draw(tmp_path / "one.png")
    draw(tmp_path / "two.png")

    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.text == {}  # type: ignore[attr-defined]
        drawn = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
    # Both models are in it, in their colours.
    assert {(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)} <= drawn


def test_two_dozen_models_have_a_colour_each_and_more_have_one() -> None:
    colours = assign_colours([f"model_{number}" for number in range(30)])

    assert len(colours) == 30
    assert len(set(list(colours.values())[:24])) == 24
    parts = np.array([to_rgb(colour) for colour in list(colours.values())[:24]])
    apart = np.abs(parts[:, None] - parts[None, :]).sum(2) + 9 * np.eye(24)
    assert apart.min() > 0.2


@pytest.mark.parametrize(
    ("colour", "ink"), [("#F0E442", "black"), ("#56B4E9", "black"), ("#000000", "white"), ("#0072B2", "white"), ("white", "black")]
)
def test_labels_are_legible_on_their_bars(colour: str, ink: str) -> None:
    assert ink_on(colour) == ink


def test_twenty_models_are_drawn(tmp_path: Path) -> None:
    names = [f"model_{number}" for number in range(20)]
    colours = assign_colours(names)
    draw_accuracy(summarize([result(name, np.full(9, 0.3)) for name in names]), colours, {}, tmp_path / "accuracy.png")
    draw_training([TrainingLog(name, LOGS[1].losses, LOGS[1].validation) for name in names], colours, tmp_path / "training.png")
    with Image.open(tmp_path / "accuracy.png") as picture:
        drawn = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24) or []}
    assert {tuple(round(255 * part) for part in to_rgb(colour)) for colour in colours.values()} <= drawn


def test_a_training_log_is_read(tmp_path: Path) -> None:
    (tmp_path / "loss.csv").write_text("epoch,loss,kg_loss,seconds\n1,0.7,0.6,2\n2,0.5,0.4,2\n")
    (tmp_path / "validation.csv").write_text("epoch,recall@20,mrr@20,ndcg@20\n1,0.1,0.2,0.1\n2,0.2,0.3,0.2\n")

    log = read_training_log("kgat", tmp_path)

    assert log.losses == {"epoch": [1, 2], "loss": [0.7, 0.5], "kg_loss": [0.6, 0.4], "seconds": [2, 2]}
    assert log.validation["ndcg@20"] == [0.1, 0.2]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such training log"),
        ("", "epoch, ndcg@20 missing"),
        ("epoch,recall@20\n1,0.5\n", "ndcg@20 missing"),
        ("epoch,ndcg@20\n1,much\n", "not a table of numbers"),
        ("epoch,ndcg@20\n1\n", "not a table of numbers"),
    ],
)
def test_a_bad_training_log_is_an_error_that_names_the_file(tmp_path: Path, content: str | None, complaint: str) -> None:
    (tmp_path / "loss.csv").write_text("epoch,loss\n1,0.7\n")
    if content is not None:
        (tmp_path / "validation.csv").write_text(content)

    with pytest.raises(PipelineError, match=rf"validation\.csv: .*{complaint}.*dvc repro"):
        read_training_log("kgat", tmp_path)
