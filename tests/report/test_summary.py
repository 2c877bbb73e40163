import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import compare, holm
from mkg4rec.report.summary import over_seeds, read_result, summarize
from mkg4rec.tables import PER_USER
from tests.report.synthetic import per_user_table, result

GENERATOR = np.random.default_rng(0)
VALUES = GENERATOR.random(200)
NOISE = GENERATOR.normal(0, 0.05, size=200)


def test_models_are_ordered_and_held_against_the_best_simple_one() -> None:
    ease, popularity = result("ease", VALUES), result("popularity", VALUES / 2)
    kgat, multi = result("kgat", VALUES + NOISE), result("multi_kg4rec", VALUES + 0.02 + NOISE)

    summary = summarize([popularity, kgat, ease, multi])

    means = [each.metrics["ndcg@20"] for each in summary.results]
    assert means == sorted(means, reverse=True)
    assert summary.results[0].model == "multi_kg4rec"
    assert summary.reference == "ease"
    assert set(summary.comparisons) == {"multi_kg4rec", "kgat", "popularity"}
    alone = {each.model: compare(each.per_user["ndcg@20"].to_numpy(), VALUES) for each in (multi, kgat, popularity) if each.per_user}
    corrected = dict(zip(alone, holm([comparison.p_value for comparison in alone.values()]), strict=True))
    for model, comparison in summary.comparisons.items():
        assert comparison == replace(alone[model], p_value=corrected[model])


def test_without_a_simple_model_nothing_is_compared() -> None:
    summary = summarize([result("kgat", VALUES), result("multi_kg4rec", VALUES + 0.1)])

    assert (summary.reference, summary.comparisons) == ("", {})


def test_averages_alone_are_ordered_but_not_compared() -> None:
    summary = summarize([replace(result("ease", VALUES), per_user=None), result("kgat", VALUES + 0.1)])

    assert [each.model for each in summary.results] == ["kgat", "ease"]
    assert summary.comparisons == {}


def test_results_on_different_users_are_not_compared() -> None:
    others = replace(result("kgat", VALUES), per_user=per_user_table(VALUES, pa.array(np.arange(200))))

    with pytest.raises(PipelineError, match="kgat and ease were evaluated on different users"):
        summarize([result("ease", VALUES), others])


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = result("ease", VALUES)
    (tmp_path / "ease.json").write_text(json.dumps(written.metrics))
    PER_USER.write(written.per_user, tmp_path / "per_user.parquet")

    read = read_result("ease", tmp_path / "ease.json", tmp_path / "per_user.parquet")

    assert (read.model, read.metrics) == (written.model, written.metrics)
    assert read.per_user is not None
    assert read.per_user.equals(written.per_user)


def test_several_seeds_are_one_result() -> None:
    runs = [result("kgat", values) for values in (VALUES, VALUES + 0.1, VALUES + 0.3)]

    together = over_seeds(runs)

    assert together.num_seeds == 3
    means = [run.metrics["ndcg@20"] for run in runs]
    assert together.metrics["ndcg@20"] == pytest.approx(np.mean(means))
    assert together.deviations["ndcg@20"] == pytest.approx(np.std(means, ddof=1))
    assert together.per_user is not None
    np.testing.assert_allclose(together.per_user["ndcg@20"].to_numpy(), VALUES + 0.4 / 3)
    assert over_seeds(runs[:1]) is runs[0]


def test_a_user_counts_with_the_seeds_that_have_one() -> None:
    first, second = result("kgat", VALUES), replace(result("kgat", VALUES[:50]), per_user=per_user_table(VALUES[:50] + 1))

    per_user = over_seeds([first, second]).per_user

    assert per_user is not None
    np.testing.assert_allclose(per_user["ndcg@20"].to_numpy(), np.concatenate([VALUES[:50] + 0.5, VALUES[50:]]))
    PER_USER.check(per_user, Path("per_user.parquet"))


@pytest.mark.parametrize("against", ["kgat", "ease"])
def test_any_model_may_be_the_one_to_compare_with(against: str) -> None:
    summary = summarize([result("ease", VALUES), result("kgat", VALUES + NOISE)], against)

    assert summary.reference == against
    assert set(summary.comparisons) == {"ease", "kgat"} - {against}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no such file"),
        ("{", "not JSON"),
        ("[]", "recall@20, mrr@20, ndcg@20 missing"),
        ('{"recall@20": 1, "mrr@20": 1}', "ndcg@20 missing"),
    ],
)
def test_bad_metrics_are_an_error_that_names_the_file(tmp_path: Path, content: str | None, complaint: str) -> None:
    path = tmp_path / "ease.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(PipelineError, match=rf"ease\.json: .*{complaint}.*dvc repro"):
        read_result("ease", path, None)
