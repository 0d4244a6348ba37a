"""What an inception module makes of its input before the norm, written side by side at once.

The bottleneck and the convolution of maxima read the input together, forward and backward: maxima
of three time points are never written out, nor are the gradients that reach them.
"""

from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.gpu import convolution
from tsconv.layers.gpu.convolution import Kernels, width
from tsconv.layers.kernels import Offsets
from tsconv.layers.layout import as_rows, from_rows

BLOCK = 64
"""Rows of one program."""
ROWS_AT_ONCE = 32
"""Rows of a product in the weights' gradients."""
PROGRAMS = 132, 264
"""About as many sum these where positions are few, and where they are not."""


def branches(
    x: Tensor,
    mask: Tensor | None,
    *,
    bottleneck: Tensor | None,
    pooled: Tensor,
    kernels: Sequence[Tensor],
    offsets: Sequence[Offsets],
) -> Tensor:
    """Convolutions of the bottleneck's result, and one of maxima of three time points, (N, C', L).

    Args:
        x: bfloat16 (N, C, L), zero where the mask is false.
        mask: (N, 1, L) booleans, what counts.
        bottleneck: float32 (B, C, 1), None where kernels see the input.
        pooled: float32 (D, C, 1), of the maxima.
        kernels: float32 (C', B, k) each.
        offsets: of each of them.
    """
    result: Tensor = _Branches.apply(x, mask, tuple(offsets), bottleneck, pooled, *kernels)
    return result


