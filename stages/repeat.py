"""Train and test one model once more, the split and the training drawn from another seed: what its numbers vary by."""

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.evaluation.metrics import evaluate
from mkg4rec.splitting import split
from mkg4rec.tables import INTERACTIONS
from mkg4rec.training.checkpoints import Checkpoint
from mkg4rec.training.train import train
from stages import run
from stages.inputs import checkpoint_path, indexed, training_data_of
from stages.layout import Layout
from stages.results import write_results


def main(dataset: str, model_name: str, seed_text: str) -> None:
    settings = params.load()
    layout, seed = Layout(dataset), int(seed_text)
    parts = split(INTERACTIONS.read(layout.positives), seed, settings.split.valid, settings.split.test)
    dislikes = split(INTERACTIONS.read(layout.dislikes), seed, settings.split.valid, settings.split.test).train
    data = training_data_of(layout, parts.train, parts.valid, dislikes, choose_device(settings.train.device))
    base, values = settings.base_model(model_name), settings.hyperparameters(dataset, model_name)
    checkpoint = checkpoint_path(layout, model_name, values, seed, data)
    model, _ = train(base, values, data, settings.train.model_copy(update={"seed": seed}), checkpoint)

    test = indexed(parts.test, data.user_ids, data.item_ids).to(data.train.items.device)
    evaluation = evaluate(model.scorer(), data.train, data.valid, test, settings.evaluate.rare_interactions, settings.evaluate.block_size)
    metrics = write_results(evaluation, data, layout.metrics(model_name, seed), layout.per_user(model_name, seed))
    Checkpoint(checkpoint).remove()
    print(f"{dataset} {model_name}, seed {seed}: ndcg@20 {metrics['ndcg@20']:.4f}")


if __name__ == "__main__":
    run(main)
