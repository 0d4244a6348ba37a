"""Work on a processor written down, operation by operation, to be done again without Python.

A tape holds what is below autograd: PyTorch's operators and compiled loops as they were called, not
the views between them, and of each tensor that they make where it lies in which memory. The memory
itself is planned later (:mod:`tsconv.training.arena`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from tsconv.layers.cpu import choice
from tsconv.training.arena import Buffer

aten = torch.ops.aten
TAKING = {
    *(aten.empty, aten.empty_like, aten.empty_permuted, aten.empty_strided),
    *(aten.new_empty, aten.new_empty_strided),
}
"""Operators that take memory and do nothing else."""
READING = {Tensor.numpy, Tensor.tolist, Tensor.__array__}
"""Methods by which Python gets at values without an operator."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor lies.

    Attributes:
        buffer: in which memory, by its number.
        offset: elements before its first.
        size: its shape.
        stride: elements from one to the next, by dimension.
        dtype: of its elements.
    """

    buffer: int
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Call:
    """An operation, with places for the tensors that operations of the tape made.

    Attributes:
        function: an operator; of a compiled loop, what prepares it.
        args: of it.
        kwargs: of it.
        made: results in memory of their own; none where it only changes what it is given.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    made: tuple[Place, ...] = ()


class Tape:
    """What was done.

    Attributes:
        calls: all but views, in order.
        buffers: the memory that they made.
        against: why it cannot be done again as it is here; empty if it can.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.buffers: list[Buffer] = []
        self.against: list[str] = []
        self._numbers: dict[StorageWeakRef, int] = {}  # weak: as much memory as without a tape

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Within, on this thread, operations are done and written down."""
        loops, methods = _watching_loops(self._write_loop), _Methods(self.against.append)
        with loops, methods, _Operators(self._write):
            yield

    def _write(self, function: OpOverload, args: Any, kwargs: Any, result: Any) -> None:
        if function.namespace == "profiler":
            return
        given, results = tensors_in((args, kwargs)), tensors_in(result)
        if _waits(function, given):
            self.against.append(f"{function} waits for values")
        storages = {_storage(each) for each in given}
        made = [self._make(each) for each in results if _storage(each) not in storages]
        if made and len(made) < len(results):
            self.against.append(f"{function} gives new results beside what it is given")
        is_view = results and not made and not function._schema.is_mutable
        if not is_view and function.overloadpacket not in TAKING:
            self._append(function, args, kwargs, tuple(made))

    def _write_loop(self, loop: Any, n_blocks: int, arguments: Any, kind: torch.dtype) -> None:
        self._append(loop.prepare, (n_blocks, *arguments), {"kind": kind})

    def _append(
        self, function: Callable[..., Any], args: Any, kwargs: Any, made: tuple[Place, ...] = ()
    ) -> None:
        args, kwargs = tree_map_only(Tensor, self._placed, (args, kwargs))
        for each in made:
            self.buffers[each.buffer].last = len(self.calls)
        self.calls.append(Call(function, args, kwargs, made))

    def _make(self, x: Tensor) -> Place:
        self._numbers[_storage(x)] = len(self.buffers)
        now = len(self.calls)
        self.buffers.append(Buffer(x.untyped_storage().nbytes(), first=now, last=now))
        return _place(len(self.buffers) - 1, x)

    def _placed(self, x: Tensor) -> Place | Tensor:
        """Its place; the tensor itself if nothing on the tape made it."""
        number = self._numbers.get(_storage(x))
        if number is None:
            return x.detach()
        self.buffers[number].last = len(self.calls)
        return _place(number, x)


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within, each operator is told after it was called."""

    def __init__(self, write: Callable[[OpOverload, Any, Any, Any], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._write = write

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        self._write(function, args, kwargs or {}, result)
        return result


class _Methods(TorchFunctionMode):
    """Within, methods that read values are told."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__()
        self._tell = tell

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if function in READING:
            self._tell(f"Tensor.{function.__name__} waits for values")
        return function(*args, **(kwargs or {}))


def _watching_loops(write: Callable[..., None]) -> Any:
    """Within, each compiled loop is told before it is called, where there are any."""
    if choice.reason_against() is not None:
        return nullcontext()
    from tsconv.layers.cpu.compiled import watched

    return watched(write)


def _waits(function: OpOverload, given: list[Tensor]) -> bool:
    """Whether Python knows the result, or its shape, only by values."""
    if function.overloadpacket is aten.index:  # by booleans it depends on how many are true
        return any(each.dtype in (torch.bool, torch.uint8) for each in given[1:])
    if function.overloadpacket is aten._pack_padded_sequence:
        return True
    depending = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
    return not depending.isdisjoint(function.tags)


def _place(buffer: int, x: Tensor) -> Place:
    return Place(buffer, int(x.storage_offset()), tuple(x.shape), x.stride(), x.dtype)


def _storage(x: Tensor) -> StorageWeakRef:
    return StorageWeakRef(x.untyped_storage())  # type: ignore[no-untyped-call]


def tensors_in(tree: Any) -> list[Tensor]:
    """All tensors of nested lists, tuples and dictionaries, in order."""
    return [each for each in tree_leaves(tree) if isinstance(each, Tensor)]
