"""Many small computations on a processor, each by one thread instead of all threads on each.

Threads that share out every operation wait for each other some thousand times a second, and for
whatever else the machine does; threads with work of their own wait for nobody, and what each
computes on stays in its own cache. The thread that hands out the work has no helpers meanwhile:
one that has shared an operation with it goes on waiting for the next, on a core that others need.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

WAITING = 2
"""Items for each thread that are taken ahead, which bounds memory."""


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[tuple[Item, Result]]:
    """Each item and what ``function`` makes of it, in order, on as many threads as PyTorch has."""
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        for item in items:
            yield item, function(item)
        return
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(
            n_threads, initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            for item in items:
                waiting.append((item, pool.submit(function, item)))
                if len(waiting) == WAITING * n_threads:
                    first, future = waiting.popleft()
                    yield first, future.result()
            for first, future in waiting:
                yield first, future.result()
    finally:
        torch.set_num_threads(n_threads)
