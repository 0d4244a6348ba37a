"""How the learning rate moves over a run."""

import math
from typing import Protocol

import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from tsconv.config import TrainingConfig


class Schedule(Protocol):
    """Sets the optimiser's learning rate."""

    def before_step(self, step: int) -> None:
        """Called before step 0, 1, ..."""
        ...

    def after_epoch(self, train_loss: float) -> None:
        """Called with the mean loss over the epoch."""
        ...


def make_schedule(
    optimizer: torch.optim.Optimizer, config: TrainingConfig, n_steps: int
) -> Schedule:
    """The schedule that the config names, over ``n_steps`` optimiser steps."""
    if config.schedule == "plateau":
        return Plateau(optimizer, config)
    return ByStep(optimizer, config, n_steps)


class ByStep:
    """The rate is a function of the share of steps done: linear warm-up, then flat or cosine."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, config: TrainingConfig, n_steps: int
    ) -> None:
        self.optimizer = optimizer
        self.config = config
        self.n_steps = n_steps

    def before_step(self, step: int) -> None:
        rate = self.rate(step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def after_epoch(self, train_loss: float) -> None:
        pass

    def rate(self, step: int) -> float:
        """The learning rate of step 0 <= step < n_steps."""
        config = self.config
        rising = config.warmup * self.n_steps
        if step < rising:
            return max(config.min_lr, config.lr * (step + 1) / (rising + 1))
        if config.schedule == "constant":
            return config.lr
        share = (step - rising) / max(1.0, self.n_steps - rising)
        return config.min_lr + (config.lr - config.min_lr) * (1 + math.cos(math.pi * share)) / 2


class Plateau:
    """Keras' ReduceLROnPlateau: an absolute gain counts, and the rate falls at the patience itself.

    PyTorch's, set up to mean the same, waits for one epoch more than its patience.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, config: TrainingConfig) -> None:
        self.scheduler = ReduceLROnPlateau(
            optimizer,
            factor=config.plateau_factor,
            patience=config.plateau_patience - 1,
            threshold=config.plateau_threshold,
            threshold_mode="abs",
            min_lr=config.min_lr,
            eps=0,
        )

    def before_step(self, step: int) -> None:
        pass

    def after_epoch(self, train_loss: float) -> None:
        self.scheduler.step(train_loss)
