"""Several threads that compute a batch together, each its share, as processes do elsewhere."""

import threading
from concurrent.futures import ThreadPoolExecutor

import torch

from tsconv.layers.sharing import Share, sharing


def share_out(compute, n_instances, n_threads):
    """What ``compute(rows)`` gives in each thread, within its share of a batch.

    Args:
        compute: a function of the slice of series that a thread has.
        n_instances: of the batch; fewer than threads and each has all of them.
        n_threads: how many.
    """
    barrier, given = threading.Barrier(n_threads), [None] * n_threads

    def run(rank):
        def gather(tensor):
            given[rank] = tensor
            barrier.wait()
            stacked = torch.stack(given)
            barrier.wait()
            return stacked

        too_few = n_instances < n_threads
        first = 0 if too_few else n_instances * rank // n_threads
        end = n_instances if too_few else n_instances * (rank + 1) // n_threads
        share = Share(n_instances, first, copies=n_threads if too_few else 1, gather=gather)
        with sharing(share):
            return compute(slice(first, end))

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(run, range(n_threads)))
