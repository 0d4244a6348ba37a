"""What every network is: a backbone that keeps time, and a head that pools it away."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from tsconv.layers.layout import fused_layers
from tsconv.registry import Registry

Predictor = Callable[[Tensor, Tensor | None], Tensor]
"""Gives the logits (N, K) of series (N, C, L), float32, and their lengths."""


class Network(nn.Module, ABC):
    """Logits from series: ``head(features(x))``.

    A subclass is built as ``cls(n_channels, n_classes, **options)``, sets ``head``, and is
    registered under its file's name. With ``lengths``, the logits of a padded series equal those
    of the series alone, and batch statistics leave padding out.
    """

    paper: ClassVar[str]
    """Authors, title, venue and address of the paper, on one line."""

    relative_cost: ClassVar[float] = 1.0
    """What a product of a parameter and a time point takes a processor in training, as multiple of
    what it takes for `inception`: wide kernels over many channels are quickest. Benchmarks are
    scheduled by it."""

    head: nn.Module

    fused: bool = True
    """Whether layers compute by this package's fast ways, or by PyTorch's own operators."""

    @property
    @abstractmethod
    def receptive_field(self) -> int:
        """Time points of the input that one time point of the features can see."""

    @abstractmethod
    def features(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The backbone's output (N, F, L), aligned in time with x (N, C, L), zero in padding."""

    @classmethod
    def options_for(cls, n_timepoints: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """``given`` options, and those this network chooses from the longest training series."""
        return dict(given)

    def prepared(self, dtype: torch.dtype) -> Predictor | None:
        """What predicts faster than this network on a processor, with its weights as they are now.

        None where nothing does. It may be called from several threads at once, without gradients.

        Args:
            dtype: of convolutions.
        """
        return None

    @property
    def n_parameters(self) -> int:
        """Trainable parameters, the head's included."""
        return sum(each.numel() for each in self.parameters() if each.requires_grad)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        with fused_layers(self.fused):
            logits: Tensor = self.head(self.features(x, lengths), lengths)
        return logits


NETWORKS: Registry[type[Network]] = Registry("network", "tsconv.networks")


def expect_at_least(least: int, **values: int) -> None:
    """Refuse options of a network that are too small.

    Raises:
        ValueError: one is less.
    """
    for name, value in values.items():
        if value < least:
            raise ValueError(f"{name}: expected {least} or more, found {value}")
