"""The search for a model's hyper-parameters on one data set, in rounds of DVC experiments.

A training of the search is the stage `train` with other values, and its score is NDCG@20 on the validation part: the
test part is read by `evaluate` alone, which no search runs.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mkg4rec import params
from mkg4rec.errors import PipelineError
from mkg4rec.group import PARAMS_FILE
from mkg4rec.imports import imported_files
from mkg4rec.models import registry
from mkg4rec.params import Params
from mkg4rec.progress import meter
from mkg4rec.training.loop import SELECTION
from mkg4rec.tuning import record
from mkg4rec.tuning.choice import write_tuned
from mkg4rec.tuning.experiments import Experiment, measured, reproduce, work_off
from mkg4rec.tuning.record import Training
from mkg4rec.tuning.space import Space, declared
from mkg4rec.tuning.study import best, propose
from stages.layout import Layout

ROUND = 4
"""Trials that are proposed at a time, whatever the number of jobs, on which the outcome must not depend."""


def tune(dataset: str, models: Sequence[str], trials: int, seeds: Sequence[int] | None, jobs: int, apply: bool) -> None:
    """Search for each of `models`, one after the other, and write what was found.

    Args:
        trials: of each model; trial 0 is what params.yaml has.
        seeds: of each trial, whose score is the mean; `train.seed` by default. One is enough where nothing is drawn.
        jobs: trainings at a time.
        apply: whether the best values go into params.yaml.

    Raises:
        PipelineError: a data set or model that `run:` does not list, nothing to search in any of the models, or dvc cannot run.
    """
    settings = params.load()
    registry.check(settings)
    chosen = list(seeds or [settings.train.seed])
    if min(trials, jobs) < 1 or min(chosen) < 0 or len(set(chosen)) < len(chosen):
        raise PipelineError(f"tune: {trials} trials, seeds {chosen}, {jobs} jobs: at least one of each, seeds from 0 on, none twice.")
    searched = _with_something_to_search(settings, dataset, models)
    _check_git()
    for model in searched:
        # Anew for each: a variant follows what was chosen for its base model.
        reproduce(f"gather@{dataset}", f"split@{dataset}")
        search = Search(params.load(), dataset, model, chosen)
        search.run(trials, jobs)
        search.conclude(trials, apply)


class Search:
    """The search for one model: its space, its inputs, its record."""

    def __init__(self, settings: Params, dataset: str, model: str, seeds: Sequence[int]) -> None:
        _check_listed(settings, dataset, model)
        self.dataset, self.model = dataset, model
        self.layout = Layout(dataset)
        self.space = search_space(settings, dataset, model)
        values = settings.hyperparameters(dataset, model)
        self.present = {name: values[name] for name in self.space}
        draws = registry.model_class(settings.base_model(model)).draws
        self.seeds = seeds if draws else seeds[:1]
        self.record = Path("docs") / "tuning" / dataset / f"{model}.csv"

    def run(self, budget: int, jobs: int) -> None:
        """Try values until the record has `budget` trials.

        Raises:
            PipelineError: no training of a round succeeded.
        """
        done = record.read(self.record, self.inputs)
        if self.record.exists() and not done:
            print(f"{self.record} is of other code, data or values; searching anew")
        with meter(f"{self.dataset} {self.model}", budget * len(self.seeds), "training") as bar:
            bar.update(len(done))
            while (tried := len(record.trials(done))) < budget:
                proposals = [] if tried else [self.present]
                proposals += propose(self.space, record.trials(done), min(ROUND, budget - tried) - len(proposals))
                done += self._train(tried, proposals, jobs, bar.update)
                if best(record.trials(done)) is None:
                    raise PipelineError(f"{self.model}: every training failed; `dvc queue logs {done[-1].experiment}` says why.")
                record.write(self.record, done, self.inputs)

    def conclude(self, budget: int, apply: bool) -> None:
        """Say what is best among the first `budget` trials, and write it into params.yaml if `apply`."""
        trials = record.trials(record.read(self.record, self.inputs))[:budget]
        number = best(trials)
        if number is None:
            raise PipelineError(f"{self.record}: every training failed; remove the table to search anew.")
        values, score = trials[number].values, trials[number].score
        remark = f"trial {number} of {len(trials)}, validation {SELECTION.upper()} {score:.4f}: {self.record}"
        if apply:
            write_tuned(self.dataset, self.model, values, remark)
        print(f"{self.dataset} {self.model}: {json.dumps(values)}, {remark}")

    @cached_property
    def inputs(self) -> str:
        """A digest of all that a training follows beside the values and the seed: code, data, other settings; and of the search itself."""
        gathered = json.loads(self.layout.gathered(self.model).read_text(encoding="utf-8"))
        gathered["hyperparameters"] = {key: value for key, value in gathered["hyperparameters"].items() if key not in self.space}
        gathered["train"].pop("seed", None)
        digest = hashlib.sha256(json.dumps([gathered, repr(self.space), self.seeds], sort_keys=True).encode())
        files = [self.layout.catalogue, self.layout.split("train"), self.layout.split("valid")]
        for path in [*files, *sorted(imported_files([Path("stages", "train.py")]))]:
            digest.update(path.read_bytes())
        return digest.hexdigest()[:8]

    def _train(self, first: int, proposals: list[dict[str, Any]], jobs: int, on_end: Callable[[], object]) -> list[Training]:
        """Train with each of `proposals`, which are the trials from number `first` on, from each seed."""
        pairs = [(values, seed) for values in proposals for seed in self.seeds]
        experiments = [self._experiment(values, seed) for values, seed in pairs]
        # The same values may have been proposed twice.
        succeeded = work_off({experiment.name: experiment for experiment in experiments}.values(), jobs, on_end)
        return [
            self._training(first + number // len(self.seeds), seed, values, experiment.name, experiment.name in succeeded)
            for number, ((values, seed), experiment) in enumerate(zip(pairs, experiments, strict=True))
        ]

    def _training(self, trial: int, seed: int, values: dict[str, Any], experiment: str, succeeded: bool) -> Training:
        if not succeeded:
            print(f"trial {trial}, seed {seed}: the training failed; `dvc queue logs {experiment}` says why")
            return Training(trial, seed, values, None, None, None, experiment)
        outcome = measured(experiment, self.layout.validation(self.model), self.layout.training(self.model) / "loss.csv")
        return Training(trial, seed, values, outcome.metrics[SELECTION], int(outcome.metrics["epoch"]), outcome.seconds, experiment)

    def _experiment(self, values: dict[str, Any], seed: int) -> Experiment:
        identity = json.dumps([self.inputs, _head(), values, seed], sort_keys=True)
        name = f"tune-{self.dataset}-{self.model}-{hashlib.sha256(identity.encode()).hexdigest()[:8]}"
        overrides = {f"tuned.{self.dataset}.{self.model}.{key}": value for key, value in values.items()}
        return Experiment(name, f"train@{self.dataset}-{self.model}", {**overrides, "train.seed": seed})


def _with_something_to_search(settings: Params, dataset: str, models: Sequence[str]) -> list[str]:
    """Those of `models` of which a value can be searched; of the others it is said that there is none.

    Raises:
        PipelineError: dvc has no stage for one of `models`, or all are such others.
    """
    for model in models:
        _check_listed(settings, dataset, model)
    no_value = "says of no value what to try (see docs/tuning.md)."
    others = {
        model: f"{model}: nothing to search; mkg4rec/models/{settings.base_model(model)}.py {no_value}"
        for model in models
        if not search_space(settings, dataset, model)
    }
    if len(others) == len(set(models)):
        raise PipelineError("\n".join(others.values()))
    for said in others.values():
        print(said, flush=True)
    return [model for model in models if model not in others]


def search_space(settings: Params, dataset: str, model: str) -> Space:
    """What the model's file declares, without what makes a variant the variant that it is; may be nothing."""
    base = settings.base_model(model)
    own = settings.models[model] if base != model else {}
    space = declared(registry.model_class(base).Hyperparameters, settings.hyperparameters(dataset, model))
    return {name: domain for name, domain in space.items() if name not in own}


def _check_listed(settings: Params, dataset: str, model: str) -> None:
    """Raise a PipelineError where dvc has no stage for them."""
    settings.dataset(dataset)
    settings.base_model(model)
    for name, listed, group in ((dataset, settings.run.datasets, "datasets"), (model, settings.run.models, "models")):
        if name not in listed:
            raise PipelineError(f"{PARAMS_FILE}: run.{group} does not list {name}; add it, so that dvc has stages for it.")


def _check_git() -> None:
    """Raise a PipelineError where an experiment would not see the code as it is here."""
    _head()
    unknown = _git("ls-files", "--others", "--exclude-standard", "mkg4rec", "stages").split()
    if unknown:
        raise PipelineError(f"git does not know {', '.join(unknown)}, so an experiment would run without; `git add` it first.")


def _head() -> str:
    """The present commit, from which experiments begin."""
    return _git("rev-parse", "HEAD").strip()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PipelineError(f"dvc needs a git repository with a commit for its experiments; git says: {done.stderr.strip()}")
    return done.stdout
