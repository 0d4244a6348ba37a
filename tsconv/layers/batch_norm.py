"""Batch normalisation whose statistics leave out what lies after a series' end.

Ioffe & Szegedy, "Batch Normalization", ICML 2015, https://arxiv.org/abs/1502.03167.
Defaults are those of Keras (momentum .99 of the old value, epsilon .001), which the authors of
InceptionTime used; PyTorch's momentum is the share of the new value.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsconv.layers import LAYERS
from tsconv.layers.cpu import choice as cpu
from tsconv.layers.gpu import choice as gpu
from tsconv.layers.layout import as_rows, from_rows, is_fused
from tsconv.layers.masking import zero_padding
from tsconv.layers.relu import relu
from tsconv.layers.running import Running
from tsconv.layers.shared_norm import Normalised, Statistics, statistics
from tsconv.layers.sharing import Share, current_share


@LAYERS.register("batch_norm")
class BatchNorm(nn.Module):
    """Normalise each channel over instances and time, then scale and shift it.

    Args:
        channels: C.
        eps: added to the variance.
        momentum: share of the batch's statistics in the running ones.

    Shape:
        (N, C, L) -> (N, C, L); with a mask (N, 1, L) the output is zero where it is false. What is
        called ``plus``, of the same shape and zero there too, is added to what is normalised; with
        ``rectify`` a ReLU follows.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, *, eps: float = 1e-3, momentum: float = 0.01) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        *,
        plus: Tensor | None = None,
        rectify: bool = False,
    ) -> Tensor:
        alone = self.training and current_share() is None
        given = (x, self.weight, self.bias, self._running(), mask)
        if alone and gpu.takes(x, channels=len(self.weight) // 2):  # its blocks have fewer rows
            from tsconv.layers.gpu import batch_norm as kernels

            if plus is None:
                return kernels.batch_norm(*given, rectify=rectify)
            return _joined(kernels.batch_norm(*given), plus, rectify)
        if alone and cpu.takes(x) and self._suits_loops(x, plus):
            from tsconv.layers.cpu import batch_norm as loops

            return loops.batch_norm(*given, plus=plus, rectify=rectify)
        return _joined(self._normalise(x, mask), plus, rectify)

    def _suits_loops(self, x: Tensor, plus: Tensor | None) -> bool:
        """Whether all that loops read beside ``x`` is of the type that they take it for."""
        own = {self.weight.dtype, self.bias.dtype, self.running_mean.dtype, self.running_var.dtype}
        return own == {torch.float32} and (plus is None or plus.dtype == x.dtype)

    def _running(self) -> Running:
        return Running(self.running_mean, self.running_var, self.momentum, self.eps)

    def _normalise(self, x: Tensor, mask: Tensor | None) -> Tensor:
        if self.training and (share := current_share()) is not None:
            return self._shared(x, mask, share)
        if mask is not None:
            return self._masked(x, mask) if self.training else zero_padding(self(x), mask)
        several = x.shape[0] * x.shape[2] > 1  # one value has no variance: use the running one
        values = as_rows(x) if is_fused() else x
        y = F.batch_norm(
            values,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            training=self.training and several,
            momentum=self.momentum,
            eps=self.eps,
        )
        return from_rows(y, x) if is_fused() else y

    def _shared(self, x: Tensor, mask: Tensor | None, share: Share) -> Tensor:
        """By the statistics of the whole batch, of which other processes have the rest."""
        rows = as_rows(zero_padding(x, mask))
        inside = None if mask is None else as_rows(mask)
        whole = statistics(rows.to(self.running_mean.dtype), inside, share)
        several = whole.count > share.copies  # one value has no variance: use the running one
        mean = torch.where(several, whole.mean, self.running_mean)
        var = torch.where(several, whole.var, self.running_var)
        used = Statistics(whole.count, mean, var)
        y: Tensor = Normalised.apply(  # type: ignore[no-untyped-call]
            rows, self.weight, self.bias, used, self.eps, share
        )
        unbiased = torch.where(several, var * whole.count / (whole.count - share.copies), var)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased, self.momentum)
        return zero_padding(from_rows(y, x), mask)

    def as_scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """(C) each: what the running statistics make of it, ``scale * x + shift``."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        return scale, self.bias - self.running_mean * scale

    def _masked(self, x: Tensor, mask: Tensor) -> Tensor:
        mean, var, count = self.running_mean, self.running_var, mask.sum()
        inside = x.to(mean.dtype).masked_fill(~mask, 0)
        average = inside.sum((0, 2)) / count
        spread = (inside - average[:, None]).square().masked_fill(~mask, 0).sum((0, 2))
        several = count > 1  # compared on the device: nobody waits for the answer
        mean = torch.where(several, average, mean)
        var = torch.where(several, spread / count, var)
        with torch.no_grad():
            unbiased = torch.where(several, spread / (count - 1), var)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(unbiased, self.momentum)
        scale = self.weight * torch.rsqrt(var + self.eps)  # (C,)
        shift = self.bias - mean * scale
        y = x * scale[:, None] + shift[:, None]
        return y.to(x.dtype).masked_fill(~mask, 0)


def _joined(y: Tensor, plus: Tensor | None, rectify: bool) -> Tensor:
    y = y if plus is None else y + plus
    return relu(y) if rectify else y
