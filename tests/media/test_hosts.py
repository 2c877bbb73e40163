import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mkg4rec.media.hosts import HostQueues, in_parallel


def host_of(address: str) -> str:
    return address.partition("/")[0]


@given(st.lists(st.integers(0, 50), unique=True), st.integers(1, 8), st.integers(1, 4), st.integers(1, 3))
def test_every_address_once_with_its_own_result(numbers: list[int], workers: int, per_host: int, hosts: int) -> None:
    addresses = [f"host{number % hosts}/{number}" for number in numbers]
    results = list(in_parallel(str.upper, addresses, workers, per_host, host_of))
    assert sorted(results) == sorted((address, address.upper()) for address in addresses)


@pytest.mark.parametrize(("workers", "per_host", "expected"), [(16, 3, 3), (2, 5, 2)])
def test_few_of_one_host_at_a_time(workers: int, per_host: int, expected: int) -> None:
    lock, in_hand, most = threading.Lock(), Counter[str](), Counter[str]()
    full = threading.Barrier(expected)

    def work(address: str) -> None:
        with lock:
            in_hand[host_of(address)] += 1
            most[host_of(address)] = max(most[host_of(address)], in_hand[host_of(address)])
        full.wait(10)  # as many as allowed must come together
        with lock:
            in_hand[host_of(address)] -= 1

    list(in_parallel(work, [f"host/{number}" for number in range(4 * expected)], workers, per_host, host_of))
    assert most == {"host": expected}


def test_a_stalled_host_keeps_no_other_waiting() -> None:
    others_done = threading.Event()

    def work(address: str) -> bool:
        return others_done.wait(10) if address.startswith("slow") else True

    finished = []
    addresses = [f"slow/{number}" for number in range(8)] + [f"fast/{number}" for number in range(8)]
    for address, in_time in in_parallel(work, addresses, workers=4, per_host=2, host_of=host_of):
        assert in_time
        finished.append(address)
        if len(finished) == 8:
            others_done.set()
    assert {host_of(address) for address in finished[:8]} == {"fast"}


def test_local_files_know_no_limit() -> None:
    together = threading.Barrier(4)
    assert len(list(in_parallel(lambda _: together.wait(10), ["/1", "/2", "/3", "/4"], 4, 1, host_of))) == 4


def test_an_error_of_the_work_comes_out_and_ends_it() -> None:
    begun: list[str] = []

    def work(address: str) -> None:
        begun.append(address)
        raise OSError(address)

    with pytest.raises(OSError, match="host/0"):
        list(in_parallel(work, [f"host/{number}" for number in range(1000)], 1, 1, host_of))
    assert begun == ["host/0"]


def test_closed_queues_hand_out_nothing() -> None:
    queues = HostQueues(["host/1", "host/2"], 1, host_of)
    assert queues.take() == "host/1"
    queues.close()
    assert queues.take() is None
