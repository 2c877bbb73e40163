"""Train one model without the cold items, and test it on the others and on them."""

import json
from collections.abc import Mapping

import pyarrow as pa

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.evaluation.cold import ColdEvaluation, evaluate_cold
from mkg4rec.files import replacing
from mkg4rec.models import registry
from mkg4rec.models.data import TrainingData
from mkg4rec.tables import COLD_PER_USER, INTERACTIONS
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.train import train
from stages import run
from stages.inputs import checkpoint_path, indexed, training_data_of
from stages.layout import Layout


def main(dataset: str, model_name: str) -> None:
    layout = Layout(dataset)
    parts = {name: INTERACTIONS.read(layout.split_cold(name)) for name in ("train", "valid", "test", "cold", "dislikes")}
    print(f"{dataset} {model_name}: {train_and_test(layout, model_name, parts)}")


def train_and_test(layout: Layout, model_name: str, parts: Mapping[str, pa.Table], repeat: int | None = None) -> str:
    """Write the averages and the per-user values of a training on `parts`, a cold split by name; gives the headlines.

    Args:
        repeat: the seed of the training, and of the files that are written; `train.seed` and those of the run itself by default.
    """
    settings = params.load()
    seed = settings.train.seed if repeat is None else repeat
    data = training_data_of(layout, parts["train"], parts["valid"], parts["dislikes"], choose_device(settings.train.device))
    device = data.train.items.device
    warm, cold = (indexed(parts[name], data.user_ids, data.item_ids).to(device) for name in ("test", "cold"))
    data = data.without(cold.item_counts > 0)
    base, values = settings.base_model(model_name), settings.hyperparameters(layout.dataset, model_name)
    checkpoint = checkpoint_path(layout, model_name, values, seed, data)
    model, _ = train(base, values, data, settings.train.model_copy(update={"seed": seed}), checkpoint)

    evaluation = evaluate_cold(model.scorer(), data.train.union(data.valid), warm, cold, settings.evaluate.block_size)
    can_score_cold = registry.model_class(base).knows_unseen(registry.hyperparameters(base, values))
    if not can_score_cold:
        evaluation = evaluation.warm_alone()
    averages = {name: float(f"{value:.6g}") for name, value in evaluation.averages.items()}
    with replacing(layout.cold_metrics(model_name, repeat)) as path:
        path.write_text(json.dumps(averages, indent=2) + "\n", encoding="utf-8")
    COLD_PER_USER.write(per_user_table(evaluation, data), layout.cold_per_user(model_name, repeat))
    Checkpoint(checkpoint).remove()
    shown = ("warm_ndcg@20", "cold_ndcg@20", "among_cold_ndcg@20") if can_score_cold else ("warm_ndcg@20",)
    return ", ".join(f"{name} {averages[name]:.4f}" for name in shown) + ("" if can_score_cold else "; it cannot score cold items")


def per_user_table(evaluation: ColdEvaluation, data: TrainingData) -> pa.Table:
    """A row per user as `tables.COLD_PER_USER`."""
    columns = {name: pa.array(value.cpu().numpy(), from_pandas=True) for name, value in evaluation.per_user.items()}
    return pa.table({"user_id": data.user_ids.take(pa.array(evaluation.users.cpu().numpy())), **columns})


if __name__ == "__main__":
    run(main)
