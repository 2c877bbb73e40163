"""What a search refuses, before it has run anything."""

import subprocess
from pathlib import Path

import pytest

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.group import PARAMS_FILE
from mkg4rec.tuning.search import search_space, tune
from tests.conftest import ROOT


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with params.yaml, two ablations in it, as the current one; there is no git repository around it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    ablations = "models:\n  strong: {variant_of: ease, regularization: 500}\n  slow: {variant_of: multi_kg4rec, learning_rate: 0.0001}\n"
    text = (ROOT / PARAMS_FILE).read_text(encoding="utf-8").replace("\nmodels:\n", f"\n{ablations}")
    PARAMS_FILE.write_text(text.replace("\n  models: [", "\n  models: [strong, "), encoding="utf-8")


@pytest.mark.parametrize(
    ("dataset", "models", "trials", "seeds", "complaint"),
    [
        ("nowhere", ["ease"], 1, None, "there is no data set 'nowhere'"),
        ("demo", ["ease", "eas"], 1, None, "there is no model 'eas'"),
        ("ml-1m", ["ease"], 1, None, "run.datasets does not list ml-1m; add it"),
        ("demo", ["slow"], 1, None, "run.models does not list slow; add it"),
        ("demo", ["strong"], 1, None, "strong: nothing to search; mkg4rec/models/ease.py says of no value what to try"),
        ("demo", ["ease"], 0, None, "0 trials"),
        ("demo", ["ease"], 1, [1, 1], "seeds from 0 on, none twice"),
        ("demo", ["ease"], 1, None, "dvc needs a git repository with a commit"),
    ],
)
def test_a_mistake_is_one_clear_message(dataset: str, models: list[str], trials: int, seeds: list[int] | None, complaint: str) -> None:
    with pytest.raises(PipelineError, match=complaint):
        tune(dataset, models, trials, seeds, 1, apply=True)


def test_code_that_an_experiment_would_not_see_is_named() -> None:
    for command in (["init", "--quiet"], ["-c", "user.name=T", "-c", "user.email=t@t.invalid", "commit", "-q", "--allow-empty", "-m", "m"]):
        subprocess.run(["git", *command], check=True)
    Path("mkg4rec").mkdir()
    Path("mkg4rec/new.py").touch()
    with pytest.raises(PipelineError, match=r"git does not know mkg4rec/new\.py"):
        tune("demo", ["ease"], 1, None, 1, apply=True)


def test_a_model_with_nothing_to_search_keeps_no_other_from_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PipelineError, match="dvc needs a git repository"):
        tune("demo", ["strong", "ease"], 1, None, 1, apply=True)
    (said,) = capsys.readouterr().out.splitlines()
    assert said.startswith("strong: nothing to search; mkg4rec/models/ease.py says of no value what to try")


def test_what_makes_a_variant_is_not_searched() -> None:
    settings = params.load()
    assert set(search_space(settings, "demo", "multi_kg4rec")) - set(search_space(settings, "demo", "slow")) == {"learning_rate"}


@pytest.mark.parametrize(
    ("model", "variant", "difference"),
    [
        ("siger", "siger_without_views", {"intensity", "contrast_weight"}),
        ("siger", "siger_without_alignment", {"alignment_weight"}),
        ("cke", "cke_without_text_and_visual", {"reconstruction_weight"}),
        ("multi_kg4rec", "multi_kg4rec_without_fusion", {"num_blocks", "sequence_length"}),
        ("multi_kg4rec_softmax", "multi_kg4rec", {"temperature"}),
        ("kernel_ease_with_dislikes", "kernel_ease", {"dislike_regularization"}),
    ],
)
def test_what_an_ablation_leaves_out_is_not_searched(model: str, variant: str, difference: set[str]) -> None:
    settings = params.load()
    searched, of_variant = (set(search_space(settings, "demo", name)) for name in (model, variant))
    assert difference <= searched - of_variant


def test_nothing_is_searched_of_which_validation_on_warm_items_says_nothing() -> None:
    settings = params.load()
    space = search_space(settings, "demo", "kernel_ease")
    assert {name for name in settings.models["kernel_ease"] if name.startswith("cold_")} & set(space) == set()
    assert "regularization" in space
