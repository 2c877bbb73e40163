"""A changed parameter reruns the stages that use it, and what follows from what they make."""

import json

import pytest

from tests.pipeline.clone import Clone

pytestmark = [pytest.mark.pipeline, pytest.mark.xdist_group("pipeline")]

TRAINING = {"train@demo-multi_kg4rec", "train@demo-ease"}
EVALUATION = {"evaluate@demo-multi_kg4rec", "evaluate@demo-ease"}
CASE_STUDIES = {"case_study@demo-multi_kg4rec", "case_study@demo-ease"}

USED_BY: dict[str, tuple[object, set[str]]] = {
    "http.backoff": (0.25, {"download@demo", "fetch_dump@demo", "fetch_media@demo", "build_kg@demo"}),
    "media.workers": (8, {"fetch_media@demo"}),
    "embed.batch_size": (32, {"embed@demo"}),
    "embed.device": ("cpu", {"encoder@demo", "embed@demo"}),
    "item_graphs.num_neighbours": (5, {"item_graphs@demo"}),
    "kg.drop_predicates": ('["type."]', {"build_kg@demo"}),
    "split.seed": (1, {"split@demo", "split_cold@demo"}),
    "split.cold": (0.2, {"split_cold@demo"}),
    "train.seed": (1, {"gather@demo"}),
    "evaluate.device": ("cpu", {*EVALUATION, *CASE_STUDIES}),
    "evaluate.block_size": (2048, EVALUATION),
    "evaluate.rare_interactions": (9, {*EVALUATION, "report@demo"}),
    "case_study.items": (5, CASE_STUDIES),
    "report.examples": (5, {"report@demo"}),
    "datasets.demo.synthetic.seed": (1, {"synthesize@demo"}),
    "datasets.demo.link.min_rating": (4, {"link@demo"}),
    "datasets.demo.media.max_missing_posters": (0.4, {"fetch_media@demo"}),
    "datasets.demo.media.max_missing_pages": (0.4, {"fetch_media@demo"}),
    "datasets.demo.encoder.epochs": (3, {"encoder_inputs@demo", "encoder@demo"}),
    "datasets.demo.encoder.title_as_text": (True, {"encoder_inputs@demo", "encoder@demo", "embed@demo"}),
    "datasets.demo.kg.hops": (2, {"build_kg@demo"}),
    "datasets.demo.kg.sources": ("[freebase, metadata]", {"link@demo", "build_kg@demo"}),
    "datasets.ml-1m.link.min_rating": (4, set()),
    "models.multi_kg4rec.num_layers": (2, {"gather@demo"}),
    "models.ease.regularization": (50, {"gather@demo"}),
    "tuned.demo.igdmrec": ("{hidden_dimension: 100}", {"gather@demo"}),
    "tuned.ml-1m.ease": ("{regularization: 50}", set()),
    "tuned_on_less.demo": ('{"10": {ease: {regularization: 50}}}', set()),
}
"""Parameter: another value, and the stages that read it (`validate` reads them all; `gather` hands each model its own)."""


def test_every_parameter_belongs_to_the_stages_that_read_it(clone: Clone) -> None:
    for key, (value, _) in USED_BY.items():
        clone.set(key, value)
    changed = _changed_groups(clone)
    found = {key: {stage for stage, groups in changed.items() if _holds(groups, key)} for key in USED_BY}
    assert found == {key: stages for key, (_, stages) in USED_BY.items()}


def _changed_groups(clone: Clone) -> dict[str, set[str]]:
    """By stage: the groups of parameters that dvc finds changed."""
    status = json.loads(clone.succeed("dvc", "status", "--json").output)
    groups: dict[str, set[str]] = {}
    for stage, changes in status.items():
        for change in changes:
            found = change.get("changed deps", {}).get("params.yaml", {})
            groups.setdefault(stage, set()).update(found if isinstance(found, dict) else ())
    return groups


def _holds(groups: set[str], key: str) -> bool:
    return any(f"{key}.".startswith(f"{group}.") for group in groups)


