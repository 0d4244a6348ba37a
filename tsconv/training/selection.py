"""Which epoch's weights a member keeps, and when there is no point in going on."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsconv.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Selected:
    """What chose a member's weights.

    Attributes:
        by: "last", "train_loss" or "valid_loss".
        epoch: the epoch after which the weights were taken, the first being 1.
        value: the loss that was lowest there, None for "last".
    """

    by: str
    epoch: int
    value: float | None


class Selector:
    """Keeps a copy of the weights at the strictly lowest loss so far.

    Attributes:
        live: the network's own tensors.
        kept: the copy, empty where there is none.
        selected: what it is a copy of.
        lowest_valid: the lowest validation loss so far.
        lowest_valid_epoch: the first epoch that had it.
    """

    def __init__(self, network: nn.Module, config: TrainingConfig) -> None:
        self.live = list(network.state_dict().values())  # the network's own memory
        self.config = config
        self.selected = Selected(config.select, 0, None)
        self.kept: list[Tensor] = []
        self.lowest_valid = math.inf
        self.lowest_valid_epoch = 0

    def offer(self, epoch: int, train_loss: float, valid_loss: float | None) -> None:
        """Look at the weights as they are after ``epoch``."""
        if valid_loss is not None and valid_loss < self.lowest_valid:
            self.lowest_valid, self.lowest_valid_epoch = valid_loss, epoch
        if self.config.select == "last":
            self.selected = Selected("last", epoch, None)
            return
        loss = train_loss if self.config.select == "train_loss" else valid_loss
        lowest = math.inf if self.selected.value is None else self.selected.value
        if loss is not None and loss < lowest:
            self.selected = Selected(self.config.select, epoch, loss)
            self._keep()

    def should_stop(self, epoch: int) -> bool:
        """Whether ``patience`` epochs went by without a lower validation loss."""
        patience = self.config.patience
        return patience is not None and epoch - self.lowest_valid_epoch >= patience

    def restore(self) -> Selected:
        """Put the kept weights back into the network, and tell what they are."""
        if self.kept:
            torch._foreach_copy_(self.live, self.kept)
        return self.selected

    def _keep(self) -> None:
        if not self.kept:
            self.kept = [each.clone() for each in self.live]
        else:
            torch._foreach_copy_(self.kept, self.live)  # on a GPU a launch or two for all weights
