"""Negatives are never positives and equally likely; every positive comes once an epoch."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.training.samplers import ComplementSampler, TailSampler, shuffled_batches


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=30), st.integers(0, 2**31))
def test_draws_outsiders_alone(pairs: list[tuple[int, int]], seed: int) -> None:
    groups, members = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    sampler = ComplementSampler(groups, members, 4, 10)
    torch.manual_seed(seed)
    asked = torch.arange(4).repeat(50)
    for group, drawn in zip(asked.tolist(), sampler.draw(asked).tolist(), strict=True):
        assert 0 <= drawn < 10
        inside = {member for owner, member in pairs if owner == group}
        assert drawn not in inside or len(inside) == 10


def test_every_outsider_is_equally_likely() -> None:
    members = torch.tensor([0, 1, 4, 9, 3, 3])
    sampler = ComplementSampler(torch.tensor([0, 0, 0, 0, 1, 1]), members, 2, 10)
    torch.manual_seed(0)
    counts = torch.bincount(sampler.draw(torch.zeros(60_000, dtype=torch.long)), minlength=10)
    assert counts[[0, 1, 4, 9]].sum() == 0
    # Six outsiders, 10,000 draws expected each, standard deviation 91.
    assert (counts[[2, 3, 5, 6, 7, 8]] - 10_000).abs().max() < 500


def test_a_corrupted_tail_is_no_tail_of_the_same_head_and_relation() -> None:
    heads, relations, tails = torch.tensor([[2, 0, 1, 0, 2, 0], [0, 1, 0, 0, 1, 1], [3, 1, 0, 2, 4, 3]])
    sampler = TailSampler(heads, relations, tails, 5)
    facts = set(zip(heads.tolist(), relations.tolist(), tails.tolist(), strict=True))
    torch.manual_seed(0)
    asked = torch.arange(6).repeat(200)
    drawn = sampler.draw(asked)
    false = set(zip(heads[asked].tolist(), relations[asked].tolist(), drawn.tolist(), strict=True))
    pairs = {(head, relation) for head, relation, _ in facts}
    assert false == {(*pair, tail) for pair in pairs for tail in range(5)} - facts


def test_batches_go_through_everything_once() -> None:
    batches = list(shuffled_batches(10, 4, torch.device("cpu")))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(torch.cat(batches).tolist()) == list(range(10))
