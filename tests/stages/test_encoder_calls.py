"""How many contents go through the encoder when a catalogue changes: counted where they do."""

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.features.contents import Content
from mkg4rec.features.encoder import Encoder
from mkg4rec.tables import Modality
from stages import embed, encoder, encoder_inputs
from tests.stages.test_encoder_embed import ITEMS, LAYOUT, place, set_encoder, write_contents

__all__ = ["place"]

NEW_ITEMS = list(range(40, 50))
KEPT = "own/demo/encoder"


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[Modality]]:
    """A function that embeds the catalogue and tells how many contents of each modality the encoder was given."""
    given: Counter[Modality] = Counter()
    prepare = Encoder.prepare

    def counted(self: Encoder, modality: Modality, content: Content) -> object:
        given[modality] += 1
        return prepare(self, modality, content)

    monkeypatch.setattr(Encoder, "prepare", counted)

    def run() -> Counter[Modality]:
        given.clear()
        embed.main("demo")
        return Counter(given)

    return run


@pytest.mark.usefixtures("place")
def test_what_is_new_is_embedded_and_nothing_else(calls: Callable[[], Counter[Modality]]) -> None:
    encoder.main("demo")
    # A page begins with a chunk of its own, and all end alike.
    assert calls() == {Modality.VISUAL: 11, Modality.TEXT: 12, Modality.WEB: 5 + 1}
    assert calls() == {}

    write_contents([*ITEMS, *NEW_ITEMS])
    assert calls() == {Modality.VISUAL: 10, Modality.TEXT: 10, Modality.WEB: 10}
    write_contents([*ITEMS, *NEW_ITEMS], redrawn=14)
    assert calls() == {Modality.VISUAL: 1}


@pytest.mark.usefixtures("place")
def test_of_a_page_that_changed_only_the_chunks_that_changed_are_embedded(calls: Callable[[], Counter[Modality]]) -> None:
    encoder.main("demo")
    calls()
    before = pq.read_table(LAYOUT.features("web"))
    write_contents(ITEMS, rewritten=14)
    assert calls() == {Modality.WEB: 1}
    after = pq.read_table(LAYOUT.features("web"))
    changed = [
        item for item, *rows in zip(ITEMS, before["vector"].to_pylist(), after["vector"].to_pylist(), strict=True) if rows[0] != rows[1]
    ]
    assert changed == [14]
    write_contents(ITEMS)
    assert calls() == {}
    assert pq.read_table(LAYOUT.features("web")).equals(before)


@pytest.mark.usefixtures("place")
def test_a_new_encoder_leaves_the_old_vectors_to_go_back_to(calls: Callable[[], Counter[Modality]]) -> None:
    encoder.main("demo")
    calls()
    before = {modality: pq.read_table(LAYOUT.features(modality)) for modality in Modality}

    set_encoder(seed=1)
    encoder.main("demo")
    assert calls() == {Modality.VISUAL: 11, Modality.TEXT: 12, Modality.WEB: 6}
    assert not pq.read_table(LAYOUT.features("visual")).equals(before[Modality.VISUAL])

    set_encoder(seed=0)
    encoder.main("demo")
    assert calls() == {}
    assert {modality: pq.read_table(LAYOUT.features(modality)) for modality in Modality} == before


@pytest.mark.usefixtures("place")
def test_a_kept_encoder_is_the_same_after_a_new_poster(calls: Callable[[], Counter[Modality]]) -> None:
    encoder.main("demo")
    calls()
    shutil.copytree(LAYOUT.encoder, KEPT)
    set_encoder(pretrained=KEPT)
    before = inputs()
    encoder.main("demo")
    assert calls() == {}
    write_contents([*ITEMS, *NEW_ITEMS], redrawn=14)
    assert inputs() == before
    assert calls() == {Modality.VISUAL: 11, Modality.TEXT: 10, Modality.WEB: 10}
    # What is in the folder counts.
    shutil.copy("params.yaml", KEPT)
    assert inputs() != before


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("values", "follows"),
    [({"pretrained": None}, True), ({"pretrained": "laion2b"}, False), ({"pretrained": "laion2b", "adapt_epochs": 1}, True)],
)
def test_an_encoder_follows_the_contents_that_it_is_trained_on(values: dict[str, object], follows: bool) -> None:
    set_encoder(**values)
    before = inputs()
    write_contents(ITEMS, redrawn=14)
    assert (inputs() != before) is follows


@pytest.mark.usefixtures("place")
def test_what_cannot_be_kept_is_told() -> None:
    set_encoder(pretrained=KEPT)
    with pytest.raises(PipelineError, match="own/demo/encoder: there is no encoder"):
        inputs()
    set_encoder(pretrained="data/demo/encoder")
    with pytest.raises(PipelineError, match="neither a tag nor a folder within own/"):
        inputs()
    set_encoder(pretrained=None)
    encoder.main("demo")
    shutil.copytree(LAYOUT.encoder, KEPT)
    set_encoder(pretrained=KEPT, model="ViT-B-32")
    with pytest.raises(PipelineError, match=r"own/demo/encoder: it has a catalogue-clip, where encoder.model is ViT-B-32"):
        encoder.main("demo")


def inputs() -> str:
    encoder_inputs.main("demo")
    return Path(LAYOUT.encoder_inputs).read_text(encoding="utf-8")