class _Branches(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mask: Tensor | None,
        offsets: tuple[Offsets, ...],
        bottleneck: Tensor | None,
        pooled: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        rows = as_rows(x).contiguous()
        inside = None if mask is None else as_rows(mask).contiguous()
        these = Kernels(weights, offsets, x)
        column = len(weights) * these.C_out  # at which the convolution of maxima begins
        wide = rows.new_empty(len(rows), column + len(pooled))
        narrow = rows if bottleneck is None else rows.new_empty(len(rows), len(bottleneck))
        entrance = _Entrance(rows, inside, x.shape[2], bottleneck, pooled)
        entrance.forward(narrow, wide[:, column:])
        matrix = convolution.pack(weights, these, rows.dtype)
        convolution.forward(narrow, matrix, these, wide)
        ctx.save_for_backward(rows, inside, bottleneck, pooled, narrow, matrix)
        ctx.kernels = these
        return from_rows(wide, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, inside, bottleneck, pooled, narrow, matrix = ctx.saved_tensors
        these, grads = ctx.kernels, as_rows(grad).contiguous()
        entrance = _Entrance(rows, inside, grad.shape[2], bottleneck, pooled)
        late = grads[:, len(these.sizes) * these.C_out :]
        of_kernels = convolution.grad_weights(narrow, grads, these)
        of_x, early = None, None
        if ctx.needs_input_grad[0] or bottleneck is not None:
            early = convolution.grad_input(grads, matrix, these)
        if ctx.needs_input_grad[0]:
            of_x = from_rows(entrance.grad_input(early, late), grad)
        of_entrance = entrance.grad_weights(early, late)
        return of_x, None, None, *of_entrance, *of_kernels


class _Entrance:
    """Two products of matrices: of the input, if there is a bottleneck, and of maxima of three."""

    def __init__(
        self,
        rows: Tensor,
        inside: Tensor | None,
        length: int,
        bottleneck: Tensor | None,
        pooled: Tensor,
    ) -> None:
        self.rows, self.inside, self.length = rows, inside, length
        self.bottleneck, self.pooled = bottleneck, pooled
        self.B = 0 if bottleneck is None else len(bottleneck)
        self.D, self.C = pooled.shape[:2]
        self.few = len(rows) <= convolution.FEW

    def forward(self, narrow: Tensor, late: Tensor) -> None:
        """Into ``narrow`` (positions, B) and ``late`` (positions, D)."""
        _enter[(triton.cdiv(len(self.rows), BLOCK),)](
            *self._given(), narrow, late, late.stride(0), **self._known(), ROWS=BLOCK
        )

    def grad_input(self, early: Tensor | None, late: Tensor) -> Tensor:
        """(positions, C) from the gradients of what :meth:`forward` wrote."""
        result = torch.empty_like(self.rows)
        block = BLOCK // 2 if self.few else BLOCK
        _grad_input[(triton.cdiv(len(self.rows), block),)](
            *self._given(), early, late, late.stride(0), result, **self._known(), ROWS=block
        )
        return result

    def grad_weights(self, early: Tensor | None, late: Tensor) -> tuple[Tensor | None, Tensor]:
        """(B, C, 1) and (D, C, 1), float32, summed in a fixed order."""
        n_steps = triton.cdiv(len(self.rows), ROWS_AT_ONCE * PROGRAMS[not self.few])
        n_parts = triton.cdiv(len(self.rows), ROWS_AT_ONCE * n_steps)
        parts = late.new_empty(n_parts, (self.B + self.D) * self.C, dtype=torch.float32)
        _grad_weights[(n_parts,)](
            *self._given(),
            early,
            late,
            late.stride(0),
            parts,
            n_steps,
            **self._known(),
            ROWS=ROWS_AT_ONCE,
            num_warps=8,
        )
        flat = parts.new_empty(parts.shape[1])
        _sum[(triton.cdiv(len(flat), 32),)](parts, flat, n_parts, len(flat), PARTS=32, BLOCK=32)
        squeezed, pooled = flat.split((self.B * self.C, self.D * self.C))
        of_bottleneck = squeezed.view(self.B, self.C, 1) if self.B else None
        return of_bottleneck, pooled.view(self.D, self.C, 1)

    def _given(self) -> tuple[Any, ...]:
        return (
            self.rows,
            self.inside,
            self.bottleneck,
            self.pooled,
            len(self.rows),
            self.length,
        )

    def _known(self) -> dict[str, int]:
        widths = {"C": self.C, "B": self.B, "D": self.D}
        return widths | {f"{name}_WIDTH": width(each) for name, each in widths.items()}


UNSPECIALISED = ["n_rows", "length", "n_steps", "n_parts"]


@triton.jit
def _exists(inside, row, n_rows, length, away: tl.constexpr):
    """Whether there is a time point so far away that counts."""
    time = row % length + away
    there = (time >= 0) & (time < length) & (row < n_rows)
    if inside is not None:
        there = there & (tl.load(inside + row + away, mask=there, other=0) != 0)
    return there


@triton.jit
def _value(x, inside, row, c, n_rows, length, away: tl.constexpr, C: tl.constexpr):
    """What lies some time points away, minus infinity where the series has none."""
    known = _exists(inside, row, n_rows, length, away)[:, None] & (c < C)[None, :]
    place = (row[:, None] + away) * C + c[None, :]
    return tl.load(x + place, mask=known, other=-float("inf"))


@triton.jit
def _greatest(x, inside, row, c, n_rows, length, C: tl.constexpr):
    """Maxima of three time points, zero where none counts."""
    here = _value(x, inside, row, c, n_rows, length, 0, C)
    most = tl.maximum(here, _value(x, inside, row, c, n_rows, length, -1, C))
    most = tl.maximum(most, _value(x, inside, row, c, n_rows, length, 1, C))
    known = _exists(inside, row, n_rows, length, 0)[:, None] & (c < C)[None, :]
    return tl.where(known, most, 0.0).to(x.dtype.element_ty)


@triton.jit
def _turned(weights, c, d, C: tl.constexpr, D: tl.constexpr, kind: tl.constexpr):
    """(C, D) of weights (D, C)."""
    known = (c < C)[:, None] & (d < D)[None, :]
    return tl.load(weights + d[None, :] * C + c[:, None], mask=known, other=0.0).to(kind)


@triton.jit
def _rows(x, row, c, there, stride, C: tl.constexpr):
    """Some rows as they are, zero where there are none."""
    known = there[:, None] & (c < C)[None, :]
    return tl.load(x + row[:, None] * stride + c[None, :], mask=known, other=0.0)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _enter(
    x,
    inside,
    bottleneck,
    pooled,
    n_rows,
    length,
    narrow,
    late,
    stride,
    C: tl.constexpr,
    B: tl.constexpr,
    D: tl.constexpr,
    C_WIDTH: tl.constexpr,
    B_WIDTH: tl.constexpr,
    D_WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c, d = tl.arange(0, C_WIDTH), tl.arange(0, D_WIDTH)
    kind: tl.constexpr = x.dtype.element_ty
    most = _greatest(x, inside, row, c, n_rows, length, C)
    product = tl.dot(most, _turned(pooled, c, d, C, D, kind))
    known = (row < n_rows)[:, None] & (d < D)[None, :]
    tl.store(late + row[:, None] * stride + d[None, :], product.to(kind), mask=known)
    if B > 0:
        b = tl.arange(0, B_WIDTH)
        product = tl.dot(
            _rows(x, row, c, row < n_rows, C, C), _turned(bottleneck, c, b, C, B, kind)
        )
        known = (row < n_rows)[:, None] & (b < B)[None, :]
        tl.store(narrow + row[:, None] * B + b[None, :], product.to(kind), mask=known)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _grad_input(
    x,
    inside,
    bottleneck,
    pooled,
    n_rows,
    length,
    early,
    late,
    stride,
    result,
    C: tl.constexpr,
    B: tl.constexpr,
    D: tl.constexpr,
    C_WIDTH: tl.constexpr,
    B_WIDTH: tl.constexpr,
    D_WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Of equal values the earliest gets the gradient of their maximum."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c, d = tl.arange(0, C_WIDTH), tl.arange(0, D_WIDTH)
    kind: tl.constexpr = x.dtype.element_ty
    here = _value(x, inside, row, c, n_rows, length, 0, C)
    later = here >= _value(x, inside, row, c, n_rows, length, 1, C)
    earlier = here > _value(x, inside, row, c, n_rows, length, -1, C)
    weights = tl.trans(_turned(pooled, c, d, C, D, kind))
    total = tl.zeros((ROWS, C_WIDTH), tl.float32)
    for away in tl.static_range(-1, 2):
        if away < 0:
            chosen = earlier & (here > _value(x, inside, row, c, n_rows, length, -2, C))
        elif away > 0:
            chosen = later & (here >= _value(x, inside, row, c, n_rows, length, 2, C))
        else:
            chosen = earlier & later
        grads = _rows(late, row + away, d, _exists(inside, row, n_rows, length, away), stride, D)
        total += tl.where(chosen, tl.dot(grads, weights), 0.0)
    total = tl.where(_exists(inside, row, n_rows, length, 0)[:, None], total, 0.0)
    if B > 0:
        b = tl.arange(0, B_WIDTH)
        grads = _rows(early, row, b, row < n_rows, B, B)
        total = tl.dot(grads, tl.trans(_turned(bottleneck, c, b, C, B, kind)), total)
    else:
        total += _rows(early, row, c, row < n_rows, C, C).to(tl.float32)
    known = (row < n_rows)[:, None] & (c < C)[None, :]
    tl.store(result + row[:, None] * C + c[None, :], total.to(kind), mask=known)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _grad_weights(
    x,
    inside,
    bottleneck,
    pooled,
    n_rows,
    length,
    early,
    late,
    stride,
    parts,
    n_steps,
    C: tl.constexpr,
    B: tl.constexpr,
    D: tl.constexpr,
    C_WIDTH: tl.constexpr,
    B_WIDTH: tl.constexpr,
    D_WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """What a part of the rows adds to both matrices, each turned back to (D, C)."""
    part = tl.program_id(0)
    c, d, b = tl.arange(0, C_WIDTH), tl.arange(0, D_WIDTH), tl.arange(0, B_WIDTH)
    of_pooled = tl.zeros((C_WIDTH, D_WIDTH), tl.float32)
    of_bottleneck = tl.zeros((C_WIDTH, B_WIDTH), tl.float32)
    for step in tl.range(0, n_steps):
        row = (part * n_steps + step) * ROWS + tl.arange(0, ROWS)
        there = row < n_rows
        most = _greatest(x, inside, row, c, n_rows, length, C)
        of_pooled = tl.dot(tl.trans(most), _rows(late, row, d, there, stride, D), of_pooled)
        if B > 0:
            values = _rows(x, row, c, there, C, C)
            grads = _rows(early, row, b, there, B, B)
            of_bottleneck = tl.dot(tl.trans(values), grads, of_bottleneck)
    start = parts + part * (B + D) * C
    if B > 0:
        known = (c < C)[:, None] & (b < B)[None, :]
        tl.store(start + b[None, :] * C + c[:, None], of_bottleneck, mask=known)
    known = (c < C)[:, None] & (d < D)[None, :]
    tl.store(start + (B + d)[None, :] * C + c[:, None], of_pooled, mask=known)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _sum(parts, flat, n_parts, size, PARTS: tl.constexpr, BLOCK: tl.constexpr):
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    sums = tl.zeros((PARTS, BLOCK), tl.float32)
    for first in tl.range(0, n_parts, PARTS):
        part = first + tl.arange(0, PARTS)
        known = (part < n_parts)[:, None] & (index < size)[None, :]
        sums += tl.load(parts + part[:, None] * size + index[None, :], mask=known, other=0.0)
    tl.store(flat + index, tl.sum(sums, axis=0), mask=index < size)
