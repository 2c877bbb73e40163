"""What was embedded once is not embedded again, also where dvc has forgotten it."""

import shutil

import pytest

from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]


@pytest.mark.slow
def test_lost_features_come_from_the_memo(clone: Clone) -> None:
    features = clone.contents("data/demo/features")
    shutil.rmtree(clone.path / "data/demo/features")
    shutil.rmtree(clone.path / ".dvc/cache")
    again = clone.succeed("dvc", "repro", "--single-item", "embed@demo")
    assert again.stages == ["embed@demo"]
    assert again.output.count(": 0 embedded, ") == 3
    assert {name: data for name, data in clone.contents("data/demo/features").items() if name in features} == features
    assert clone.succeed("git", "status", "--porcelain").output == ""


@pytest.mark.slow
def test_an_earlier_commit_finds_everything_as_it_was(clone: Clone) -> None:
    features = clone.contents("data/demo/features")
    clone.set("datasets.demo.encoder.epochs", 1)
    assert clone.succeed("dvc", "repro", "embed@demo").stages[-2:] == ["encoder@demo", "embed@demo"]
    assert clone.contents("data/demo/features") != features
    clone.commit("Train the encoder for less time")

    clone.succeed("git", "checkout", "--quiet", "HEAD~1")
    again = clone.succeed("dvc", "repro", "embed@demo")
    assert again.stages == []
    assert clone.contents("data/demo/features") == features
