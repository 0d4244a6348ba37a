"""How the learning rate moves over a run."""

import math
from typing import Any, Protocol

from tsconv.config import TrainingConfig


class Schedule(Protocol):
    """Tells the learning rate; a number of the host's alone, which knows no optimiser."""

    def rate(self, step: int) -> float:
        """The learning rate of step 0, 1, ..."""
        ...

    def after_epoch(self, train_loss: float) -> None:
        """Called with the mean loss over the epoch."""
        ...

    def state(self) -> dict[str, Any]:
        """What :meth:`after_epoch` changed, in plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a :meth:`state`."""
        ...


def make_schedule(config: TrainingConfig, n_steps: int) -> Schedule:
    """The schedule that the config names, over ``n_steps`` optimiser steps."""
    if config.schedule == "plateau":
        return Plateau(config)
    return ByStep(config, n_steps)


class ByStep:
    """The rate is a function of the share of steps done: linear warm-up, then flat or cosine."""

    def __init__(self, config: TrainingConfig, n_steps: int) -> None:
        self.config = config
        self.n_steps = n_steps

    def rate(self, step: int) -> float:
        config = self.config
        rising = config.warmup * self.n_steps
        if step < rising:
            return max(config.min_lr, config.lr * (step + 1) / (rising + 1))
        if config.schedule == "constant":
            return config.lr
        share = (step - rising) / max(1.0, self.n_steps - rising)
        return config.min_lr + (config.lr - config.min_lr) * (1 + math.cos(math.pi * share)) / 2

    def after_epoch(self, train_loss: float) -> None:
        pass

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


class Plateau:
    """Keras' ReduceLROnPlateau: an absolute gain counts, and the rate falls at the patience itself.

    PyTorch's, set up to mean the same, waits for one epoch more than its patience.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.lr = config.lr
        self.lowest = math.inf
        self.waited = 0

    def rate(self, step: int) -> float:
        return self.lr

    def after_epoch(self, train_loss: float) -> None:
        config = self.config
        if train_loss < self.lowest - config.plateau_threshold:
            self.lowest, self.waited = train_loss, 0
            return
        self.waited += 1
        if self.waited >= config.plateau_patience:
            self.lr = min(self.lr, max(self.lr * config.plateau_factor, config.min_lr))
            self.waited = 0

    def state(self) -> dict[str, Any]:
        return {"lr": self.lr, "lowest": self.lowest, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        self.lr, self.lowest, self.waited = state["lr"], state["lowest"], state["waited"]
