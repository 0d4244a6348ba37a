"""The head of a network: pool the features over time, then one linear map to logits."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from tsconv.layers.batch_norm import BatchNorm
from tsconv.layers.masking import time_mask

Pooling = Literal["mean", "max", "last"]


class Head(nn.Module):
    """Logits from features, pooled over the time points a series has.

    Args:
        n_features: F.
        n_classes: K.
        pooling: "mean" is global average pooling; "last" is the last time point of each series, the
            choice of Bai et al., which suits a causal network that must answer as time goes on.
        standardise: a batch norm between pooling and linear map. Of a network without norms, the
            means of features over time differ little from one series to the next, by a hundredth of
            their value on outlines, and a linear map learns next to nothing of that.

    Shape:
        (N, F, L), zero after each series' end -> (N, K), float32 whatever the features' type.
    """

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        *,
        pooling: Pooling = "mean",
        standardise: bool = False,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise ValueError(f"expected pooling {' or '.join(POOLINGS)}, found {pooling!r}")
        self.pooling = pooling
        self.pool = POOLINGS[pooling]
        self.norm = BatchNorm(n_features, eps=1e-5) if standardise else None
        self.linear = nn.Linear(n_features, n_classes)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        pooled = self.pool(features, lengths)  # (N, F)
        with torch.autocast(pooled.device.type, enabled=False):
            if self.norm is not None:
                pooled = self.norm(pooled.unsqueeze(2)).squeeze(2)
            logits: Tensor = self.linear(pooled)
        return logits

    def as_weight_and_bias(self) -> tuple[Tensor, Tensor]:
        """(K, F) and (K,): what makes logits of pooled features once the network is trained."""
        weight, bias = self.linear.weight, self.linear.bias
        if self.norm is None:
            return weight, bias
        scale, shift = self.norm.as_scale_and_shift()
        return weight * scale, bias + weight @ shift


def _mean(features: Tensor, lengths: Tensor | None) -> Tensor:
    over_time = features.permute(2, 0, 1)  # so that the gradient lies in memory as features do
    if lengths is None:
        return over_time.mean(0, dtype=torch.float32)
    return over_time.sum(0, dtype=torch.float32) / lengths[:, None]


def _max(features: Tensor, lengths: Tensor | None) -> Tensor:
    mask = time_mask(lengths, features.shape[-1])
    if mask is not None:
        features = features.masked_fill(~mask, -torch.inf)
    return features.amax(-1).float()


def _last(features: Tensor, lengths: Tensor | None) -> Tensor:
    if lengths is None:
        return features[..., -1].float()
    index = (lengths - 1)[:, None, None].expand(-1, features.shape[1], 1)
    return features.gather(-1, index).squeeze(-1).float()


POOLINGS: dict[Pooling, Callable[[Tensor, Tensor | None], Tensor]] = {
    "mean": _mean,
    "max": _max,
    "last": _last,
}
