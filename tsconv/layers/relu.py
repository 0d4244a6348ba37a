"""The rectifier, max(x, 0), in place, its gradient masked by what it gave."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.bits import as_integers
from tsconv.layers.layout import is_fused


def rectified(x: Tensor) -> Tensor:
    """ReLU; where layers are fused, in the memory of ``x``, which nobody may need any more."""
    if not is_fused() or x.device.type != "cpu":
        return x.relu()
    y: Tensor = _Rectify.apply(x)  # type: ignore[no-untyped-call]
    return y


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x.detach().relu_()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        if grad.dtype != torch.bfloat16:
            to_x: Tensor = torch.ops.aten.threshold_backward(grad, y, 0)
            return to_x
        passed = as_integers(y).clamp(min=0, max=1)
        return passed.mul_(as_integers(grad)).view(grad.dtype)
