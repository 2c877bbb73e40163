"""Show for a few users how one model divides its attention to what it recommends among the modalities: figures and their numbers."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray

from mkg4rec import params
from mkg4rec.device import choose_device
from mkg4rec.errors import PipelineError
from mkg4rec.files import replacing
from mkg4rec.group import PARAMS_FILE
from mkg4rec.mistakes import line_of
from mkg4rec.models import registry
from mkg4rec.models.base import AttendsModalities
from mkg4rec.models.data import TrainingData
from mkg4rec.params import Params
from mkg4rec.report.case_figure import draw_case
from mkg4rec.report.case_study import attention_table, build_cases, of_users, pick_users, render_cases
from mkg4rec.tables import ATTENTION, CATALOGUE, POSTERS, TOP_LISTS
from stages import run
from stages.inputs import training_data
from stages.layout import Layout

BLOCK = 8192
"""Pairs of user and item that are asked about at a time."""


def main(dataset: str, model_name: str) -> None:
    settings = params.load()
    layout = Layout(dataset)
    study = settings.case_study
    data = training_data(layout, choose_device(settings.evaluate.device))
    lists = TOP_LISTS.read(layout.top_lists(model_name))
    lists = lists.filter(pc.less_equal(lists["rank"], study.items))
    if study.users:
        _check_users(dataset, study.users, data.user_ids, lists)
        lists = of_users(lists, study.users)
    model, nothing = _model(settings, layout, model_name, data)
    modalities = model.modalities if model else []
    shares = _shares(model, lists, data) if model else np.empty((len(lists), 0), np.float32)
    attention = attention_table(lists, modalities, shares, CATALOGUE.read(layout.catalogue))
    posters = POSTERS.read(layout.posters)
    if model and not study.users:
        complete = _complete_items(data, modalities, posters)
        train_counts = pa.table({"user_id": data.user_ids, "interactions": data.train.counts.cpu().numpy()})
        attention = of_users(attention, pick_users(attention, complete, train_counts, study.picked))
    cases = build_cases(attention, posters)
    with replacing(layout.case_study(model_name)) as folder:
        folder.mkdir()
        ATTENTION.write(attention, folder / layout.attention(model_name).name)
        (folder / "attention.md").write_text(render_cases(model_name, cases, nothing), encoding="utf-8")
        for case in cases:
            draw_case(case, model_name, folder / layout.case_figure(model_name, case.user).name)
    shown = f"attention of {model_name} for user {', '.join(str(case.user) for case in cases)}"
    print(f"{dataset}: {nothing or shown}")


def _model(settings: Params, layout: Layout, name: str, data: TrainingData) -> tuple[AttendsModalities | None, str]:
    """The trained model; or None where it cannot tell, and why."""
    base = settings.base_model(name)
    if not issubclass(registry.model_class(base), AttendsModalities):
        return None, f"{name} has no case study: it does not divide its attention among modalities."
    model = registry.restore(base, settings.hyperparameters(layout.dataset, name), layout.model(name), data)
    assert isinstance(model, AttendsModalities)
    return (model, "") if model.modalities else (None, f"{name} has no case study: it has no modalities.")


def _shares(model: AttendsModalities, lists: pa.Table, data: TrainingData) -> NDArray[np.float32]:
    """(rows of `lists`, M)"""
    users, items = (
        torch.tensor(pc.index_in(lists[name].combine_chunks(), identifiers).to_numpy(), device=data.train.items.device)
        for name, identifiers in (("user_id", data.user_ids), ("item_id", data.item_ids))
    )
    blocks = [model.modality_attention(*pairs) for pairs in zip(users.long().split(BLOCK), items.long().split(BLOCK), strict=True)]
    shares: NDArray[np.float32] = torch.cat(blocks).float().cpu().numpy()
    return shares


def _complete_items(data: TrainingData, modalities: list[str], posters: pa.Table) -> pa.Array:
    """The items with a poster and with a content in every modality."""
    present = torch.stack([data.read_features(modality).present[: data.num_items] for modality in modalities]).all(0)
    with_contents = data.item_ids.filter(pa.array(present.cpu().numpy()))
    return with_contents.filter(pc.is_in(with_contents, posters["item_id"].combine_chunks()))


def _check_users(dataset: str, users: list[int | str], known: pa.Array, lists: pa.Table) -> None:
    """
    Raises:
        PipelineError: one of `users` is not in the data set, or was not recommended anything.
    """
    identifiers = known.to_pylist()
    for number, user in enumerate(users):
        where = f"{PARAMS_FILE}:{line_of(PARAMS_FILE.read_text(encoding='utf-8'), ('case_study', 'users', str(number)))}: case_study.users"
        if user not in identifiers:
            # 7 and "7" are two users, of which a data set has one.
            meant = "".join(f"; write {other!r}" for other in identifiers if str(other) == str(user))
            raise PipelineError(f"{where}: {dataset} has no user {user!r}{meant}.")
        if user not in pc.unique(lists["user_id"]).to_pylist():
            raise PipelineError(f"{where}: user {user!r} of {dataset} has no test item, so that no list was made.")


if __name__ == "__main__":
    run(main)
