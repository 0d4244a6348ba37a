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
    proba = torch.empty(0, 0, dtype=torch.float64)
    for index, each in by_length(data):
        batch = each.to(arithmetic.device)
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        if not len(proba):  # once: results kept batch by batch would scatter over freed memory
            proba = proba.new_empty(len(data), logits.shape[1])
        proba[index] = torch.softmax(logits.double(), dim=1).cpu()
    return proba.numpy()
