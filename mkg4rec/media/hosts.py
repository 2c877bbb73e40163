"""Working on many addresses at a time, and on few of one host."""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")


class HostQueues:
    """Addresses that wait for their turn, one queue a host.

    Of one host, at most `per_host` addresses are in hand at a time; local files know no such limit. A
    host that is slow or at its limit keeps no address of another one waiting.
    """

    def __init__(self, addresses: Iterable[str], per_host: int, host_of: Callable[[str], str]) -> None:
        self._per_host = per_host
        self._host_of = host_of
        self._waiting: dict[str, deque[str]] = {}
        self._in_hand: Counter[str] = Counter()
        self._changed = threading.Condition()
        for address in addresses:
            self._waiting.setdefault(host_of(address), deque()).append(address)

    def take(self) -> str | None:
        """An address whose host is below its limit; waits for one. None when no address is left."""
        with self._changed:
            while self._waiting:
                for host, addresses in self._waiting.items():
                    if not host or self._in_hand[host] < self._per_host:
                        address = addresses.popleft()
                        if not addresses:
                            del self._waiting[host]
                        self._in_hand[host] += 1
                        return address
                self._changed.wait()
            return None

    def finish(self, address: str) -> None:
        """Say that an address taken before is no longer in hand."""
        with self._changed:
            self._in_hand[self._host_of(address)] -= 1
            self._changed.notify()

    def close(self) -> None:
        """Hand out no more addresses."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()


def in_parallel(
    work: Callable[[str], Result], addresses: Iterable[str], workers: int, per_host: int, host_of: Callable[[str], str]
) -> Iterator[tuple[str, Result]]:
    """Do `work` on every address, and yield each with its result as soon as it is done.

    Args:
        work: called in `workers` threads.
        addresses: all different.
        workers: how many addresses are in hand at a time.
        per_host: how many of these may be of one host.
        host_of: the host that an address burdens; "" for none.

    Raises:
        Exception: what `work` raised first; no further address is begun then.
    """
    addresses = list(addresses)
    queues = HostQueues(addresses, per_host, host_of)
    done: SimpleQueue[tuple[str, Future[Result]]] = SimpleQueue()

    def work_off() -> None:
        while (address := queues.take()) is not None:
            future: Future[Result] = Future()
            try:
                future.set_result(work(address))
            except BaseException as error:
                # Here and not by the reader, who may come to it after everything else was begun.
                queues.close()
                future.set_exception(error)
            queues.finish(address)
            done.put((address, future))

    # Daemons, unlike the threads of an executor, do not hold up Ctrl-C until the slowest server has answered.
    for _ in range(min(workers, len(addresses))):
        threading.Thread(target=work_off, daemon=True).start()
    try:
        for _ in addresses:
            address, future = done.get()
            yield address, future.result()
    finally:
        queues.close()
