"""Rank for every user, hold the lists against the test part: averages, per-user values, the lists themselves."""

import pyarrow as pa
import torch

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.evaluation.metrics import Evaluation, evaluate
from mkg4rec.evaluation.ranking import NO_ITEM
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import INTERACTIONS, TOP_LISTS
from stages import run
from stages.inputs import indexed, training_data
from stages.layout import Layout
from stages.results import write_results

SHOWN = ("recall@20", "mrr@20", "ndcg@20")


def main(dataset: str, model: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    device = choose_device(settings.evaluate.device)
    data = training_data(layout, device)
    scorer = registry.load(settings.base_model(model), settings.hyperparameters(dataset, model), layout.model(model), data)
    test = indexed(INTERACTIONS.read(layout.split("test")), data.user_ids, data.item_ids).to(device)
    evaluation = evaluate(scorer, data.train, data.valid, test, settings.evaluate.rare_interactions, settings.evaluate.block_size)
    metrics = write_results(evaluation, data, layout.metrics(model), layout.per_user(model))
    TOP_LISTS.write(top_lists_table(evaluation, data), layout.top_lists(model))
    print(f"{dataset} {model}: {', '.join(f'{name} {metrics[name]:.4f}' for name in SHOWN)}, {metrics['users']:,} users")


def top_lists_table(evaluation: Evaluation, data: TrainingData) -> pa.Table:
    """A row per user and rank as `tables.TOP_LISTS`; a list of fewer items has fewer rows."""
    lists = evaluation.lists
    row, place = (lists.items != NO_ITEM).nonzero(as_tuple=True)
    return pa.table(
        {
            "user_id": data.user_ids.take(pa.array(lists.users[row].cpu().numpy())),
            "rank": pa.array((place + 1).to(torch.int32).cpu().numpy()),
            "item_id": data.item_ids.take(pa.array(lists.items[row, place].cpu().numpy())),
            "score": pa.array(lists.scores[row, place].cpu().numpy()),
            "hit": pa.array(evaluation.hits[row, place].cpu().numpy()),
        }
    )


if __name__ == "__main__":
    run(main)