@pytest.mark.parametrize(
    ("key", "value", "before", "model"),
    [
        pytest.param("models.ease.regularization", 50, [], "ease", marks=pytest.mark.slow),
        pytest.param("train.seed", 1, [], "multi_kg4rec", marks=pytest.mark.slow),
        pytest.param("datasets.demo.kg.min_relation_triplets", 30, ["build_kg@demo"], "multi_kg4rec", marks=pytest.mark.slow),
    ],
)
def test_a_parameter_rebuilds_the_model_that_it_concerns(clone: Clone, key: str, value: object, before: list[str], model: str) -> None:
    clone.set(key, value)
    repro = clone.succeed("dvc", "repro")
    ran = [stage for stage in repro.stages if stage not in ("embed@demo", "item_graphs@demo")]
    of_model = [f"{stage}@demo-{model}" for stage in ("train", "evaluate", "case_study")]
    assert ran == ["validate", *before, "gather@demo", *of_model, "report@demo", "describe@demo"]


@pytest.mark.slow
def test_a_variant_is_its_model_with_other_values(clone: Clone) -> None:
    path = clone.path / "params.yaml"
    variant = "models:\n  ease_strong: {variant_of: ease, regularization: 500}\n"
    path.write_text(path.read_text(encoding="utf-8").replace("models:\n", variant), encoding="utf-8")
    clone.set("run.models", "[multi_kg4rec, ease, ease_strong]")
    repro = clone.succeed("dvc", "repro")
    of_variant = [f"{stage}@demo-ease_strong" for stage in ("train", "evaluate", "case_study")]
    assert repro.stages == ["validate", "gather@demo", *of_variant, "report@demo", "describe@demo"]
    assert clone.read("metrics/demo/ease.json") != clone.read("metrics/demo/ease_strong.json")


@pytest.mark.slow
def test_a_repeat_trains_and_tests_once_more(clone: Clone) -> None:
    clone.set("run.models", "[ease]")
    clone.set("run.repeats", "[1, 2]")
    repro = clone.succeed("dvc", "repro")
    repeats = {"repeat@demo-ease-1", "repeat@demo-ease-2"}
    assert set(repro.stages) == {"validate", "gather@demo", *repeats, "report@demo", "describe@demo"}
    found = [json.loads(clone.read(f"metrics/demo/{name}.json"))["ndcg@20"] for name in ("ease", "repeats/ease-1", "repeats/ease-2")]
    assert len(set(found)) == 3
    assert f"{sum(found) / 3:.4f} ± " in clone.read("reports/demo/metrics.md")
    # Split and training from seed 1 are what a repeat of seed 1 is.
    clone.set("run.repeats", "[]")
    clone.set("split.seed", 1)
    clone.set("train.seed", 1)
    clone.succeed("dvc", "repro", "evaluate@demo-ease")
    assert json.loads(clone.read("metrics/demo/ease.json"))["ndcg@20"] == found[1]


@pytest.mark.slow
def test_a_model_is_tested_on_items_that_it_never_saw(clone: Clone) -> None:
    clone.set("run.cold", "[ease, multi_kg4rec]")
    repro = clone.succeed("dvc", "repro")
    assert set(repro.stages) == {"validate", "cold@demo-ease", "cold@demo-multi_kg4rec", "report@demo", "describe@demo"}
    found = {model: json.loads(clone.read(f"metrics/demo/cold/{model}.json")) for model in ("ease", "multi_kg4rec")}
    assert set(found["ease"]) < set(found["multi_kg4rec"])
    assert "among_cold_ndcg@20" not in found["ease"]
    assert "| ease |" in clone.read("reports/demo/cold.md")
    assert "cannot" in clone.read("reports/demo/cold.md")


