"""Work recorded once and then replayed, on a GPU as a CUDA graph, without the cost of launching it.

A step of a small network is some hundred kernels of a few microseconds each: launched one by one
from Python they take several times as long as they compute. A graph launches them as one. What it
replays is fixed, addresses and numbers alike, so recorded work reads its inputs from tensors that
stay where they are, leaves its results in such tensors, and never waits for the device.

What a processor records is in :mod:`tsconv.training.replay`.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from tsconv.errors import TrainingError

logger = logging.getLogger(__name__)

Work = Callable[[], None]

WARM_UP = 3
"""Calls that are computed as they come, so that libraries choose their ways and take memory."""


class Recorder(Protocol):
    """Makes work that is done again and again cheap to start.

    Attributes:
        records_passes: whether it is to record a whole pass over a part, which nothing can pause.
    """

    records_passes: bool

    def rehearse(self, work: Work) -> bool:
        """Do ``work``, and tell whether it may be recorded."""
        ...

    def record(self, work: Work) -> Work:
        """What does ``work`` again at each call, on the same memory; it is not done yet."""
        ...


class Replayed:
    """A function of tensors whose later calls replay a recording, one for each set of shapes.

    The first calls are computed as they come and count like any other. Without a recorder, all are.

    Args:
        function: gives nothing; what it changes lies where it lay at the first call.
        recorder: None where nothing is gained by one.
    """

    def __init__(self, function: Callable[..., None], recorder: Recorder | None) -> None:
        self.function = function
        self.recorder = recorder
        self._calls: dict[tuple[torch.Size, ...], int] = {}
        self._recordings: dict[tuple[torch.Size, ...], tuple[list[Tensor], Work]] = {}

    def __call__(self, *inputs: Tensor) -> None:
        if self.recorder is None:
            self.function(*inputs)
            return
        shapes = tuple(each.shape for each in inputs)
        calls = self._calls[shapes] = self._calls.get(shapes, 0) + 1
        if calls < WARM_UP:
            self.function(*inputs)
        elif calls == WARM_UP:
            if not self.recorder.rehearse(partial(self.function, *inputs)):
                self.recorder = None
        else:
            self._replay(self.recorder, shapes, inputs)

    def _replay(
        self, recorder: Recorder, shapes: tuple[torch.Size, ...], inputs: tuple[Tensor, ...]
    ) -> None:
        if shapes not in self._recordings:
            places = [each.clone() for each in inputs]
            self._recordings[shapes] = places, recorder.record(partial(self.function, *places))
        places, replay = self._recordings[shapes]
        for place, each in zip(places, inputs, strict=True):
            place.copy_(each)
        replay()


class CudaRecorder:
    """Records CUDA graphs, on a stream that is not the default one.

    Graphs recorded on one stream run one after another and hand no tensors to each other, so they
    share their memory.
    """

    records_passes = True

    def __init__(self) -> None:
        self._pools: dict[torch.cuda.Stream, Any] = {}
        self._told: set[str] = set()

    def rehearse(self, work: Work) -> bool:
        """Do ``work`` and look whether it waits for the device, which no graph can hold.

        A recording that fails leaves the device unfit for more, so this is found out before.
        """
        before = torch.cuda.get_sync_debug_mode()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                work()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        waits = [each for each in caught if "synchronizing CUDA" in str(each.message)]
        if not waits:
            return True
        where = f"{waits[0].filename}:{waits[0].lineno} waits for the device"
        if where not in self._told:
            self._told.add(where)
            logger.info("steps are not replayed, which takes longer: %s", where)
        return False

    def record(self, work: Work) -> Work:
        """A CUDA graph of ``work``.

        Raises:
            TrainingError: the work does what no graph can hold.
        """
        stream = torch.cuda.current_stream()
        pool = self._pools.setdefault(stream, torch.cuda.graph_pool_handle())
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=pool, stream=stream):
                work()
        except RuntimeError as error:
            raise TrainingError(
                f"a training step cannot be recorded as a CUDA graph ({error}); "
                "--set training.fused=false trains without graphs"
            ) from error
        return graph.replay


class Lane:
    """Work that goes on beside other work: a stream of its own on a GPU, nothing elsewhere.

    It begins after what the device was given so far.
    """

    def __init__(self, device: torch.device) -> None:
        self.stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
            self.stream.wait_stream(torch.cuda.current_stream(device))

    def entered(self) -> AbstractContextManager[object]:
        """Within, the device is given this lane's work."""
        return nullcontext() if self.stream is None else _given_to(self.stream)

    def join(self) -> None:
        """Let what the device is given from now on come after this lane's work."""
        if self.stream is not None:
            torch.cuda.current_stream(self.stream.device).wait_stream(self.stream)


@contextmanager
def _given_to(stream: torch.cuda.Stream) -> Iterator[None]:
    """As ``torch.cuda.stream``, which looks each time whether there is a device, for .1 ms."""
    before = torch.cuda.current_stream(stream.device)
    torch.cuda.set_stream(stream)
    try:
        yield
    finally:
        torch.cuda.set_stream(before)
