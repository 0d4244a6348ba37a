"""The optimisers that a config names, and where they keep their learning rate."""

from typing import Any

import torch
from torch import Tensor, nn

from tsconv.config import TrainingConfig
from tsconv.layers.gpu import choice


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
    device = parameters[0].device
    exact = torch.float64 if device.type == "cpu" else torch.float32
    lr = torch.tensor(config.lr, dtype=exact, device=device) if in_tensors else config.lr
    groups: list[dict[str, Any]] = [{"params": parameters, "weight_decay": 0.0}]
    if config.optimizer == "adamw":
        groups = [
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
    kinds: dict[str, type[torch.optim.Adam]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
    }
    kind = kinds[config.optimizer]
    if in_tensors and device.type == "cuda" and choice.is_installed():
        from tsconv.training import gpu_adam

        kind = gpu_adam.Adam
    optimizer = kind(groups, lr=lr, eps=config.epsilon, fused=True, capturable=in_tensors)
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