@pytest.mark.slow
def test_items_are_cold_by_lot_in_every_repeat(clone: Clone) -> None:
    clone.set("run.models", "[ease]")
    clone.set("run.cold", "[ease]")
    clone.set("run.repeats", "[1, 2]")
    repro = clone.succeed("dvc", "repro", "report@demo")
    assert {"cold@demo-ease", "repeat_cold@demo-ease-1", "repeat_cold@demo-ease-2"} < set(repro.stages)
    files = [f"metrics/demo/cold/{name}.json" for name in ("ease", "repeats/ease-1", "repeats/ease-2")]
    found = [json.loads(clone.read(file))["warm_ndcg@20"] for file in files]
    assert len(set(found)) == 3
    assert f"{sum(found) / 3:.4f} ± " in clone.read("reports/demo/cold.md")
    # Without a repeat there is what there was before, and nothing is trained again.
    clone.set("run.repeats", "[]")
    assert clone.succeed("dvc", "repro", "report@demo").stages == ["report@demo"]
    assert "±" not in clone.read("reports/demo/cold.md")


@pytest.mark.slow
def test_a_model_is_trained_on_less(clone: Clone) -> None:
    clone.set("run.models", "[kernel_ease, kernel_ease_without_graph]")
    clone.set("run.sparsity", "[kernel_ease, kernel_ease_without_graph]")
    clone.set("run.percentages", "[20]")
    repro = clone.succeed("dvc", "repro")
    assert {"sparsity@demo-kernel_ease-20", "sparsity@demo-kernel_ease_without_graph-20"} < set(repro.stages)
    whole, part = (json.loads(clone.read(f"metrics/demo/{name}.json")) for name in ("kernel_ease", "sparsity/kernel_ease-20"))
    assert part["ndcg@20"] < whole["ndcg@20"]
    assert part["users"] == whole["users"]
    assert "| kernel_ease_without_graph |" in clone.read("reports/demo/sparsity.md")
    clone.set("run.percentages", "[20, 5]")
    repro = clone.succeed("dvc", "repro")
    studied = {"sparsity@demo-kernel_ease-5", "sparsity@demo-kernel_ease_without_graph-5"}
    assert set(repro.stages) == {"validate", *studied, "describe@demo", "report@demo"}


@pytest.mark.slow
def test_the_code_of_a_model_rebuilds_that_model(clone: Clone) -> None:
    path = clone.path / "mkg4rec" / "models" / "ease.py"
    path.write_text(path.read_text(encoding="utf-8") + "\n\nUNUSED = 0\n", encoding="utf-8")
    repro = clone.succeed("dvc", "repro")
    # The model's weights come out the same, so that nothing but what is read off them follows.
    assert repro.stages == ["validate", "gather@demo", "train@demo-ease", "evaluate@demo-ease", "case_study@demo-ease"]


@pytest.mark.slow
def test_another_user_is_shown_without_training(clone: Clone) -> None:
    clone.set("case_study.users", "[7]")
    repro = clone.succeed("dvc", "repro")
    assert set(repro.stages) == {"validate", *CASE_STUDIES, "report@demo", "describe@demo"}
    assert (clone.path / "case_studies/demo/multi_kg4rec/user-7.png").exists()
    assert "divides its attention for user 7" in clone.read("reports/demo/index.html")


@pytest.mark.slow
def test_where_outputs_stay_the_same_nothing_follows(clone: Clone) -> None:
    clone.set("http.backoff", 0.25)
    repro = clone.succeed("dvc", "repro")
    assert set(repro.stages) == {"validate", "download@demo", "fetch_dump@demo", "fetch_media@demo", "build_kg@demo"}


@pytest.mark.slow
def test_a_split_of_its_own_leaves_graph_and_features_alone(clone: Clone) -> None:
    clone.set("split.seed", 1)
    clone.succeed("dvc", "repro", "split@demo", "split_cold@demo")
    # Everything after the changed stage, which was run just now.
    assert set(json.loads(clone.succeed("dvc", "status", "--json").output)) == {
        "validate",
        *TRAINING,
        *EVALUATION,
        *CASE_STUDIES,
        "report@demo",
        "describe@demo",
    }


@pytest.mark.slow
def test_a_comment_is_only_validated(clone: Clone) -> None:
    path = clone.path / "params.yaml"
    path.write_text("# What a comment says is for people.\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert clone.succeed("dvc", "repro").stages == ["validate"]
