"""Convolutions of one input side by side, as products of what each position sees with the kernels.

What a position sees is never written out: time points lie one after the other, so a kernel reads
them where they are, with zeros beyond both ends of a series. Long kernels take several time points
as one row, since neighbours see nearly the same. The backward pass is the same with the taps
mirrored; the weights' gradients are summed over parts of the rows, then over the parts, in one
order, so that they are the same at each run.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.gpu import convolution_kernels as kernels
from tsconv.layers.kernels import Offsets
from tsconv.layers.layout import as_rows, from_rows

FEW, MANY = 2**14, 2**16
"""Positions up to which smaller blocks keep more of the device busy, and above which larger do."""
MOST_PARTS = 128
LONG, FOLDS, MOST_FOLDED = 8, (2, 4), 128
"""Taps of a long kernel; time points of its rows where positions are few, and where they are not;
channels of all of these together."""
ROOMY = 200 * 1024
"""Bytes of shared memory of a multiprocessor that has room for the largest blocks; most have 99 KB,
into which all others fit."""


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


class Kernels:
    """Several convolutions of one input: what their compiled kernels depend on.

    Attributes:
        sizes: taps of each convolution, ``step`` how far they are apart.
        length: of the series.
        few: whether there are few positions, ``many`` whether there are many.
        fold: time points of a row.
        taps: time points that a row sees, of each convolution.
        firsts: how far from the row's first one these begin.
        leads: how many of them the row's first one does not see.
        n_rows: of all series.
        packed: shape of the matrix of all kernels.
    """

    def __init__(self, weights: Sequence[Tensor], offsets: Sequence[Offsets], x: Tensor) -> None:
        self.sizes = tuple(len(each) for each in offsets)
        self.step = next((each[1] - each[0] for each in offsets if len(each) > 1), 1)
        self.C_out, self.C_in = weights[0].shape[:2]
        n_series, _, self.length = x.shape
        n_positions = n_series * self.length
        self.few, self.many = n_positions <= FEW, n_positions > MANY
        self.fold = fold = self._choose_fold()
        self.firsts = tuple(each[0] // fold * fold for each in offsets)
        self.leads = tuple(each[0] % fold for each in offsets)
        self.taps = tuple(  # that the time points of a row see together
            triton.cdiv(lead + size + fold - 1, fold) * fold
            for lead, size in zip(self.leads, self.sizes, strict=True)
        )
        self.packed = sum(self.taps) * self.C_in, fold * self.C_out
        self.n_rows = n_series * triton.cdiv(self.length, fold)

    def _choose_fold(self) -> int:
        folds = self.step == 1 and max(self.sizes) >= LONG
        fold = FOLDS[not self.few]
        return fold if folds and fold * max(self.C_in, self.C_out) <= MOST_FOLDED else 1

    def of_rows(self) -> dict[str, Any]:
        """Arguments of compiled kernels that take what rows see."""
        return {**self._packing(), "FIRSTS": self.firsts, "STEP": self.step}

    def of_weights(self) -> dict[str, Any]:
        """Arguments of those that pack weights, or unpack their gradients."""
        return {**self._packing(), "LEADS": self.leads, "SIZES": self.sizes}

    def _packing(self) -> dict[str, Any]:
        return {"TAPS": self.taps, "FOLD": self.fold, "C": self.C_in, "D": self.C_out}

    def depth(self, most: int) -> int:
        """Terms that one product of blocks adds up, of all that a row sees."""
        return min(most, width(max(self.taps) * self.C_in))

    @property
    def is_product(self) -> bool:
        """Whether there is one kernel of one tap, whose weights are the matrix as they are."""
        return self.taps == (1,)

    def strides(self) -> dict[str, int]:
        """How far the matrix's rows and columns are apart."""
        if self.is_product:
            return {"ROW": 1, "COLUMN": self.C_in}
        return {"ROW": self.packed[1], "COLUMN": 1}


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, offsets: tuple[Offsets, ...], *weights: Tensor) -> Tensor:
        these, rows = Kernels(weights, offsets, x), _channels_together(as_rows(x))
        matrix = pack(weights, these, rows.dtype)
        y = rows.new_empty(len(rows), len(weights) * these.C_out)
        forward(rows, matrix, these, y)
        ctx.save_for_backward(rows, matrix)
        ctx.kernels = these
        return from_rows(y, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (rows, matrix), these = ctx.saved_tensors, ctx.kernels
        grads, grad_x = _channels_together(as_rows(grad)), None
        if ctx.needs_input_grad[0]:
            grad_x = from_rows(grad_input(grads, matrix, these), grad)
        return grad_x, None, *grad_weights(rows, grads, these)


def pack(weights: Sequence[Tensor], these: Kernels, dtype: torch.dtype) -> Tensor:
    """All kernels as one matrix, a row for each time point that a row sees and input channel."""
    if these.is_product:
        return weights[0].detach()
    packed = weights[0].new_empty(these.packed, dtype=dtype)
    most = max(these.taps) * these.C_in * these.packed[1]
    kernels.pack[(triton.cdiv(most, 1024), len(weights))](
        tuple(each.detach() for each in weights), packed, **these.of_weights(), BLOCK=1024
    )
    return packed


def forward(rows: Tensor, matrix: Tensor, these: Kernels, y: Tensor) -> None:
    """All convolutions of (positions, C), side by side into ``y`` (positions, sum of the C')."""
    block = 64 if these.few else 128
    kernels.forward[(triton.cdiv(these.n_rows, block), len(these.sizes))](
        rows,
        matrix,
        y,
        these.n_rows,
        these.length,
        rows.stride(0),
        y.stride(0),
        **these.of_rows(),
        **these.strides(),
        ROWS=block,
        WIDTH=width(these.packed[1]),
        DEPTH=these.depth(64),
        num_stages=3,
        num_warps=8 if these.fold == FOLDS[1] and not these.many else 4,
    )


def grad_input(grads: Tensor, matrix: Tensor, these: Kernels) -> Tensor:
    """(positions, C) from gradients (positions, sum of the C')."""
    result = grads.new_empty(len(grads), these.C_in)
    block, stages, warps = _grad_input_sizes(these, grads.device)
    kernels.grad_input[(triton.cdiv(these.n_rows, block),)](
        grads,
        matrix,
        result,
        these.n_rows,
        these.length,
        grads.stride(0),
        **these.of_rows(),
        **these.strides(),
        ROWS=block,
        WIDTH=width(these.fold * these.C_in),
        DEPTH=width(these.packed[1]),
        num_stages=stages,
        num_warps=warps,
    )
    return result


def _grad_input_sizes(these: Kernels, device: torch.device) -> tuple[int, int, int]:
    """Rows of a block, how many blocks are on their way at a time, and warps."""
    if these.fold * max(these.C_in, these.C_out) <= 64:
        return (64, 4, 4) if these.few else (128, 3, 8)
    if these.fold == 1 or not _is_roomy(device):
        return 64, 2, 4
    return (128, 3, 8) if these.many else (64, 3, 4)


@cache
def _is_roomy(device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    known = triton.runtime.driver.active.utils.get_device_properties(device.index or 0)
    return bool(known["max_shared_mem"] >= ROOMY)


def grad_weights(rows: Tensor, grads: Tensor, these: Kernels) -> list[Tensor]:
    """(C', C, k) each, float32; summed in a fixed order."""
    folds = these.fold > 1
    at_once, programs = (64, 264) if folds else (32, 512)
    depth = these.depth(64 if these.is_product or these.fold == FOLDS[0] else 128)
    blocks = sum(triton.cdiv(taps * these.C_in, depth) for taps in these.taps)
    wanted = min(MOST_PARTS, max(8, programs // blocks))
    n_steps = triton.cdiv(these.n_rows, at_once * wanted)
    n_parts = triton.cdiv(these.n_rows, at_once * n_steps)
    parts = rows.new_empty(n_parts, *these.packed, dtype=torch.float32)
    kernels.grad_weights[(blocks, n_parts)](
        rows,
        grads,
        parts,
        these.n_rows,
        these.length,
        rows.stride(0),
        grads.stride(0),
        n_steps,
        **these.of_rows(),
        ROWS=at_once,
        DEPTH=depth,
        WIDTH=width(these.packed[1]),
        num_stages=3 if folds else 4,
    )
    counts = [taps * these.C_in * these.C_out for taps in these.sizes]
    flat = parts.new_empty(sum(counts))
    kernels.sum_parts[(triton.cdiv(max(counts), 64), len(counts))](
        parts, flat, n_parts, **these.of_weights(), PARTS=8, BLOCK=64, num_warps=2
    )
    each = zip(flat.split(counts), these.sizes, strict=True)
    return [part.view(these.C_out, these.C_in, taps) for part, taps in each]


def _channels_together(rows: Tensor) -> Tensor:
    """``rows`` with the channels of each one after the other; those of one series may lie apart."""
    return rows if rows.stride(1) == 1 else rows.contiguous()


def width(channels: int) -> int:
    """Columns of a block that holds all channels; a matrix unit takes no fewer than 16."""
    return max(16, int(triton.next_power_of_2(channels)))
