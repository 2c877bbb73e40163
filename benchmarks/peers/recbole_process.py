"""One model of RecBole in training: the process at the other end of `benchmarks.peers.recbole.RecBole`.

Runs in RecBole's own environment, with nothing of this project but this file. It reads lines from its input: the settings
as JSON, then commands; it answers each with one line of JSON:

- the settings: `{"users": …, "items": …, "interactions": …, "triplets": …}`, once everything is read and the model is made;
- `epoch`: `{"seconds": …}` of the training of one epoch alone;
- `validate`: `{"seconds": …, "ndcg@20": …}` of the full ranking of all users with a validation item and of its metric.
"""

import json
import os
import sys
import time
from typing import Any

import dgl
import scipy.sparse
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.dataloader import KnowledgeBasedDataLoader
from recbole.utils import get_model, get_trainer, init_logger, init_seed


def main() -> None:
    # RecBole prints; only answers may reach the pipe.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    give_back_what_is_gone()
    training = Training(**json.loads(sys.stdin.readline()))
    print(json.dumps(training.sizes), file=answers)
    for command in sys.stdin:
        answer = {"epoch": training.epoch, "validate": training.validate}[command.strip()]()
        print(json.dumps(answer), file=answers)


def give_back_what_is_gone() -> None:
    """What RecBole 1.2.1 calls and later SciPy, DGL or its own loaders no longer have, as it was."""
    scipy.sparse.dok_matrix._update = lambda matrix, entries: matrix._dict.update(entries)
    KnowledgeBasedDataLoader.dataset = property(lambda loader: loader._dataset)
    subgraph = dgl.edge_subgraph
    dgl.edge_subgraph = lambda graph, edges, preserve_nodes: subgraph(graph, edges, relabel_nodes=not preserve_nodes)


class Training:
    """RecBole's own loaders, model and trainer, stepped from outside."""

    def __init__(self, model: str, dataset: str, settings: dict[str, Any]) -> None:
        config = Config(model=model, dataset=dataset, config_dict=settings)
        init_seed(config["seed"], config["reproducibility"])
        init_logger(config)
        data = create_dataset(config)
        self.train_data, self.valid_data, _ = data_preparation(config, data)
        self.model = get_model(config["model"])(config, self.train_data._dataset).to(config["device"])
        self.trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, self.model)
        self.trainer.eval_collector.data_collect(self.train_data)
        self.epochs = 0
        # Numbers of users and items count a padding.
        self.sizes = {
            "users": data.user_num - 1,
            "items": data.item_num - 1,
            "interactions": len(self.train_data._dataset),
            "triplets": len(data.kg_feat) if hasattr(data, "kg_feat") else 0,
        }

    def epoch(self) -> dict[str, float]:
        started = time.perf_counter()
        self.trainer._train_epoch(self.train_data, self.epochs)
        seconds = time.perf_counter() - started
        self.epochs += 1
        return {"seconds": seconds}

    def validate(self) -> dict[str, float]:
        # A model may keep its final vectors until it is trained further; each ranking begins with the weights.
        for name in ("restore_user_e", "restore_item_e", "restore_entity_e"):
            if hasattr(self.model, name):
                setattr(self.model, name, None)
        started = time.perf_counter()
        result = self.trainer.evaluate(self.valid_data, load_best_model=False)
        return {"seconds": time.perf_counter() - started, "ndcg@20": float(result["ndcg@20"])}


if __name__ == "__main__":
    main()
