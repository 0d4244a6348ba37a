"""A step of Adam for all weights of a network as one kernel, in Triton, for a GPU.

PyTorch's fused steps give a whole tensor to few programs: for a network of half a million weights
they wait far longer than they compute. Here each program takes some weights of one tensor.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024


class Adam(torch.optim.Adam):
    """AdamW, which without weight decay is Adam, with rate and steps in tensors, in float32."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take a step with every parameter that has a gradient."""
        for group in self.param_groups:
            self._step_group(group)

    def _step_group(self, group: dict[str, Any]) -> None:
        parameters = [each for each in group["params"] if each.grad is not None]
        if not parameters:
            return
        states = [self._state_of(each) for each in parameters]
        torch._foreach_add_([state["step"] for state in states], 1)
        beta1, beta2 = group["betas"]
        take_step(
            parameters,
            [each.grad for each in parameters],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["step"] for state in states],
            lr=group["lr"],
            decay=group["weight_decay"],
            betas=(beta1, beta2),
            eps=group["eps"],
        )

    def _state_of(self, parameter: Tensor) -> dict[str, Tensor]:
        state: dict[str, Tensor] = self.state[parameter]
        if not state:
            state["step"] = torch.zeros((), device=parameter.device)
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        return state


def take_step(
    parameters: Sequence[Tensor],
    grads: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    steps: Sequence[Tensor],
    *,
    lr: Tensor,
    decay: float,
    betas: tuple[float, float],
    eps: float,
) -> None:
    """Move parameters and moments in place, as Loshchilov & Hutter's AdamW with ``decay``.

    Args:
        parameters: float32, contiguous.
        grads: of each.
        means: moving average of each gradient.
        squares: moving average of each gradient's square.
        steps: taken with each, this one counted.
        lr: the rate.
        decay: of weights, times the rate; 0 is Adam.
        betas: how much of the averages stays.
        eps: added to the root of the squares.
    """
    most = max(each.numel() for each in parameters)
    _step[(triton.cdiv(most, BLOCK), len(parameters))](
        tuple(parameters),
        tuple(each.contiguous() for each in grads),
        tuple(means),
        tuple(squares),
        tuple(steps),
        lr,
        *(1 - beta for beta in betas),
        *(math.log(beta) for beta in betas),
        eps,
        decay,
        SIZES=tuple(each.numel() for each in parameters),
        BLOCK=BLOCK,
    )


UNSPECIALISED = ["share1", "share2", "log_beta1", "log_beta2", "eps", "decay"]


@triton.jit(do_not_specialize=UNSPECIALISED)
def _step(
    parameters,
    grads,
    means,
    squares,
    steps,
    lr,
    share1,
    share2,
    log_beta1,
    log_beta2,
    eps,
    decay,
    SIZES: tl.constexpr,
    BLOCK: tl.constexpr,
):
    weights, grad, mean, square = parameters[0], grads[0], means[0], squares[0]
    taken, size = steps[0], SIZES[0]
    for which in tl.static_range(1, len(SIZES)):
        if tl.program_id(1) == which:
            weights, grad, mean, square = (
                parameters[which],
                grads[which],
                means[which],
                squares[which],
            )
            taken, size = steps[which], SIZES[which]
    if tl.program_id(0) * BLOCK < size:
        index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        known = index < size
        rate, step = tl.load(lr), tl.load(taken).to(tl.float64)
        known1 = (1 - tl.exp(step * log_beta1)).to(tl.float32)  # averages began at zero
        known2 = (1 - tl.exp(step * log_beta2)).to(tl.float32)
        slope = tl.load(grad + index, mask=known, other=0.0)
        average = tl.load(mean + index, mask=known, other=0.0)
        spread = tl.load(square + index, mask=known, other=0.0)
        average += share1 * (slope - average)
        spread += share2 * (slope * slope - spread)
        tl.store(mean + index, average, mask=known)
        tl.store(square + index, spread, mask=known)
        weight = tl.load(weights + index, mask=known, other=0.0) * (1 - rate * decay)
        weight -= rate * (average / known1) / (tl.sqrt(spread / known2) + eps)
        tl.store(weights + index, weight, mask=known)
