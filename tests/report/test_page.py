import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from mkg4rec.report.examples import Example, Recommendation, RecommendationList
from mkg4rec.report.page import Figure, render_markdown, render_page, verdict
from mkg4rec.report.summary import Summary, summarize
from tests.report.synthetic import result

VALUES = np.random.default_rng(0).random(300)
SUMMARY = summarize([result("ease", VALUES), result("kgat", VALUES * 0.9)])
TITLE = '<script>alert("1")</script> & Sons (1999)'


class Addresses(HTMLParser):
    """Every address that a page asks a browser to load, every tag, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action", "data"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(page: str) -> Addresses:
    parser = Addresses()
    parser.feed(page)
    parser.close()
    return parser


def render(tmp_path: Path, summary: Summary = SUMMARY, title: str = TITLE) -> str:
    (tmp_path / "metrics.png").write_bytes(b"\x89PNG")
    recommendations = [Recommendation(title, "data:image/jpeg;base64,AAAA", hit=True), Recommendation("Heat (1995)", "", hit=False)]
    example = Example("A1B2", ["Alien (1979)", title], 25, 4, [RecommendationList("ease", recommendations)])
    figures = [Figure("Accuracy", tmp_path / "metrics.png")]
    return render_page("demo", {"items": 3476}, summary, figures, [example], rare_interactions=10, published={}, tables={}, case_studies=[])


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    page = render(tmp_path)

    addresses = read(page).addresses
    assert addresses == ["data:image/png;base64,iVBORw==", "data:image/jpeg;base64,AAAA"]
    assert not re.search(r"https?:|url\(|@import|<link|<script", page)


def test_titles_are_text_and_never_markup(tmp_path: Path) -> None:
    parsed = read(render(tmp_path))

    assert "script" not in parsed.tags
    assert parsed.text.count(TITLE) == 2


def test_the_page_shows_numbers_examples_and_formulas(tmp_path: Path) -> None:
    text = " ".join(read(render(tmp_path)).text.split())

    for expected in (
        "3,476",
        f"{VALUES.mean():.4f}",
        "User A1B2",
        "Took 25, among them Alien (1979)",
        "ease: 1 of 2",
        "at most 10 train interactions",
    ):
        assert expected in text
    assert text.count("✓") == 1


def test_markdown_has_both_tables_and_the_formulas() -> None:
    markdown = render_markdown("demo", SUMMARY, {})

    assert markdown.startswith("# demo\n\nThe NDCG@20 of kgat is 10.0% below")
    assert f"| ease | **{VALUES.mean() / 2:.4f}** |" in markdown
    assert "Coverage@20" in markdown
    assert "Recall = |L ∩ T| / |T|" in markdown


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        (
            {"ease": VALUES, "kgat": VALUES * 1.25},
            "The NDCG@20 of kgat is 25.0% above that of ease, the best simple model; the difference is significant.",
        ),
        (
            {"ease": VALUES, "kgat": VALUES[::-1]},
            "The NDCG@20 of kgat is 0.0% above that of ease, the best simple model; the difference may be chance.",
        ),
        ({"kgat": VALUES}, "kgat has the highest NDCG@20."),
        ({"ease": VALUES}, "ease has the highest NDCG@20."),
        (
            {"ease": VALUES * 0, "kgat": VALUES * 0},
            "The NDCG@20 of kgat is 0.0% above that of ease, the best simple model; the difference may be chance.",
        ),
    ],
)
def test_the_verdict(models: dict[str, np.ndarray], expected: str) -> None:
    # The mean of the same values in another order may differ in its last bit.
    assert verdict(summarize([result(model, values) for model, values in models.items()])) in {
        expected,
        expected.replace("0.0% above", "0.0% below"),
    }
