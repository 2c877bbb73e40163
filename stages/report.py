"""Tables, figures and one page about the models of a data set."""

from pathlib import Path

import pyarrow as pa

from mkg4rec import params
from mkg4rec.files import replacing
from mkg4rec.params import Params
from mkg4rec.report.cold import cold_grid, read_cold_result, summarize_cold
from mkg4rec.report.examples import Example, build_examples, choose_users
from mkg4rec.report.figures import assign_colours, draw_training, read_training_log
from mkg4rec.report.grid import accuracy_grid
from mkg4rec.report.page import Figure, render_markdown, render_page
from mkg4rec.report.published import published_results
from mkg4rec.report.sparsity import WHOLE, SparsityResult, sparsity_grid, summarize_sparsity
from mkg4rec.report.statistics import statistics, statistics_grid
from mkg4rec.report.summary import Result, Summary, over_seeds, read_result, summarize
from mkg4rec.report.tables import Comparison, ablations, main_rows, write_cold, write_comparison, write_sparsity, write_statistics
from mkg4rec.tables import ATTENTION, CATALOGUE, ENTITIES, INTERACTIONS, PER_USER, POSTERS, RELATIONS, TOP_LISTS
from stages import run
from stages.layout import Layout

SHOWN_MODELS = 2
"""So many of the best models show their lists for the example users."""


def main(dataset: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    results = [_over_seeds(layout, model, settings.run.repeats) for model in settings.run.models]
    summary = summarize(main_rows(settings.report.tables, results))
    published = published_results(dataset)
    comparisons = ablations(settings.report.tables, results)
    cold = summarize_cold([_cold_over_seeds(layout, model, settings.run.repeats) for model in settings.run.cold])
    studied = [_by_percentage(layout, settings, model) for model in settings.run.sparsity]
    sparsity = summarize_sparsity(studied, settings.run.percentages)
    catalogue = CATALOGUE.read(layout.catalogue)
    positives = INTERACTIONS.read(layout.positives)
    found = statistics(positives, ENTITIES.read(layout.entities), RELATIONS.read(layout.relations))
    taken = pa.concat_tables([INTERACTIONS.read(layout.split(part)) for part in ("train", "valid")])
    examples = _examples(layout, summary, settings.report.examples, catalogue, taken)
    case_studies = _case_studies(layout, [result.model for result in summary.results])
    sizes = {
        "users ranked for": int(summary.results[0].metrics["users"]),
        "items": len(catalogue),
        "train and validation interactions": len(taken),
    }
    colours = assign_colours([result.model for result in summarize(results).results])
    with replacing(layout.report) as folder:
        folder.mkdir()
        for comparison in (Comparison("metrics", summary), *comparisons):
            write_comparison(comparison, dataset, colours, published, folder)
        write_statistics(found, dataset, folder)
        if settings.run.cold:
            write_cold(cold, dataset, colours, folder)
        if studied:
            write_sparsity(sparsity, dataset, colours, folder)
        (folder / "metrics.md").write_text(render_markdown(dataset, summary, published), encoding="utf-8")
        figures = [
            Figure("Accuracy on the test part", folder / "metrics.png"),
            *_training_figure(layout, settings.run.models, colours, folder),
        ]
        tables = {
            comparison.name.capitalize(): (
                accuracy_grid(comparison.summary, published),
                Figure(f"Each model against {comparison.summary.reference}", folder / f"{comparison.name}.png"),
            )
            for comparison in comparisons
        }
        if settings.run.cold:
            tables["Warm and cold items"] = (
                cold_grid(cold),
                Figure("Items that the training saw, and items that it did not", folder / "cold.png"),
            )
        if studied:
            tables["Less to learn from"] = (
                sparsity_grid(sparsity),
                Figure("Trained on a part of every user's interactions", folder / "sparsity.png"),
            )
        tables["The data set"] = (statistics_grid(dataset, found), Figure("The long tail of its items", folder / "statistics.png"))
        page = render_page(dataset, sizes, summary, figures, examples, settings.evaluate.rare_interactions, published, tables, case_studies)
        (folder / "index.html").write_text(page, encoding="utf-8")


def _over_seeds(layout: Layout, model: str, repeats: list[int]) -> Result:
    """The model's results, with those of its repeats."""
    return over_seeds([read_result(model, layout.metrics(model, seed), layout.per_user(model, seed)) for seed in (None, *repeats)])


def _cold_over_seeds(layout: Layout, model: str, repeats: list[int]) -> Result:
    """The same of what it wrote on warm and on cold items."""
    seeds = (None, *repeats)
    return over_seeds([read_cold_result(model, layout.cold_metrics(model, seed), layout.cold_per_user(model, seed)) for seed in seeds])


def _by_percentage(layout: Layout, settings: Params, model: str) -> SparsityResult:
    """The model's results after trainings on less."""
    files = {WHOLE: layout.per_user(model)} | {part: layout.sparsity_per_user(model, part) for part in settings.run.percentages}
    return SparsityResult(model, settings.base_model(model), {percentage: PER_USER.read(path) for percentage, path in files.items()})


def _examples(layout: Layout, summary: Summary, count: int, catalogue: pa.Table, taken: pa.Table) -> list[Example]:
    """The example users, chosen by the best model, with the lists of the best few."""
    shown = [result.model for result in summary.results[:SHOWN_MODELS]]
    users = choose_users(summary.results[0].per_user, count)
    top_lists = {model: TOP_LISTS.read(layout.top_lists(model)) for model in shown}
    return build_examples(users, taken, top_lists, catalogue, POSTERS.read(layout.posters))


def _case_studies(layout: Layout, models: list[str]) -> list[Figure]:
    """The figures of the users whose case each of `models` shows; a model that cannot show any has none."""
    users = {model: ATTENTION.read(layout.attention(model))["user_id"].unique().to_pylist() for model in models}
    return [
        Figure(f"How {model} divides its attention for user {user}", layout.case_figure(model, user))
        for model in models
        for user in users[model]
    ]


def _training_figure(layout: Layout, models: list[str], colours: dict[str, str], folder: Path) -> list[Figure]:
    """The curves of the models that are trained in epochs; models that are fitted at once leave none."""
    logs = [read_training_log(model, layout.training(model)) for model in models if layout.training(model).exists()]
    if not any(len(log.losses["epoch"]) > 1 for log in logs):
        return []
    figure = Figure("Training: the best epoch on validation is kept", folder / "training.png")
    draw_training(logs, colours, figure.path)
    return [figure]


if __name__ == "__main__":
    run(main)
