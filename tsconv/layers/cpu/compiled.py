"""Functions over the memory of tensors, compiled by Numba, on the threads that PyTorch has.

Such a function takes a pointer to its packed arguments, of which the first three are how its blocks
are shared out (:func:`own_blocks`); those it is called with follow. An argument is a pointer to the
type of tensor that the function is compiled for, float32 or bfloat16 as the integers it is stored
as; :func:`floats`, :func:`flags` and :func:`integers` tell what is something else. :func:`load` and
:func:`store` read and write any of them as float32. They exist in compiled functions alone.
"""

import ctypes
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import platformdirs
import torch
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor

STORED = {torch.bfloat16: types.uint16, torch.float32: types.float32}
FIRST = ("blocks", "which thread this is", "of how many")  # of the packed arguments
ZERO, ONE, LEAST = np.float32(0), np.float32(1), np.float32(-np.inf)
FAST = {"contract", "nsz", "reassoc"}  # sums in any order; what is not a number stays so
_ONE_AT_A_TIME = threading.Lock()
BYTE, INT16, INT32, INT64 = (ir.IntType(bits) for bits in (8, 16, 32, 64))


Watch = Callable[["compiled", int, tuple[Tensor | int | None, ...], torch.dtype], None]
"""Is told a loop and what it is called with."""
_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


class compiled:  # noqa: N801
    """Decorator: a function that is compiled for each type of tensor when first called with one.

    Numba keeps what it compiled on disk; :func:`kept_in` tells where.
    """

    def __init__(self, function: Callable[[Any], None]) -> None:
        self.function = function
        self._of_kind = cache(self._compile)

    def __call__(self, n_blocks: int, *arguments: Tensor | int | None, kind: torch.dtype) -> None:
        """Compute all blocks; each thread has a run of them, as long as the others'.

        Args:
            n_blocks: how many.
            arguments: tensors, contiguous or with their strides among the others; None: no tensor.
            kind: the type that the function is compiled for.
        """
        if (watch := _WATCH.get()) is not None:
            watch(self, n_blocks, arguments, kind)
        self.prepare(n_blocks, *arguments, kind=kind)()

    def prepare(
        self, n_blocks: int, *arguments: Tensor | int | None, kind: torch.dtype
    ) -> Callable[[], None]:
        """The same call, to be made again and again on the same memory, which it holds."""
        run, *which_of_how_many = _threads()
        n_threads = min(torch.get_num_threads(), n_blocks)
        places = [each.data_ptr() if isinstance(each, Tensor) else each or 0 for each in arguments]
        size = len(places) + len(FIRST)
        packed: Any = (ctypes.c_int64 * size)(n_blocks, *which_of_how_many, *places)
        packed.tensors = arguments  # or their memory might go
        address, alone = self._of_kind(kind)
        if n_threads > 1:
            return partial(run, address, packed, n_threads, 0)
        return partial(alone, packed)

    def _compile(self, kind: torch.dtype) -> tuple[int, Any]:
        signature = types.void(types.CPointer(types.CPointer(STORED[kind])))
        compile_: Any = partial(numba.cfunc, signature, fastmath=FAST, error_model="numpy")
        with _ONE_AT_A_TIME:
            try:
                with _kept_in(kept_in(kind)):
                    made = compile_(cache=True)(self.function)
            except (OSError, RuntimeError):  # no folder to keep it in, or a full disk
                made = compile_()(self.function)
        return made.address, ctypes.CFUNCTYPE(None, ctypes.c_void_p)(made.address)


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Within, on this thread, each call is told before it is made."""
    before = _WATCH.set(watch)
    try:
        yield
    finally:
        _WATCH.reset(before)


def kept_in(kind: torch.dtype) -> Path:
    """A folder for what is compiled for a type, by this file as it is, for this processor.

    Numba looks for changes in the file of a function, not in those that the function calls; and of
    several processes that begin at once, each is to write the same.
    """
    asked = getattr(numba.config, "CACHE_DIR", "")
    beside, users = Path(__file__).parent / "__pycache__", platformdirs.user_cache_path("tsconv")
    base = Path(asked) if asked else beside if os.access(beside.parent, os.W_OK) else users
    processor = binding.get_host_cpu_name() + binding.get_host_cpu_features().flatten()
    version = hashlib.sha256(Path(__file__).read_bytes() + processor.encode()).hexdigest()
    return base / f"{str(kind).removeprefix('torch.')}-{version[:12]}"


@contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Within, Numba keeps what it compiles there; one thread at a time may say so."""
    settings: Any = numba.config
    before, settings.CACHE_DIR = settings.CACHE_DIR, str(folder)
    try:
        yield
    finally:
        settings.CACHE_DIR = before


