"""Where the series of a padded batch have time points."""

import torch
from torch import Tensor


def time_mask(lengths: Tensor | None, n_timepoints: int) -> Tensor | None:
    """(N, 1, L) booleans, true before each series' end; None where every series is whole.

    Args:
        lengths: int64 (N,), or None when no series is padded.
        n_timepoints: L.
    """
    if lengths is None:
        return None
    times = torch.arange(n_timepoints, device=lengths.device)
    return (times < lengths[:, None]).unsqueeze(1)


def zero_padding(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x`` (N, C, L) with zeros where the mask is false."""
    return x if mask is None else x.masked_fill(~mask, 0)
