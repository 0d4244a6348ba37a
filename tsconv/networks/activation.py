"""Class-activation maps: how much each time point speaks for each class.

Zhou, Khosla, Lapedriza, Oliva & Torralba, "Learning deep features for discriminative localization",
CVPR 2016, https://arxiv.org/abs/1512.04150: the head's weights on the features before pooling. Any
network of a backbone and a linear head has them, without training or gradients.
"""

import torch
from torch import Tensor

from tsconv.errors import ConfigError
from tsconv.layers.layout import fused_layers
from tsconv.layers.masking import time_mask
from tsconv.networks.heads import Head, Pooling
from tsconv.networks.network import Network

MEANINGS: dict[Pooling, str] = {
    "mean": "Their mean over time, plus the bias, is the logit.",
    "max": (
        "The head keeps each feature's largest value over time, so a map says where features are "
        "strong, and its sum is no logit."
    ),
    "last": (
        "The head reads the last time point alone: its value, plus the bias, is the logit; earlier "
        "ones are what it would read there."
    ),
}
"""By the head's pooling, what the values of a map say."""


@torch.inference_mode()
def activation_maps(network: Network, x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """What each time point adds for each class, (N, K, L) float32, nan after a series' end.

    Args:
        network: in eval mode.
        x: preprocessed series (N, C, L).
        lengths: int64 (N,), None where no series is padded.

    Raises:
        ConfigError: the network's head is no pooling and linear map.
    """
    weight, _ = _head(network).as_weight_and_bias()  # (K, F)
    with fused_layers(network.fused):
        features = network.features(x, lengths)  # (N, F, L)
    maps = torch.einsum("kf,nfl->nkl", weight, features.float())
    mask = time_mask(lengths, x.shape[-1])
    return maps if mask is None else maps.masked_fill(~mask, torch.nan)


def meaning(network: Network) -> str:
    """What the network's maps say, in a sentence.

    Raises:
        ConfigError: as :func:`activation_maps`.
    """
    return MEANINGS[_head(network).pooling]


def _head(network: Network) -> Head:
    if not isinstance(network.head, Head):
        raise ConfigError(
            f"class-activation maps: expected a head that pools and is linear, found "
            f"{type(network.head).__name__}"
        )
    return network.head
