"""What the convolutions of :mod:`tsconv.layers.gpu.convolution` launch.

FOLD time points of a series are one row here, the last one of a series perhaps less: what a row
sees is a matrix product of as many terms, of which a position less is read again and again.
``TAPS`` tells for each kernel how many time points such a row sees, ``FIRSTS`` how far from its
first time point they begin, ``LEADS`` how many of them its first time point does not see. For the
packed weights, a row is one of these time points and an input channel, a column is one of the
row's time points and an output channel.
"""

import triton
import triton.language as tl

UNSPECIALISED = ["n_rows", "length", "n_steps", "n_parts"]  # else compiled for multiples of 16


@triton.jit
def _start(TAPS: tl.constexpr, C: tl.constexpr, BRANCH: tl.constexpr):
    """The packed weights' row at which a kernel begins."""
    start = 0
    for before in tl.static_range(BRANCH):
        start += TAPS[before] * C
    return start


@triton.jit
def _place(row, length, FOLD: tl.constexpr):
    """A row's first time point in its series, and among those of all series."""
    rows = (length + FOLD - 1) // FOLD
    time = row % rows * FOLD
    return time, row // rows * length + time


@triton.jit
def pack(
    weights,
    packed,
    TAPS: tl.constexpr,
    LEADS: tl.constexpr,
    SIZES: tl.constexpr,
    FOLD: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Every kernel, once for each time point of a row, with zeros where that does not see."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, column = index // (FOLD * D), index % (FOLD * D)
    for branch in tl.static_range(len(TAPS)):
        if tl.program_id(1) == branch:
            inside = row < TAPS[branch] * C
            tap = row // C - LEADS[branch] - column // D
            known = inside & (tap >= 0) & (tap < SIZES[branch])
            place = (column % D * C + row % C) * SIZES[branch] + tap
            values = tl.load(weights[branch] + place, mask=known, other=0.0)
            start = _start(TAPS, C, branch) * FOLD * D
            tl.store(packed + start + index, values.to(packed.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def forward(
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
    FOLD: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    ROW: tl.constexpr,
    COLUMN: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Some rows' results of one kernel, of as many time points."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    time, position = _place(row, length, FOLD)
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
                place = (position[:, None] + offset[None, :]) * x_stride + (depth % C)[None, :]
                values = tl.load(x + place, mask=inside, other=0.0)
                known = (depth < TAPS[branch] * C)[:, None] & (d < FOLD * D)[None, :]
                place = (start + depth)[:, None] * ROW + d[None, :] * COLUMN
                weights = tl.load(matrix + place, mask=known, other=0.0)
                sums = tl.dot(values, weights.to(values.dtype), sums)
            place = (position[:, None] + (d // D)[None, :]) * y_stride
            place += (branch * D + d % D)[None, :]
            inside = (time[:, None] + (d // D)[None, :] < length) & (row < n_rows)[:, None]
            inside = inside & (d < FOLD * D)[None, :]
            tl.store(y + place, sums.to(y.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def grad_input(
    grads,
    matrix,
    result,
    n_rows,
    length,
    stride,
    TAPS: tl.constexpr,
    FIRSTS: tl.constexpr,
    STEP: tl.constexpr,
    FOLD: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    ROW: tl.constexpr,
    COLUMN: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Of some rows of the input, what comes back from all kernels."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    time, position = _place(row, length, FOLD)
    c, d = tl.arange(0, WIDTH), tl.arange(0, DEPTH)
    known = (d < FOLD * D)[:, None] & (c < FOLD * C)[None, :]
    sums = tl.zeros((ROWS, WIDTH), tl.float32)
    for branch in tl.static_range(len(TAPS)):
        start = _start(TAPS, C, branch)
        for tap in tl.range(0, TAPS[branch], FOLD):
            away = (d // D)[None, :] - (FIRSTS[branch] + tap * STEP)
            seen = time[:, None] + away
            inside = (seen >= 0) & (seen < length) & (row < n_rows)[:, None]
            inside = inside & (d < FOLD * D)[None, :]
            place = (position[:, None] + away) * stride + (branch * D + d % D)[None, :]
            values = tl.load(grads + place, mask=inside, other=0.0)
            place = (start + tap * C + c)[None, :] * ROW + d[:, None] * COLUMN
            weights = tl.load(matrix + place, mask=known, other=0.0)
            sums = tl.dot(values, weights.to(values.dtype), sums)
    inside = (time[:, None] + (c // C)[None, :] < length) & (row < n_rows)[:, None]
    inside = inside & (c < FOLD * C)[None, :]
    place = position[:, None] * C + c[None, :]
    tl.store(result + place, sums.to(result.dtype.element_ty), mask=inside)


@triton.jit(do_not_specialize=UNSPECIALISED)
def grad_weights(
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
    FOLD: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    ROWS: tl.constexpr,
    DEPTH: tl.constexpr,
    WIDTH: tl.constexpr,
):
    """Of the packed weights, what a part of the rows adds to it."""
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
                time, position = _place(row, length, FOLD)
                seen = time[None, :] + offset[:, None]
                inside = (seen >= 0) & (seen < length) & (row < n_rows)[None, :]
                inside = inside & (depth < TAPS[branch] * C)[:, None]
                place = (position[None, :] + offset[:, None]) * x_stride + (depth % C)[:, None]
                values = tl.load(x + place, mask=inside, other=0.0)
                place = (position[:, None] + (d // D)[None, :]) * grad_stride
                place += (branch * D + d % D)[None, :]
                inside = (time[:, None] + (d // D)[None, :] < length) & (row < n_rows)[:, None]
                inside = inside & (d < FOLD * D)[None, :]
                sums = tl.dot(values, tl.load(grads + place, mask=inside, other=0.0), sums)
            start = part * all_rows + _start(TAPS, C, branch)
            place = (start + depth)[:, None] * (FOLD * D) + d[None, :]
            known = (depth < TAPS[branch] * C)[:, None] & (d < FOLD * D)[None, :]
            tl.store(parts + place, sums, mask=known)
        first_block = end_block


@triton.jit(do_not_specialize=UNSPECIALISED)
def sum_parts(
    parts,
    flat,
    n_parts,
    TAPS: tl.constexpr,
    LEADS: tl.constexpr,
    SIZES: tl.constexpr,
    FOLD: tl.constexpr,
    C: tl.constexpr,
    D: tl.constexpr,
    PARTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Of each weight, what all parts add to it, and every time point of a row."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tap, c, d = index // D // C, index // D % C, index % D
    size = _start(TAPS, C, len(TAPS)) * FOLD * D
    skipped = 0
    for branch in tl.static_range(len(TAPS)):
        if tl.program_id(1) == branch:
            inside = tap < SIZES[branch]
            sums = tl.zeros((PARTS, BLOCK), tl.float32)
            for first in tl.range(0, n_parts, PARTS):
                part = first + tl.arange(0, PARTS)
                known = (part < n_parts)[:, None] & inside[None, :]
                for late in tl.static_range(FOLD):
                    row = _start(TAPS, C, branch) + (tap + LEADS[branch] + late) * C + c
                    place = part[:, None] * size + (row * FOLD * D + late * D + d)[None, :]
                    sums += tl.load(parts + place, mask=known, other=0.0)
            own = (d * C + c) * SIZES[branch] + tap
            tl.store(flat + skipped + own, tl.sum(sums, axis=0), mask=inside)
        skipped += SIZES[branch] * C * D
