"""Batch normalisation in training with the ReLU after it, three kernels each way.

Rows are taken in blocks. Each gives sums of its values and of their squares, which are joined in
one order, so that each run gives the same. Values are taken from the running mean: what their sums
lose to cancellation is less than what bfloat16 lost before.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.layout import as_rows, from_rows
from tsconv.layers.running import Running

ROWS = 32
MOST_BLOCKS = 512
AT_ONCE = {"BLOCKS": 128, "COLUMNS": 4}
"""Blocks and channels that one program joins at a time."""


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    running: Running,
    mask: Tensor | None = None,
    *,
    rectify: bool = False,
) -> Tensor:
    """Normalise by the batch's statistics, or by the running ones where there is but one value.

    Args:
        x: bfloat16 (N, C, L).
        weight: float32 (C,), the scale.
        bias: float32 (C,), the shift.
        running: statistics to update.
        mask: (N, 1, L) booleans, what counts; elsewhere the result is zero.
        rectify: whether negative results become zero.

    Returns:
        (N, C, L) in x's type.
    """
    result: Tensor = _BatchNorm.apply(x, weight, bias, running, mask, rectify)
    return result


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        running: Running,
        mask: Tensor | None,
        rectify: bool,
    ) -> Tensor:
        rows = as_rows(x).contiguous()
        inside = None if mask is None else as_rows(mask).contiguous()
        cut = _Cut(rows)
        parts = rows.new_empty(3, cut.n_blocks, cut.C, dtype=torch.float32)
        _measure[(cut.n_blocks,)](rows, inside, running.mean, parts, len(rows), **cut.blocks())
        used = rows.new_empty(3, cut.C, dtype=torch.float32)  # mean, 1 / deviation, 1 / count
        _join[cut.columns](
            parts,
            used,
            running.mean,
            running.var,
            cut.n_blocks,
            running.momentum,
            running.eps,
            C=cut.C,
            **AT_ONCE,
        )
        y = torch.empty_like(rows)
        _apply[(triton.cdiv(len(rows), 2 * ROWS),)](
            rows, inside, y, used, weight, bias, len(rows), rectify, **cut.tile(2 * ROWS)
        )
        ctx.save_for_backward(rows, inside, used, weight, bias)
        ctx.rectify = rectify
        return from_rows(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, inside, used, weight, bias = ctx.saved_tensors
        grads, cut = as_rows(grad).contiguous(), _Cut(rows)
        parts = rows.new_empty(2, cut.n_blocks, cut.C, dtype=torch.float32)
        known = (rows, inside, grads, used, weight, bias)
        _measure_grads[(cut.n_blocks,)](*known, parts, len(rows), ctx.rectify, **cut.blocks())
        sums = rows.new_empty(2, cut.C, dtype=torch.float32)  # of the shift, of the scale
        _join_grads[cut.columns](parts, sums, cut.n_blocks, C=cut.C, **AT_ONCE)
        result = torch.empty_like(rows)
        _apply_grads[(triton.cdiv(len(rows), 2 * ROWS),)](
            *known, sums, result, len(rows), ctx.rectify, **cut.tile(2 * ROWS), num_warps=8
        )
        return from_rows(result, grad), sums[1], sums[0], None, None, None


class _Cut:
    """How rows are cut into blocks, at most MOST_BLOCKS of them."""

    def __init__(self, rows: Tensor) -> None:
        n_tiles = triton.cdiv(len(rows), ROWS)
        self.C = rows.shape[1]
        self.n_tiles = triton.cdiv(n_tiles, MOST_BLOCKS)  # of a block
        self.n_blocks = triton.cdiv(n_tiles, self.n_tiles)
        self.columns = (triton.cdiv(self.C, AT_ONCE["COLUMNS"]),)

    def tile(self, rows: int) -> dict[str, int]:
        """Arguments of kernels that take so many rows each."""
        return {"C": self.C, "WIDTH": triton.next_power_of_2(self.C), "ROWS": rows}

    def blocks(self) -> dict[str, int]:
        """Arguments of kernels that take a block of ``n_tiles`` times ROWS rows each."""
        return {**self.tile(ROWS), "n_tiles": self.n_tiles, "n_blocks": self.n_blocks}


UNSPECIALISED = [
    "n_rows",
    "n_tiles",
    "n_blocks",
    "momentum",
    "eps",
]  # else compiled anew for multiples of 16


@triton.jit
def _load(x, row, c, inside, n_rows, C: tl.constexpr):
    """Values of some rows and channels, zero where none counts, and whether they count."""
    counts = row < n_rows
    if inside is not None:
        counts = counts & (tl.load(inside + row, mask=counts, other=0) != 0)
    known = counts[:, None] & (c < C)[None, :]
    place = row[:, None] * C + c[None, :]
    return tl.load(x + place, mask=known, other=0.0).to(tl.float32), counts


@triton.jit(do_not_specialize=UNSPECIALISED)
def _measure(
    x,
    inside,
    running_mean,
    parts,
    n_rows,
    n_tiles,
    n_blocks,
    C: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """Count, sum and sum of squares of a block of rows, from the running mean."""
    block = tl.program_id(0)
    c = tl.arange(0, WIDTH)
    origin = tl.load(running_mean + c, mask=c < C, other=0.0)
    count = tl.zeros((ROWS,), tl.float32)
    total = tl.zeros((ROWS, WIDTH), tl.float32)
    squares = tl.zeros((ROWS, WIDTH), tl.float32)
    for tile in tl.range(0, n_tiles):
        row = (block * n_tiles + tile) * ROWS + tl.arange(0, ROWS)
        values, counts = _load(x, row, c, inside, n_rows, C)
        away = tl.where(counts[:, None], values - origin[None, :], 0.0)
        total += away
        squares += away * away
        count += counts.to(tl.float32)
    place, size = parts + block * C + c, n_blocks * C
    tl.store(place, tl.broadcast_to(tl.sum(count, axis=0), (WIDTH,)), mask=c < C)
    tl.store(place + size, tl.sum(total, axis=0), mask=c < C)
    tl.store(place + 2 * size, tl.sum(squares, axis=0), mask=c < C)


@triton.jit
def _of_blocks(
    parts,
    which: tl.constexpr,
    first,
    n_blocks,
    C: tl.constexpr,
    BLOCKS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """(BLOCKS, COLUMNS) what some blocks gave."""
    c = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    block = first + tl.arange(0, BLOCKS)
    known = (block < n_blocks)[:, None] & (c < C)[None, :]
    place = (which * n_blocks + block)[:, None] * C + c[None, :]
    return tl.load(parts + place, mask=known, other=0.0)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _join(
    parts,
    used,
    running_mean,
    running_var,
    n_blocks,
    momentum,
    eps,
    C: tl.constexpr,
    BLOCKS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """The statistics of all rows, and the running ones brought up to date."""
    c = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    old_mean = tl.load(running_mean + c, mask=c < C, other=0.0)
    old_var = tl.load(running_var + c, mask=c < C, other=1.0)
    counts = tl.zeros((BLOCKS, COLUMNS), tl.float32)
    sums = tl.zeros((BLOCKS, COLUMNS), tl.float32)
    squares = tl.zeros((BLOCKS, COLUMNS), tl.float32)
    for first in tl.range(0, n_blocks, BLOCKS):
        counts += _of_blocks(parts, 0, first, n_blocks, C, BLOCKS, COLUMNS)
        sums += _of_blocks(parts, 1, first, n_blocks, C, BLOCKS, COLUMNS)
        squares += _of_blocks(parts, 2, first, n_blocks, C, BLOCKS, COLUMNS)
    count = tl.sum(counts, axis=0)
    share = 1 / tl.maximum(count, 1.0)
    away = tl.sum(sums, axis=0) * share
    square = tl.sum(squares, axis=0) * share - away * away
    square = tl.maximum(square, 0.0)
    several = count > 1  # one value has no variance
    mean = tl.where(several, old_mean + away, old_mean)
    var = tl.where(several, square, old_var)
    unbiased = tl.where(several, square * count / tl.maximum(count - 1, 1.0), old_var)
    tl.store(running_mean + c, old_mean + momentum * (mean - old_mean), mask=c < C)
    tl.store(running_var + c, old_var + momentum * (unbiased - old_var), mask=c < C)
    tl.store(used + c, mean, mask=c < C)
    tl.store(used + C + c, 1 / tl.sqrt(var + eps), mask=c < C)
    tl.store(used + 2 * C + c, tl.where(several, share, 0.0), mask=c < C)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _apply(
    x,
    inside,
    y,
    used,
    weight,
    bias,
    n_rows,
    rectify: tl.constexpr,
    C: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, WIDTH)
    values, counts = _load(x, row, c, inside, n_rows, C)
    result = _normalise(values, used, weight, bias, c, C)[1]
    if rectify:
        result = tl.maximum(result, 0.0)
    result = tl.where(counts[:, None], result, 0.0)
    place = row[:, None] * C + c[None, :]
    known = (row < n_rows)[:, None] & (c < C)[None, :]
    tl.store(y + place, result.to(y.dtype.element_ty), mask=known)


@triton.jit
def _normalise(values, used, weight, bias, c, C: tl.constexpr):
    """Values in deviations from their mean, and those scaled and shifted."""
    mean = tl.load(used + c, mask=c < C, other=0.0)
    rate = tl.load(used + C + c, mask=c < C, other=0.0)
    scale = tl.load(weight + c, mask=c < C, other=0.0)
    shift = tl.load(bias + c, mask=c < C, other=0.0)
    normed = (values - mean[None, :]) * rate[None, :]
    return normed, normed * scale[None, :] + shift[None, :]


@triton.jit
def _load_grads(
    grads, x, row, c, inside, used, weight, bias, n_rows, rectify: tl.constexpr, C: tl.constexpr
):
    """Normalised values, and the gradients that reach the scaled ones."""
    values, counts = _load(x, row, c, inside, n_rows, C)
    normed, result = _normalise(values, used, weight, bias, c, C)
    known = counts[:, None] & (c < C)[None, :]  # of rows alone, so that channels load together
    own = tl.load(grads + row[:, None] * C + c[None, :], mask=known, other=0.0).to(tl.float32)
    if rectify:
        own = tl.where(result > 0, own, 0.0)
    return tl.where(counts[:, None], normed, 0.0), own, counts


@triton.jit(do_not_specialize=UNSPECIALISED)
def _measure_grads(
    x,
    inside,
    grads,
    used,
    weight,
    bias,
    parts,
    n_rows,
    rectify: tl.constexpr,
    n_tiles,
    n_blocks,
    C: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    """What a block of rows adds to the gradients of shift and scale."""
    block = tl.program_id(0)
    c = tl.arange(0, WIDTH)
    of_shift = tl.zeros((ROWS, WIDTH), tl.float32)
    of_scale = tl.zeros((ROWS, WIDTH), tl.float32)
    for tile in tl.range(0, n_tiles):
        row = (block * n_tiles + tile) * ROWS + tl.arange(0, ROWS)
        normed, own, _ = _load_grads(
            grads, x, row, c, inside, used, weight, bias, n_rows, rectify, C
        )
        of_shift += own
        of_scale += own * normed
    tl.store(parts + block * C + c, tl.sum(of_shift, axis=0), mask=c < C)
    tl.store(parts + (n_blocks + block) * C + c, tl.sum(of_scale, axis=0), mask=c < C)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _join_grads(
    parts, sums, n_blocks, C: tl.constexpr, BLOCKS: tl.constexpr, COLUMNS: tl.constexpr
):
    c = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    of_shift = tl.zeros((BLOCKS, COLUMNS), tl.float32)
    of_scale = tl.zeros((BLOCKS, COLUMNS), tl.float32)
    for first in tl.range(0, n_blocks, BLOCKS):
        of_shift += _of_blocks(parts, 0, first, n_blocks, C, BLOCKS, COLUMNS)
        of_scale += _of_blocks(parts, 1, first, n_blocks, C, BLOCKS, COLUMNS)
    tl.store(sums + c, tl.sum(of_shift, axis=0), mask=c < C)
    tl.store(sums + C + c, tl.sum(of_scale, axis=0), mask=c < C)


@triton.jit(do_not_specialize=UNSPECIALISED)
def _apply_grads(
    x,
    inside,
    grads,
    used,
    weight,
    bias,
    sums,
    result,
    n_rows,
    rectify: tl.constexpr,
    C: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
):
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    c = tl.arange(0, WIDTH)
    normed, own, counts = _load_grads(
        grads, x, row, c, inside, used, weight, bias, n_rows, rectify, C
    )
    share = tl.load(used + 2 * C + c, mask=c < C, other=0.0)
    of_shift = tl.load(sums + c, mask=c < C, other=0.0) * share
    of_scale = tl.load(sums + C + c, mask=c < C, other=0.0) * share
    rate = tl.load(used + C + c, mask=c < C, other=0.0)
    scale = tl.load(weight + c, mask=c < C, other=0.0)
    through = own - of_shift[None, :] - normed * of_scale[None, :]
    through = tl.where(counts[:, None], through * (rate * scale)[None, :], 0.0)
    known = (row < n_rows)[:, None] & (c < C)[None, :]
    place = row[:, None] * C + c[None, :]
    tl.store(result + place, through.to(result.dtype.element_ty), mask=known)
