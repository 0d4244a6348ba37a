"""A step on a processor recorded once and then replayed, without the cost of beginning it anew.

Of a small step a third goes to Python, to autograd and to taking memory between operations that are
the same each time. A replay makes those operations alone, each told where to put its results, in
memory that is planned once; what Python computed between them stays as it was, as in a CUDA graph.
It gives the bits that the work itself gives.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch._ops import OpOverload
from torch.utils._pytree import tree_map_only

from tsconv.training.arena import Arena, plan
from tsconv.training.memory import give_back_freed_memory
from tsconv.training.tape import Call, Place, Tape, tensors_in

logger = logging.getLogger(__name__)

MOST_COPIED = 2**20
"""Bytes of the result of an operator that cannot be told where to put it."""

aten = torch.ops.aten
COPYING = {aten._to_copy, aten.clone}
"""Operators whose result is what is copied."""
FILLING = {aten.zeros: 0, aten.zeros_like: 0, aten.new_zeros: 0, aten.ones: 1, aten.ones_like: 1}
"""Operators whose result is one value throughout."""


class TapeRecorder:
    """Records tapes, which share their memory since they are replayed one after another."""

    records_passes = False

    def __init__(self) -> None:
        self._arena = Arena()
        self._told: set[str] = set()

    def rehearse(self, work: Callable[[], None]) -> bool:
        """Do ``work``, and look whether it can be replayed."""
        tape = Tape()
        with tape.writing():
            work()
        against = next(_reasons_against(tape), None)
        if against is not None and against not in self._told:
            self._told.add(against)
            logger.info("steps are not replayed, which takes longer: %s", against)
        return against is None

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        """What does ``work`` and writes it down when first called, and replays it from then on."""
        return _Recording(work, self._arena)


class _Recording:
    def __init__(self, work: Callable[[], None], arena: Arena) -> None:
        self._work, self._arena = work, arena
        self._calls: list[Callable[[], Any]] | None = None

    def __call__(self) -> None:
        if self._calls is None:
            tape = Tape()
            with tape.writing():
                self._work()
            self._calls = list(_prepared(tape, self._arena))
            give_back_freed_memory()  # which the work needed as it came
            return
        with torch.no_grad():
            for call in self._calls:
                call()


def _prepared(tape: Tape, arena: Arena) -> Iterator[Callable[[], Any]]:
    """The tape's calls, their tensors where they are planned to lie."""
    starts, n_bytes = plan(tape.buffers)
    memory = arena.of_size(n_bytes)

    @cache
    def tensor(place: Place) -> Tensor:
        offset = starts[place.buffer] // place.dtype.itemsize + place.offset
        return torch.empty(0, dtype=place.dtype).set_(memory, offset, place.size, place.stride)

    for call in tape.calls:
        args, kwargs = tree_map_only(Place, tensor, (call.args, call.kwargs))
        made = [tensor(each) for each in call.made]
        if isinstance(call.function, OpOverload):
            yield _told_where(call.function, args, kwargs, made)
        else:
            yield call.function(*args, **kwargs)


def _told_where(
    function: OpOverload, args: Any, kwargs: Any, made: list[Tensor]
) -> Callable[[], Any]:
    """An operator's call that puts its results into ``made``, if it makes any."""
    if not made:
        return partial(function, *args, **kwargs)
    if function.overloadpacket in COPYING:
        return partial(aten.copy_.default, made[0], args[0])
    if function.overloadpacket in FILLING:
        return partial(aten.fill_.Scalar, made[0], FILLING[function.overloadpacket])
    variant = _with_out(function, len(made))
    if variant is None:
        return partial(_copy_results, partial(function, *args, **kwargs), made)
    taking, names = variant
    return partial(taking, *args, **kwargs, **dict(zip(names, made, strict=True)))


def _copy_results(call: Callable[[], Any], made: Iterable[Tensor]) -> None:
    for place, value in zip(made, tensors_in(call()), strict=True):
        place.copy_(value)


@cache
def _with_out(function: OpOverload, n_results: int) -> tuple[OpOverload, list[str]] | None:
    """The same operator that is told where to put so many results, and by what names."""
    own = [(each.name, str(each.type)) for each in function._schema.arguments]
    for name in function.overloadpacket.overloads():
        other: OpOverload = getattr(function.overloadpacket, name)
        outs = [each.name for each in other._schema.arguments if each.is_out]
        rest = [(each.name, str(each.type)) for each in other._schema.arguments if not each.is_out]
        if outs and len(outs) == n_results and rest == own:
            return other, outs
    return None


def _reasons_against(tape: Tape) -> Iterator[str]:
    """Why the tape cannot be replayed, or not in less time."""
    yield from tape.against
    for call in tape.calls:
        size = sum(tape.buffers[each.buffer].size for each in call.made)
        if size > MOST_COPIED and _is_copied(call):
            yield f"{call.function} puts its result where it likes"


def _is_copied(call: Call) -> bool:
    function = call.function
    return (
        isinstance(function, OpOverload)
        and function.overloadpacket not in {*COPYING, *FILLING}
        and _with_out(function, len(call.made)) is None
    )
