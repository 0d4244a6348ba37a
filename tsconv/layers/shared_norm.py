"""Batch normalisation by the statistics of a batch that several processes compute.

What one process would compute for the whole batch, forward and backward, from one exchange of two
numbers a channel each way. As PyTorch's SyncBatchNorm, but for padding and for any device.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.sharing import Share


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of the rows of all processes together.

    Attributes:
        count: rows, (1,); those that several processes compute are counted by each.
        mean: (C,).
        var: (C,), with the count as divisor.
    """

    count: Tensor
    mean: Tensor
    var: Tensor


@torch.no_grad()
def statistics(rows: Tensor, inside: Tensor | None, share: Share) -> Statistics:
    """Count, mean and variance of all processes' rows.

    Joined from each process's own as by Chan, Golub & LeVeque, "Algorithms for computing the sample
    variance", 1983: no large squares are subtracted from each other.

    Args:
        rows: (positions, C), zero where there is padding.
        inside: (positions, 1), false in padding, None without padding.
        share: who has the rest.
    """
    if inside is None:
        count = rows.new_full((1,), len(rows))
        mean = rows.mean(0)
        from_mean = rows - mean
    else:
        count = inside.sum(0).to(rows.dtype)
        mean = rows.sum(0) / count
        from_mean = (rows - mean).masked_fill(~inside, 0)
    spread = from_mean.square().sum(0)
    everybody = share.gather(torch.cat([count, mean, spread]))
    counts, means, spreads = torch.split(everybody, [1, len(mean), len(mean)], dim=1)
    count = counts.sum(0)
    mean = (counts * means).sum(0) / count
    spread = (spreads + counts * (means - mean).square()).sum(0)
    return Statistics(count, mean, spread / count)


class Normalised(torch.autograd.Function):
    """Rows scaled and shifted, as a function of them also through the statistics.

    Called with rows (positions, C), weight and bias (C,), the statistics, epsilon and the share.
    """

    @staticmethod
    def forward(
        ctx: Any,
        rows: Tensor,
        weight: Tensor,
        bias: Tensor,
        *rest: Any,
    ) -> Tensor:
        ctx.of, ctx.eps, ctx.share = rest
        ctx.save_for_backward(rows, weight)
        mean, var = ctx.of.mean, ctx.of.var
        y: Tensor = torch.native_batch_norm(rows, weight, bias, mean, var, False, 0.0, ctx.eps)[0]
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (rows, weight), of, eps = ctx.saved_tensors, ctx.of, ctx.eps
        to_rows, to_weight, to_bias = torch.ops.aten.native_batch_norm_backward(
            grad, rows, weight, of.mean, of.var, None, None, False, eps, [True, True, True]
        )
        sums = ctx.share.gather(torch.stack([to_weight, to_bias])).sum(0)
        # Of y = (x - mean) * invstd * weight + bias: what each x does through mean and variance.
        invstd = torch.rsqrt(of.var + eps)
        slope = -weight * invstd.square() * sums[0] / of.count
        level = -weight * invstd * sums[1] / of.count - slope * of.mean
        several = of.count > ctx.share.copies  # else they are not those of the rows
        to_rows.add_(torch.addcmul(level, rows, slope) * several)
        return to_rows, to_weight, to_bias, None, None, None
