"""Explanations in words, and as a figure."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from mkg4rec.report import explanation_figure
from mkg4rec.report.explanation import Document, MemberShare, as_text, faithfulness_as_text, of_blend
from mkg4rec.report.explanation_figure import WIDEST, draw_explanation


def _edge(to_user: float, to_item: float) -> dict[str, Any]:
    return {"relation": "interacts", "inverse": False, "attention_to_user": to_user, "attention_to_item": to_item}


def _document(edges: list[dict[str, Any]]) -> Document:
    user, item = {"kind": "user", "id": 1, "name": "user 1"}, {"kind": "item", "id": 2, "name": "Costs $5 to $9"}
    between = [item] * (len(edges) - 1)
    return {
        "dataset": "world",
        "model": "graph",
        "remarks": [],
        "user": user,
        "item": item,
        "score": 0.25,
        "in_train": False,
        "paths": [{"strength": 0.5, "attention": 0.1, "nodes": [user, *between, item], "edges": edges}],
        "score_drop_without_paths": 0.2,
        "modalities": {"visual": 0.4, "text": 0.6},
        "history": [item | {"attention": 0.1, "score_drop": 0.05}],
        "history_considered": 1,
        "history_length": 1,
    }


SHARES = [MemberShare("kernel", 1.0, 0.5), MemberShare("graph", 0.3, 2.0)]


def test_a_blend_is_explained_by_its_member_which_is_said_with_its_weight() -> None:
    document = of_blend(_document([_edge(0.1, 0.2)]) | {"model": "blended"}, SHARES, "graph")
    assert document["score"] == pytest.approx(1.1)
    assert document["blend"]["member_score"] == 0.25
    assert document["blend"]["explained_member"] == "graph"
    assert [member["part"] for member in document["blend"]["members"]] == pytest.approx([0.5, 0.6])
    told = as_text(document)
    assert "blended gives user 1 Costs $5 to $9 [2] the score 1.1000" in told
    assert "graph has the weight 0.3 in it and brings +0.6000 of the score" in told
    assert "its own score, 0.2500; the rest is what kernel (weight 1, +0.5000) say" in told
    assert "nothing of what follows" not in told


def test_a_member_of_no_weight_is_said_to_be_no_reason() -> None:
    document = of_blend(_document([_edge(0.1, 0.2)]), [SHARES[0], MemberShare("graph", 0.0, 2.0)], "graph")
    assert document["score"] == pytest.approx(0.5)
    assert "With the weight 0 nothing of what follows is a reason for the blend's score" in as_text(document)


def test_faithfulness_of_a_blend_names_the_member_that_it_is_about() -> None:
    row = {"score_drop": 0.1, "difference": 0.2, "low": 0.1, "high": 0.3, "p_value": 0.01, "explained_drops_more": 0.9}
    document = {"model": "blended", "dataset": "world", "pairs": 5, "links_removed": 3.0, "score_drop_explained": 0.3}
    document |= {"random": row, "matched": row}
    assert faithfulness_as_text(document).startswith("blended on world: 5 pairs")
    assert faithfulness_as_text(document | {"explained_member": "graph"}).startswith("blended, its member graph, on world: 5 pairs")


@pytest.mark.parametrize(
    "edges",
    [
        [_edge(-0.01, -0.02), _edge(-0.5, -0.25)],  # SpectralCF contrasts a node with its neighbours.
        [_edge(0.0, 0.0), _edge(0.0, 0.0)],
        [_edge(0.1, 0.02), _edge(0.5, 0.25)],
    ],
)
def test_lines_are_as_wide_as_attention_is_large(edges: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(explanation_figure, "save", lambda figure, path: drawn.append(figure))
    draw_explanation(_document(edges), tmp_path / "explanation.png")
    weak, strong = (float(line.get_linewidth()) for line in drawn[0].axes[0].lines)
    assert 0 < weak <= strong <= WIDEST
    if any(edge["attention_to_user"] for edge in edges):
        assert weak < strong == pytest.approx(WIDEST)
        assert f"{edges[1]['attention_to_user']:.3f}" in " ".join(text.get_text() for text in drawn[0].axes[0].texts)
