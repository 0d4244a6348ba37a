"""The loss of a network: of a batch it is trained on, and over a part it is not."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tsconv.errors import TrainingError
from tsconv.training.batches import Batch, in_order
from tsconv.training.distributed import Group
from tsconv.training.precision import Arithmetic


def weighted_loss(
    logits: Tensor, batch: Batch, class_weights: Tensor | None, label_smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy over a batch, each instance times its own weight and its class's."""
    if batch.y is None:
        raise TrainingError("expected labels to train on, found none")
    each = F.cross_entropy(logits, batch.y, reduction="none", label_smoothing=label_smoothing)
    if class_weights is not None:
        each = each * class_weights[batch.y]
    if batch.weights is not None:
        each = each * batch.weights
    return each.mean()


@torch.no_grad()
def summing_loss(
    total: Tensor,
    network: nn.Module,
    data: Batch,
    arithmetic: Arithmetic,
    class_weights: Tensor | None = None,
    *,
    begun: int = 0,
    group: Group | None = None,
) -> Iterator[None]:
    """Make ``total`` the loss of the network as it predicts, summed over a part; float64.

    Pauses after each batch; never waits for the device. ``begun`` batches are in ``total`` before.
    Of several processes, a ``group``, each computes a share of each batch.
    """
    group = group or Group()
    network.eval()
    if not begun:
        total.zero_()
    for batch in in_order(data, begun=begun, take=group.take):
        with arithmetic.autocast():
            logits = network(batch.x, batch.lengths)
        loss = weighted_loss(logits, batch, class_weights).double() * batch.part
        total += group.sum(loss) * batch.n_whole
        yield
    network.train()
