"""Convolutions of one input side by side, as products of what each position sees with the kernels.

What a position sees is never written out: time points lie one after the other, so a kernel reads
them where they are, with zeros beyond both ends of a series. The backward pass is the same with the
taps mirrored; the weights' gradients are summed over parts of the rows, then over the parts, in
one order, so that they are the same at each run.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.kernels import Offsets
from tsconv.layers.layout import as_rows, from_rows

FEW_ROWS = 2**14
"""Up to so many, smaller blocks keep more of the device busy."""
ROWS_AT_ONCE = 32
"""Rows of a product in the weights' gradients."""
PROGRAMS = 512
"""About as many sum the weights' gradients."""
MOST_PARTS = 128


def convolve(x: Tensor, weights: Sequence[Tensor], offsets: Sequence[Offsets]) -> Tensor:
    """As :func:`tsconv.layers.convolution.convolve`, in x's type, sums in float32.

    Args:
        x: (N, C, L), any memory order, bfloat16 on a GPU.
        weights: float32 (C', C, k) each, C' alike.
        offsets: of each kernel; from tap to tap all go as far.

    Returns:
        (N, sum of the C', L).
    """
    result: Tensor = _Convolve.apply(x, tuple(offsets), *weights)
    return result


def alike(weights: Sequence[Tensor], offsets: Sequence[Offsets]) -> bool:
    """Whether kernels can be computed side by side: as many channels each, taps as far apart."""
    steps = {each[1] - each[0] for each in offsets if len(each) > 1}
    return len(steps) <= 1 and len({each.shape[:2] for each in weights}) == 1


