"""Explanations as a figure."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from mkg4rec.report import explanation_figure
from mkg4rec.report.explanation import Document
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
