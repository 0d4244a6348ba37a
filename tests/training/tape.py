"""A twin of CUDA graphs on the CPU: PyTorch's operations written down, and done again in place."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

WAITING = ("_local_scalar_dense", "is_nonzero", "nonzero", "equal")


class Tape(TorchDispatchMode):
    """Operations as they were called; a replay does them on the same memory and nothing else.

    What Python computed between them stays as it was, as in a CUDA graph.
    """

    def __init__(self):
        super().__init__()
        self.calls = []
        self.waits = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function.overloadpacket.__name__ in WAITING:
            self.waits.append(str(function))
        result = function(*args, **(kwargs or {}))
        self.calls.append((function, args, kwargs or {}, result))
        return result

    def replay(self):
        with torch.no_grad():
            for function, args, kwargs, result in self.calls:
                again = function(*args, **kwargs)
                write_over(tensors_in(result), tensors_in(again))


def tensors_in(tree):
    return [each for each in tree_flatten(tree)[0] if isinstance(each, torch.Tensor)]


def write_over(places, values):
    """What lies elsewhere is moved to where it lay; views and what changed in place lie there."""
    for place, value in zip(places, values, strict=True):
        if place.numel() and place.data_ptr() != value.data_ptr():
            place.detach().copy_(value)


class TapeRecorder:
    """Records tapes, and counts what it was asked for."""

    def __init__(self, may_record=True):
        self.may_record = may_record
        self.rehearsed = self.recorded = self.replayed = 0
        self.waits = []

    def rehearse(self, work):
        self.rehearsed += 1
        with Tape() as tape:
            work()
        self.waits += tape.waits
        return self.may_record

    def record(self, work):
        """As a CUDA graph, do nothing yet: the tape is written at the first replay."""
        self.recorded += 1
        tape = Tape()

        def first():
            with tape:
                work()

        def replay():
            self.replayed += 1
            if tape.calls:
                tape.replay()
            else:
                first()

        return replay
