"""Bad parameters and damaged files: one clear error, exit code not 0, nothing half-written, nothing else run."""

import pytest

from mkg4rec.mistakes import line_of
from stages.layout import Layout
from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

OUTPUTS = ("data", "models", "training", "results", "case_studies", "metrics", "reports", ".mkg4rec")


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("run.datasets", "[nowhere]", "'nowhere' is not described under datasets:, which has amazon-books, demo, ml-1m."),
        pytest.param("models.ease.regularization", "none", "Input should be a valid number (got 'none')", marks=pytest.mark.slow),
    ],
)
def test_a_bad_value_stops_dvc_repro_at_once(clone: Clone, key: str, value: str, problem: str) -> None:
    before = clone.contents(*OUTPUTS)
    clone.set(key, value)
    repro = clone.run("dvc", "repro")
    line = line_of(clone.read("params.yaml"), tuple(key.split(".")))
    assert repro.code != 0
    assert repro.stages == ["validate"]
    assert f"\nerror: params.yaml:{line}: {key}: {problem}\n" in repro.output
    assert "Traceback" not in repro.output
    assert clone.contents(*OUTPUTS) == before


def test_a_truncated_table_is_named_and_repaired(clone: Clone) -> None:
    damaged = Layout("demo").split("train")
    whole = (clone.path / damaged).read_bytes()
    (clone.path / damaged).write_bytes(whole[: len(whole) // 2])
    before = clone.contents(*OUTPUTS)

    stage = clone.stage("train", "demo", "ease")
    assert stage.code == 1
    assert stage.output.startswith(f"error: {damaged}: not a readable Parquet file")
    assert len(stage.output.splitlines()) == 1
    assert clone.contents(*OUTPUTS) == before

    repro = clone.succeed("dvc", "repro", "evaluate@demo-ease")
    assert (repro.stages, repro.restored) == ([], ["split@demo"])
    assert (clone.path / damaged).read_bytes() == whole
