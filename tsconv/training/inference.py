"""Probabilities of a batch from a trained network, within bounded memory."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tsconv.training.batches import Batch
from tsconv.training.precision import Arithmetic

VALUES_PER_BATCH = 2**17
"""Time points of all series together that are computed at once (some 64 MiB of features each)."""


@torch.inference_mode()
def infer_proba(network: nn.Module, data: Batch, arithmetic: Arithmetic) -> NDArray[np.float64]:
    """Softmax of the logits, (N, K), rows summing to one; neither order nor neighbours matter."""
    size = max(1, VALUES_PER_BATCH // data.x.shape[-1])
    parts = []
    for start in range(0, len(data), size):
        batch = data.take(slice(start, start + size)).to(arithmetic.device)
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        parts.append(torch.softmax(logits.double(), dim=1).cpu())
    return torch.cat(parts).numpy()
