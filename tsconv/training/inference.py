"""Probabilities of a batch from a trained network, within bounded memory."""

from collections.abc import Callable, Iterator
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tsconv.training.batches import VALUES_AT_ONCE, Batch, by_length
from tsconv.training.memory import keep_freed_memory
from tsconv.training.precision import Arithmetic
from tsconv.training.threads import map_in_threads

VALUES_A_THREAD = 2**14
"""Time points that a thread computes at once: what lies between layers is to stay in its cache."""

Predictor = Callable[[Tensor, Tensor | None], Tensor]


@runtime_checkable
class Preparable(Protocol):
    """A network that may know of a faster way to predict on a processor."""

    def prepared(self, dtype: torch.dtype) -> Predictor | None:
        """None, or what gives the same logits, from several threads at once."""
        ...


@torch.inference_mode()
def infer_proba(network: nn.Module, data: Batch, arithmetic: Arithmetic) -> NDArray[np.float64]:
    """Softmax of the logits, (N, K), rows summing to one; neither order nor neighbours matter."""
    keep_freed_memory()
    proba = torch.empty(0, 0, dtype=torch.float64)
    for index, logits in _logits(network, data, arithmetic):
        if not len(proba):  # once: results kept batch by batch would scatter over freed memory
            proba = proba.new_empty(len(data), logits.shape[1])
        proba[index] = torch.softmax(logits.double(), dim=1).cpu()
    return proba.numpy()


def _logits(
    network: nn.Module, data: Batch, arithmetic: Arithmetic
) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions of some series and their logits, (n, K), until all were there."""
    prepared = None
    if arithmetic.device.type == "cpu" and isinstance(network, Preparable):
        prepared = network.prepared(arithmetic.dtype)
    if prepared is not None:
        yield from _by_threads(prepared, data)
        return
    for index, each in by_length(data, VALUES_AT_ONCE):
        batch = each.to(arithmetic.device)
        with arithmetic.autocast():
            yield index, network(batch.x, batch.lengths)


def _by_threads(predict: Predictor, data: Batch) -> Iterator[tuple[Tensor, Tensor]]:
    """As :func:`_logits`, every thread with series of its own."""

    @torch.inference_mode()  # which each thread enters by itself
    def of_some(taken: tuple[Tensor, Batch]) -> Tensor:
        return predict(taken[1].x, taken[1].lengths)  # type: ignore[arg-type]

    parts = by_length(data, values_a_thread(data, torch.get_num_threads()))
    for (index, _), logits in map_in_threads(of_some, parts):
        yield index, logits


def values_a_thread(data: Batch, n_threads: int) -> int:
    """Time points for a thread at once, so few that all threads have as many batches to compute."""
    longest = data.x.shape[-1]
    whole = len(data) * longest if data.lengths is None else int(data.lengths.sum())
    n_batches = n_threads * -(-whole // (n_threads * VALUES_A_THREAD))
    return -(-whole // (n_batches * longest)) * longest
