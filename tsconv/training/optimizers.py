"""The optimisers that a config names, and where they keep their learning rate."""

import torch
from torch import Tensor, nn

from tsconv.config import TrainingConfig


def make_optimizer(
    network: nn.Module, config: TrainingConfig, *, in_tensors: bool = False
) -> torch.optim.Optimizer:
    """The optimiser that the config names; weight decay spares biases, norms and gains.

    Args:
        network: what to optimise.
        config: which optimiser.
        in_tensors: keep all that changes from step to step in tensors, the rate too, so that a
            step can be recorded.
    """
    parameters = [each for each in network.parameters() if each.requires_grad]
    lr = torch.tensor(config.lr, device=parameters[0].device) if in_tensors else config.lr
    if config.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(
            parameters, lr=lr, eps=config.epsilon, fused=True, capturable=in_tensors
        )
    else:
        groups = [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(
            groups, lr=lr, eps=config.epsilon, fused=True, capturable=in_tensors
        )
    # The first steps are taken before any is recorded, which PyTorch would warn of.
    vars(optimizer)["_warned_capturable_if_run_uncaptured"] = True
    return optimizer


def set_lr(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """The learning rate of the steps to come, written where the optimiser keeps it."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
