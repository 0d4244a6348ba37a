"""The loss of a network: of a batch it is trained on, over a part it is not, and class by class."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tsconv.errors import ConfigError, TrainingError
from tsconv.training.batches import Batch, in_order
from tsconv.training.distributed import Group
from tsconv.training.precision import Arithmetic


def weigh_classes(
    y: NDArray[np.int64],
    classes: Sequence[str],
    given: Literal["balanced"] | Mapping[str, float],
) -> NDArray[np.float64]:
    """(K,) what an instance of each class counts, their mean over the instances being one.

    Args:
        y: (N,) the instances' classes.
        classes: what they are called.
        given: "balanced" for classes that count the same, or weights, 1 for classes not named.

    Raises:
        ConfigError: a weight that is no positive number, or one for a label that does not exist.
    """
    counts = np.bincount(y, minlength=len(classes))
    if given == "balanced":
        return len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1.0))
    unknown = [label for label in given if label not in classes]
    if unknown and not all(label in given for label in classes):
        raise ConfigError(
            f"class_weight: found the label {unknown[0]!r}; expected some of "
            f"{', '.join(map(repr, classes))}"
        )
    if not all(isinstance(each, int | float) and 0 < each < np.inf for each in given.values()):
        raise ConfigError(f"class_weight: expected positive numbers, found {dict(given)}")
    weights = np.array([given.get(label, 1.0) for label in classes])
    return weights * len(y) / (weights @ counts)


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
