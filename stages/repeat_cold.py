"""Train and test one model once more without cold items, these, the split and the training drawn from another seed."""

from mkg4rec import params
from stages import run
from stages.cold import train_and_test
from stages.layout import Layout
from stages.split_cold import cold_parts


def main(dataset: str, model_name: str, seed_text: str) -> None:
    layout, seed = Layout(dataset), int(seed_text)
    parts = cold_parts(layout, params.load().split.model_copy(update={"seed": seed}))
    print(f"{dataset} {model_name}, seed {seed}: {train_and_test(layout, model_name, parts, seed)}")


if __name__ == "__main__":
    run(main)
