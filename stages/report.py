"""Tables, figures and one page about the models of a data set."""

from pathlib import Path

import pyarrow as pa

from mkg4rec import params
from mkg4rec.files import replacing
from mkg4rec.report.examples import Example, build_examples, choose_users
from mkg4rec.report.figures import TrainingLog, assign_colours, draw_accuracy, draw_training, read_training_log
from mkg4rec.report.grid import as_csv
from mkg4rec.report.page import Figure, render_markdown, render_page
from mkg4rec.report.summary import Summary, read_result, summarize
from mkg4rec.tables import CATALOGUE, INTERACTIONS, POSTERS, TOP_LISTS
from stages import run
from stages.layout import Layout

SHOWN_MODELS = 2
"""So many of the best models show their lists for the example users."""


def main(dataset: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    models = settings.run.models
    summary = summarize([read_result(model, layout.metrics(model), layout.per_user(model)) for model in models])
    logs = [read_training_log(model, layout.training(model)) for model in models if layout.training(model).exists()]
    catalogue = CATALOGUE.read(layout.catalogue)
    taken = pa.concat_tables([INTERACTIONS.read(layout.split(part)) for part in ("train", "valid")])
    examples = _examples(layout, summary, settings.report.examples, catalogue, taken)
    sizes = {
        "users ranked for": int(summary.results[0].metrics["users"]),
        "items": len(catalogue),
        "train and validation interactions": len(taken),
    }
    with replacing(layout.report) as folder:
        folder.mkdir()
        figures = _draw(summary, logs, folder)
        page = render_page(dataset, sizes, summary, figures, examples, settings.evaluate.rare_interactions)
        (folder / "index.html").write_text(page, encoding="utf-8")
        (folder / "metrics.csv").write_text(as_csv(summary), encoding="utf-8")
        (folder / "metrics.md").write_text(render_markdown(dataset, summary), encoding="utf-8")


def _examples(layout: Layout, summary: Summary, count: int, catalogue: pa.Table, taken: pa.Table) -> list[Example]:
    """The example users, chosen by the best model, with the lists of the best few."""
    shown = [result.model for result in summary.results[:SHOWN_MODELS]]
    users = choose_users(summary.results[0].per_user, count)
    top_lists = {model: TOP_LISTS.read(layout.top_lists(model)) for model in shown}
    return build_examples(users, taken, top_lists, catalogue, POSTERS.read(layout.posters))


def _draw(summary: Summary, logs: list[TrainingLog], folder: Path) -> list[Figure]:
    figures = [Figure("Accuracy on the test part", folder / "metrics.png")]
    colours = assign_colours([result.model for result in summary.results])
    draw_accuracy(summary, colours, figures[0].path)
    # Models that are fitted at once leave no curve.
    if any(len(log.losses["epoch"]) > 1 for log in logs):
        figures.append(Figure("Training: the best epoch on validation is kept", folder / "training.png"))
        draw_training(logs, colours, figures[1].path)
    return figures


if __name__ == "__main__":
    run(main)
