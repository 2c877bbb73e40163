"""Train one model on a part of every user's train interactions, and test it as ever."""

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.evaluation.metrics import evaluate
from mkg4rec.splitting import thinned
from mkg4rec.tables import INTERACTIONS
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.train import train
from stages import run
from stages.inputs import checkpoint_path, indexed, training_data_of
from stages.layout import Layout
from stages.results import write_results


def main(dataset: str, model_name: str, percentage_text: str) -> None:
    settings = params.load()
    layout, percentage = Layout(dataset), int(percentage_text)
    parts = {part: INTERACTIONS.read(layout.split(part)) for part in ("train", "dislikes", "valid", "test")}
    kept, dislikes = (thinned(parts[part], settings.split.seed, percentage / 100) for part in ("train", "dislikes"))
    data = training_data_of(layout, kept, parts["valid"], dislikes, choose_device(settings.train.device))
    base, values = settings.base_model(model_name), settings.hyperparameters(dataset, model_name, percentage)
    checkpoint = checkpoint_path(layout, model_name, values, settings.train.seed, data)
    model, _ = train(base, values, data, settings.train, checkpoint)

    # The lists leave out all of train, not only what was kept, so that they are chosen from the same items whatever the share.
    whole, test = (indexed(parts[part], data.user_ids, data.item_ids).to(data.train.items.device) for part in ("train", "test"))
    evaluation = evaluate(model.scorer(), whole, data.valid, test, settings.evaluate.rare_interactions, settings.evaluate.block_size)
    metrics = write_results(
        evaluation, data, layout.sparsity_metrics(model_name, percentage), layout.sparsity_per_user(model_name, percentage)
    )
    Checkpoint(checkpoint).remove()
    print(f"{dataset} {model_name}, {percentage} % of train: ndcg@20 {metrics['ndcg@20']:.4f}")


if __name__ == "__main__":
    run(main)