class _Shape:
    """What the compiled kernels depend on."""

    def __init__(self, weights: Sequence[Tensor], offsets: Sequence[Offsets]) -> None:
        self.taps = tuple(len(each) for each in offsets)
        self.firsts = tuple(each[0] for each in offsets)
        self.step = next((each[1] - each[0] for each in offsets if len(each) > 1), 1)
        self.C_out, self.C_in = weights[0].shape[:2]
        self.n_rows = sum(self.taps) * self.C_in  # of the packed weights

    def known(self) -> dict[str, Any]:
        """Arguments that every kernel takes."""
        taps, firsts = self.taps, self.firsts
        return {"TAPS": taps, "FIRSTS": firsts, "STEP": self.step, "C": self.C_in, "D": self.C_out}

    def depth(self, most: int) -> int:
        """Terms that one product of blocks adds up, of all that a position sees."""
        return min(most, _width(max(self.taps) * self.C_in))

    @property
    def is_product(self) -> bool:
        """Whether there is one kernel of one tap, whose weights are the matrix as they are."""
        return self.taps == (1,)

    def strides(self) -> dict[str, int]:
        """How far the matrix's rows and columns are apart."""
        if self.is_product:
            return {"ROW": 1, "COLUMN": self.C_in}
        return {"ROW": self.C_out, "COLUMN": 1}


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, offsets: tuple[Offsets, ...], *weights: Tensor) -> Tensor:
        shape, length = _Shape(weights, offsets), x.shape[2]
        rows = as_rows(x)
        matrix = weights[0].detach() if shape.is_product else _pack(weights, shape, rows.dtype)
        y = rows.new_empty(len(rows), len(weights) * shape.C_out)
        block = 64 if len(rows) <= FEW_ROWS else 128
        _forward[(triton.cdiv(len(rows), block), len(weights))](
            rows,
            matrix,
            y,
            len(rows),
            length,
            rows.stride(0),
            y.stride(0),
            **shape.known(),
            **shape.strides(),
            ROWS=block,
            WIDTH=_width(shape.C_out),
            DEPTH=shape.depth(64),
            num_stages=3,
        )
        ctx.save_for_backward(rows, matrix)
        ctx.shape, ctx.x = shape, x.shape
        return from_rows(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (rows, matrix), shape = ctx.saved_tensors, ctx.shape
        n, _, length = ctx.x
        grads = as_rows(grad)
        grads = grads if grads.stride(1) == 1 else grads.contiguous()
        grad_x = None
        if ctx.needs_input_grad[0]:
            own = _grad_input(grads, matrix, shape, length)
            grad_x = own.view(n, length, -1).transpose(1, 2)
        return grad_x, None, *_grad_weights(rows, grads, shape, length)


def _pack(weights: Sequence[Tensor], shape: _Shape, dtype: torch.dtype) -> Tensor:
    """All kernels, a row for each tap and input channel, (rows, C')."""
    packed = weights[0].new_empty(shape.n_rows, shape.C_out, dtype=dtype)
    most = max(shape.taps) * shape.C_in * shape.C_out
    _pack_kernel[(triton.cdiv(most, 1024), len(weights))](
        tuple(each.detach() for each in weights), packed, **shape.known(), BLOCK=1024
    )
    return packed


def _grad_input(grads: Tensor, matrix: Tensor, shape: _Shape, length: int) -> Tensor:
    result = grads.new_empty(len(grads), shape.C_in)
    wide = max(shape.C_in, shape.C_out) > 64
    many = len(grads) > FEW_ROWS and not wide
    block = 128 if many else 64
    _backward[(triton.cdiv(len(grads), block),)](
        grads,
        matrix,
        result,
        len(grads),
        length,
        grads.stride(0),
        **shape.known(),
        **shape.strides(),
        ROWS=block,
        WIDTH=_width(shape.C_in),
        DEPTH=_width(shape.C_out),
        num_stages=2 if wide else 3 if many else 4,  # in 99 KB, which most GPUs have
        num_warps=8 if many else 4,
    )
    return result


def _grad_weights(rows: Tensor, grads: Tensor, shape: _Shape, length: int) -> list[Tensor]:
    """(C', C, k) each, float32; summed in a fixed order."""
    depth = shape.depth(64 if shape.is_product else 128)
    blocks = sum(triton.cdiv(taps * shape.C_in, depth) for taps in shape.taps)
    wanted = min(MOST_PARTS, max(8, PROGRAMS // blocks))
    n_steps = triton.cdiv(len(rows), ROWS_AT_ONCE * wanted)
    n_parts = triton.cdiv(len(rows), ROWS_AT_ONCE * n_steps)
    parts = rows.new_empty(n_parts, shape.n_rows, shape.C_out, dtype=torch.float32)
    _products[(blocks, n_parts)](
        rows,
        grads,
        parts,
        len(rows),
        length,
        rows.stride(0),
        grads.stride(0),
        n_steps,
        **shape.known(),
        ROWS=ROWS_AT_ONCE,
        DEPTH=depth,
        WIDTH=_width(shape.C_out),
        num_stages=4,
    )
    sizes = [taps * shape.C_in * shape.C_out for taps in shape.taps]
    flat = parts.new_empty(sum(sizes))
    _sum_parts[(triton.cdiv(max(sizes), 128), len(sizes))](
        parts, flat, n_parts, **shape.known(), PARTS=8, BLOCK=128
    )
    each = zip(flat.split(sizes), shape.taps, strict=True)
    return [part.view(shape.C_out, shape.C_in, taps) for part, taps in each]


def _width(channels: int) -> int:
    """Columns of a block that holds all channels; a matrix unit takes no fewer than 16."""
    return max(16, int(triton.next_power_of_2(channels)))


UNSPECIALISED = ["n_rows", "length", "n_steps", "n_parts"]  # else compiled for multiples of 16


@triton.jit
def _start(TAPS: tl.constexpr, C: tl.constexpr, BRANCH: tl.constexpr):
    """The packed weights' row at which a kernel begins."""
    start = 0
    for before in tl.static_range(BRANCH):
        start += TAPS[before] * C
    return start


@triton.jit
def _pack_kernel(
    weights,
    packed,
    TAPS: tl.constexpr,
    FIRSTS: tl.constexpr,
    STEP: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, d = index // D, index % D
    for branch in tl.static_range(len(TAPS)):
        if tl.program_id(1) == branch:
            inside = row < TAPS[branch] * C
            place = (d * C + row % C) * TAPS[branch] + row // C
            values = tl.load(weights[branch] + place, mask=inside)
            start = _start(TAPS, C, branch) * D
            tl.store(packed + start + index, values.to(packed.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _forward(
    x,
    matrix,
    y,
    n_rows,
    length,
    x_stride,
    y_stride,
    TAPS: tl.constexpr,
    FIRSTS: tl.constexpr,
    STEP: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    ROW: tl.constexpr,
    COLUMN: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    time = row % length
    d = tl.arange(0, WIDTH)
    for branch in tl.static_range(len(TAPS)):
        if tl.program_id(1) == branch:
            sums = tl.zeros((ROWS, WIDTH), tl.float32)
            start = _start(TAPS, C, branch)
            for k in tl.range(0, TAPS[branch] * C, DEPTH):
                depth = k + tl.arange(0, DEPTH)
                offset = FIRSTS[branch] + depth // C * STEP
                seen = time[:, None] + offset[None, :]
                inside = (seen >= 0) & (seen < length) & (row < n_rows)[:, None]
                inside = inside & (depth < TAPS[branch] * C)[None, :]
                place = (row[:, None] + offset[None, :]) * x_stride + (depth % C)[None, :]
                values = tl.load(x + place, mask=inside, other=0.0)
                known = (depth < TAPS[branch] * C)[:, None] & (d < D)[None, :]
                place = (start + depth)[:, None] * ROW + d[None, :] * COLUMN
                weights = tl.load(matrix + place, mask=known, other=0.0)
                sums = tl.dot(values, weights.to(values.dtype), sums)
            place = row[:, None] * y_stride + (branch * D + d)[None, :]
            inside = (row < n_rows)[:, None] & (d < D)[None, :]
            tl.store(y + place, sums.to(y.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _backward(
    grads,
    matrix,
    result,
    n_rows,
    length,
    stride,
    TAPS: tl.constexpr,
    FIRSTS: tl.constexpr,
    STEP: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    ROW: tl.constexpr,
    COLUMN: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    time = row % length
    c, d = tl.arange(0, WIDTH), tl.arange(0, DEPTH)
    known = (d < D)[:, None] & (c < C)[None, :]
    sums = tl.zeros((ROWS, WIDTH), tl.float32)
    for branch in tl.static_range(len(TAPS)):
        start = _start(TAPS, C, branch)
        for tap in tl.range(0, TAPS[branch]):
            offset = FIRSTS[branch] + tap * STEP
            seen = time - offset
            inside = (seen >= 0) & (seen < length) & (row < n_rows)
            place = (row - offset)[:, None] * stride + (branch * D + d)[None, :]
            inside = inside[:, None] & (d < D)[None, :]
            values = tl.load(grads + place, mask=inside, other=0.0)
            place = (start + tap * C + c)[None, :] * ROW + d[:, None] * COLUMN
            weights = tl.load(matrix + place, mask=known, other=0.0)
            sums = tl.dot(values, weights.to(values.dtype), sums)
    inside = (row < n_rows)[:, None] & (c < C)[None, :]
    tl.store(result + row[:, None] * C + c[None, :], sums.to(result.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _products(
    x,
    grads,
    parts,
    n_rows,
    length,
    x_stride,
    grad_stride,
    n_steps,
    TAPS: tl.constexpr,
    FIRSTS: tl.constexpr,
    STEP: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDTH: tl.constexpr,
):
    block, part = tl.program_id(0), tl.program_id(1)
    d = tl.arange(0, WIDTH)
    first_block = 0
    all_rows = _start(TAPS, C, len(TAPS))
    for branch in tl.static_range(len(TAPS)):
        end_block = first_block + (TAPS[branch] * C + DEPTH - 1) // DEPTH
        if (block >= first_block) & (block < end_block):
            depth = (block - first_block) * DEPTH + tl.arange(0, DEPTH)
            offset = FIRSTS[branch] + depth // C * STEP
            sums = tl.zeros((DEPTH, WIDTH), tl.float32)
            for step in tl.range(0, n_steps):
                row = (part * n_steps + step) * ROWS + tl.arange(0, ROWS)
                seen = (row % length)[None, :] + offset[:, None]
                inside = (seen >= 0) & (seen < length) & (row < n_rows)[None, :]
                inside = inside & (depth < TAPS[branch] * C)[:, None]
                place = (row[None, :] + offset[:, None]) * x_stride + (depth % C)[:, None]
                values = tl.load(x + place, mask=inside, other=0.0)
                place = row[:, None] * grad_stride + (branch * D + d)[None, :]
                inside = (row < n_rows)[:, None] & (d < D)[None, :]
                sums = tl.dot(values, tl.load(grads + place, mask=inside, other=0.0), sums)
            start = part * all_rows + _start(TAPS, C, branch)
            place = (start + depth)[:, None] * D + d[None, :]
            known = (depth < TAPS[branch] * C)[:, None] & (d < D)[None, :]
            tl.store(parts + place, sums, mask=known)
        first_block = end_block


@triton.jit(do_not_specialize=UNSPECIALISED)
def _sum_parts(
    parts,
    flat,
    n_parts,
    TAPS: tl.constexpr,
    FIRSTS: tl.constexpr,
    STEP: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, d = index // D, index % D
    size = _start(TAPS, C, len(TAPS)) * D
    for branch in tl.static_range(len(TAPS)):
        if tl.program_id(1) == branch:
            start = _start(TAPS, C, branch) * D
            inside = row < TAPS[branch] * C
            sums = tl.zeros((PARTS, BLOCK), tl.float32)
            for first in tl.range(0, n_parts, PARTS):
                part = first + tl.arange(0, PARTS)
                place = part[:, None] * size + (start + index)[None, :]
                known = (part < n_parts)[:, None] & inside[None, :]
                sums += tl.load(parts + place, mask=known, other=0.0)
            own = (d * C + row % C) * TAPS[branch] + row // C
            tl.store(flat + start + own, tl.sum(sums, axis=0), mask=inside)
