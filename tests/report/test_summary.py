import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mkg4rec.errors import PipelineError
from mkg4rec.evaluation.significance import compare, holm
from mkg4rec.report.summary import read_result, summarize
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
