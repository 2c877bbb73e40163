"""One page with everything, which needs no other file and asks no other computer, and its tables alone in Markdown."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mkg4rec.report.examples import Example
from mkg4rec.report.grid import Grid, accuracy_grid, as_markdown, detail_grid
from mkg4rec.report.published import Published
from mkg4rec.report.summary import HEADLINE, Summary

TEMPLATE = "page.html.jinja"
SIGNIFICANT = 0.05

FORMULAS = """\
Means over users; L is a user's list cut at k, T the test items. Recall = |L ∩ T| / |T|. MRR = 1 / rank of the first hit, 0 without one.
NDCG = Σ over hits of 1 / log₂(rank + 1), divided by the same sum for min(k, |T|) hits at the top. Difference of NDCG@20: paired by user,
bootstrap interval, Wilcoxon's signed-rank test with Holm's correction. `index.html` has the other formulas.
"""


@dataclass(frozen=True)
class Figure:
    """A picture: what it shows, and its PNG file."""

    caption: str
    path: Path

    @property
    def address(self) -> str:
        """The picture itself as a `data:` address."""
        return f"data:image/png;base64,{b64encode(self.path.read_bytes()).decode()}"


def render_page(
    dataset: str,
    sizes: Mapping[str, int],
    summary: Summary,
    figures: Sequence[Figure],
    examples: Sequence[Example],
    rare_interactions: int,
    published: Mapping[str, Published],
    tables: Mapping[str, tuple[Grid, Figure]],
    case_studies: Sequence[Figure],
) -> str:
    """The page as HTML.

    Args:
        dataset: its name.
        sizes: what the data set has how many of.
        summary: the results of its models.
        figures: pictures to inline.
        examples: users to show.
        rare_interactions: the most train interactions that a rare item has.
        published: by model, the numbers of a paper.
        tables: by title, further tables with their pictures.
        case_studies: how models divide their attention, a picture per user.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(TEMPLATE).render(
        dataset=dataset,
        sizes=sizes,
        verdict=verdict(summary),
        accuracy=accuracy_grid(summary, published),
        details=detail_grid(summary),
        figures=figures,
        examples=examples,
        rare_interactions=rare_interactions,
        tables=tables,
        case_studies=case_studies,
        several_seeds=any(result.num_seeds > 1 for result in summary.results),
    )


def render_markdown(dataset: str, summary: Summary, published: Mapping[str, Published]) -> str:
    """The verdict, the tables and how their numbers are computed."""
    tables = f"{as_markdown(accuracy_grid(summary, published))}\n{as_markdown(detail_grid(summary))}"
    return f"# {dataset}\n\n{verdict(summary)}\n\n{tables}\n{FORMULAS}"


def verdict(summary: Summary) -> str:
    """In a sentence: how the best of the other models stands to the best simple one."""
    best = summary.results[0]
    others = [result for result in summary.results if result.model != summary.reference]
    if not summary.reference or not others:
        return f"{best.model} has the highest NDCG@20."
    reference = next(result for result in summary.results if result.model == summary.reference)
    rival = others[0]
    change = rival.metrics[HEADLINE] / reference.metrics[HEADLINE] - 1 if reference.metrics[HEADLINE] else 0.0
    comparison = summary.comparisons.get(rival.model)
    side = "above" if change >= 0 else "below"
    sentence = f"The NDCG@20 of {rival.model} is {abs(change):.1%} {side} that of {reference.model}, the best simple model"
    if comparison is None:
        return f"{sentence}."
    return f"{sentence}; the difference {'is significant' if comparison.p_value < SIGNIFICANT else 'may be chance'}."