@cache
def _threads() -> tuple[Any, Any, Any]:
    """What calls a function on several threads; places of what tells each which it is, of how many.

    Those may be fewer than were asked for, by OMP_THREAD_LIMIT or within another such call.
    """
    (library,) = (Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*")
    loaded = ctypes.CDLL(str(library))  # whose own libraries are searched too
    run = loaded.GOMP_parallel  # of a function, its argument, the number of threads, flags
    run.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    run.restype = None
    told = (loaded.omp_get_thread_num, loaded.omp_get_num_threads)
    which, of_how_many = (ctypes.cast(each, ctypes.c_void_p).value for each in told)
    return run, which, of_how_many


@intrinsic
def own_blocks(context: Any, packed: Any) -> Any:
    """The blocks of this thread: the first, and the one after its last."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        n_blocks, *asked = (
            builder.load(builder.gep(args[0], [ir.Constant(INT32, k)])) for k in range(len(FIRST))
        )
        n_blocks, function = builder.ptrtoint(n_blocks, INT64), ir.FunctionType(INT32, [])
        thread, n_threads = (
            builder.zext(builder.call(builder.bitcast(each, function.as_pointer()), []), INT64)
            for each in asked
        )
        ends = [
            builder.udiv(builder.mul(each, n_blocks), n_threads)
            for each in (thread, builder.add(thread, ir.Constant(INT64, 1)))
        ]
        return context.make_tuple(builder, signature.return_type, ends)

    return types.UniTuple(types.int64, 2)(packed), generate


def _pointer_to(kind: Any, stored: Any, doc: str) -> Any:
    """An intrinsic that takes a pointer for one to something else."""

    def cast(context: Any, pointer: Any) -> Any:
        def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.bitcast(args[0], stored.as_pointer())

        return types.CPointer(kind)(pointer), generate

    cast.__doc__ = doc
    return intrinsic(cast)


integers = _pointer_to(types.int64, INT64, "The packed arguments as integers, zero for no tensor.")
floats = _pointer_to(types.float32, ir.FloatType(), "An argument of float32.")
flags = _pointer_to(types.uint8, BYTE, "An argument of booleans.")


@intrinsic
def load(context: Any, pointer: Any, place: Any) -> Any:
    """A value, as float32."""

    def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
        value = builder.load(builder.gep(args[0], [args[1]], inbounds=True))
        if signature.args[0].dtype == types.float32:
            return value
        bits = builder.shl(builder.zext(value, INT32), ir.Constant(INT32, 16))
        return builder.bitcast(bits, ir.FloatType())

    return types.float32(pointer, types.int64), generate


@intrinsic
def store(context: Any, pointer: Any, place: Any, value: Any) -> Any:
    """Write a float32, rounded to the nearest bfloat16, of two the even one."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        value, place = args[2], builder.gep(args[0], [args[1]], inbounds=True)
        if signature.args[0].dtype != types.float32:
            bits = builder.bitcast(value, INT32)
            odd = builder.and_(builder.lshr(bits, ir.Constant(INT32, 16)), ir.Constant(INT32, 1))
            rounded = builder.add(bits, builder.add(odd, ir.Constant(INT32, 0x7FFF)))
            value = builder.trunc(builder.lshr(rounded, ir.Constant(INT32, 16)), INT16)
        builder.store(value, place)
        return context.get_dummy_value()

    return types.void(pointer, types.int64, types.float32), generate


@intrinsic
def greater(context: Any, a: Any, b: Any) -> Any:
    """The greater of two float32, ``a`` if either is not a number."""

    def generate(_: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[1], args[0])

    return types.float32(types.float32, types.float32), generate


@compiled
def _double(packed):
    x, n = packed[3], integers(packed)[4]
    start, end = own_blocks(packed)
    for place in range(start, min(n, end)):
        store(x, place, load(x, place) + load(x, place))


def try_out() -> None:
    """Compile and run one loop.

    Raises:
        RuntimeError: its result is wrong; or what compiling it raises.
    """
    x = torch.arange(64.0, dtype=torch.float32, device="cpu")
    _double(len(x), x, len(x), kind=x.dtype)
    if not torch.equal(x, 2 * torch.arange(64.0, dtype=torch.float32, device="cpu")):
        raise RuntimeError("a loop gave a wrong result")
