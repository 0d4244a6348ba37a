"""Probabilities of a batch from a trained network, within bounded memory."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tsconv.training.batches import Batch, by_length
from tsconv.training.precision import Arithmetic


@torch.inference_mode()
def infer_proba(network: nn.Module, data: Batch, arithmetic: Arithmetic) -> NDArray[np.float64]:
    """Softmax of the logits, (N, K), rows summing to one; neither order nor neighbours matter."""
    positions, parts = [], []
    for index, each in by_length(data):
        batch = each.to(arithmetic.device)
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        positions.append(index)
        parts.append(torch.softmax(logits.double(), dim=1).cpu())
    proba = torch.cat(parts)
    return proba[torch.cat(positions).argsort()].numpy()
