"""ReLU in place, its gradient masked by what it gave."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.bits import as_integers
from tsconv.layers.layout import is_fused


def relu(x: Tensor) -> Tensor:
    """max(x, 0), where layers are fused in the memory of ``x``, which nobody may need any more."""
    if not is_fused() or x.device.type != "cpu":
        return x.relu()
    y: Tensor = _ReLU.apply(x)  # type: ignore[no-untyped-call]
    return y


def relu_(x: Tensor) -> Tensor:
    """The same of a trained network, always in place and without a gradient.

    What is not a number may become zero: networks that give such are refused when trained.
    """
    as_integers(x).clamp_(min=0)
    return x


class _ReLU(torch.autograd.Function):
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
