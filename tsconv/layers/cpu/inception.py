"""What an inception module makes of its input before the norm, written side by side at once."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.convolution import choose_way
from tsconv.layers.cpu import max_pool
from tsconv.layers.kernels import Offsets
from tsconv.layers.products import product


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
        x: float32 or bfloat16 (N, C, L), zero where the mask is false.
        mask: (N, 1, L) booleans, what counts.
        bottleneck: float32 (B, C, 1), None where kernels see the input.
        pooled: float32 (D, C, 1), of the maxima.
        kernels: float32 (C', B, k) each.
        offsets: of each of them.
    """
    result: Tensor = _Branches.apply(x, mask, tuple(offsets), bottleneck, pooled, *kernels)
    return result


class _Branches(torch.autograd.Function):
    """Time first throughout: (L, N, C), whose rows are time points of series."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mask: Tensor | None,
        offsets: tuple[Offsets, ...],
        bottleneck: Tensor | None,
        pooled: Tensor,
        *kernels: Tensor,
    ) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            x = x.permute(2, 0, 1).contiguous()
            inside = None if mask is None else mask[:, 0].t().contiguous()
            late, squeeze, narrow = pooled[:, :, 0].to(x.dtype), None, x
            if bottleneck is not None:
                squeeze = bottleneck[:, :, 0].to(x.dtype)
                narrow = product(x.flatten(0, 1), squeeze.t()).view(*x.shape[:2], -1)
            width, way = sum(map(len, kernels)), choose_way(len(x), kernels, offsets)
            wide = x.new_empty(*x.shape[:2], width + len(late))
            _, kept = way.forward(narrow, kernels, wide[..., :width])
            most = max_pool.forward(x, inside)
            torch.mm(most.flatten(0, 1), late.t(), out=wide.flatten(0, 1)[:, width:])
        ctx.save_for_backward(x, inside, squeeze, most, late, *kept, *kernels)
        ctx.way, ctx.n_kept = way, len(kept)
        return wide.permute(1, 2, 0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, inside, squeeze, most, late, *others = ctx.saved_tensors
        kept, kernels = others[: ctx.n_kept], others[ctx.n_kept :]
        needs_x, of_x, of_squeeze = ctx.needs_input_grad[0], None, None
        grads = grad.permute(2, 0, 1).contiguous()
        width, rows = grads.shape[2] - len(late), x.flatten(0, 1)
        with torch.autocast("cpu", enabled=False):
            needs_narrow = needs_x or squeeze is not None
            early, of_kernels = ctx.way.backward(
                grads[..., :width], kept, kernels, needs_x=needs_narrow
            )
            if squeeze is not None:
                of_squeeze = product(early.flatten(0, 1).t(), rows).float().unsqueeze(2)
            last = grads.flatten(0, 1)[:, width:]
            of_late = product(last.t(), most.flatten(0, 1)).float().unsqueeze(2)
            if needs_x:
                of_most = product(last, late).view(x.shape)
                if squeeze is not None:
                    early = product(early.flatten(0, 1), squeeze).view(x.shape)
                of_x = max_pool.backward(of_most, x, early, inside).permute(1, 2, 0)
        return of_x, None, None, of_squeeze, of_late, *of_kernels
