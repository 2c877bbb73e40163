"""What was embedded once is not embedded again, also where dvc has forgotten it."""

import shutil

import pytest

from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]


def test_lost_features_come_from_the_memo(clone: Clone) -> None:
    features = clone.contents("data/demo/features")
    shutil.rmtree(clone.path / "data/demo/features")
    shutil.rmtree(clone.path / ".dvc/cache")
    again = clone.succeed("dvc", "repro", "--single-item", "embed@demo")
    assert again.stages == ["embed@demo"]
    assert again.output.count(": 0 embedded, ") == 2
    assert {name: data for name, data in clone.contents("data/demo/features").items() if name in features} == features
    assert clone.succeed("git", "status", "--porcelain").output == ""
