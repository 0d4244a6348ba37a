"""Probabilities of a batch from a trained network, within bounded memory."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tsconv.training.batches import Batch, in_order
from tsconv.training.precision import Arithmetic


@torch.inference_mode()
def infer_proba(network: nn.Module, data: Batch, arithmetic: Arithmetic) -> NDArray[np.float64]:
    """Softmax of the logits, (N, K), rows summing to one; neither order nor neighbours matter."""
    parts = []
    for each in in_order(data):
        batch = each.to(arithmetic.device)
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        parts.append(torch.softmax(logits.double(), dim=1).cpu())
    return torch.cat(parts).numpy()
