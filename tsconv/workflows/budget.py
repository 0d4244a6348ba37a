"""Budget: whether training sees every series often enough to learn from it."""

from collections.abc import Iterator

from tsconv.classifier import Preparation
from tsconv.training.batches import steps_per_epoch
from tsconv.training.loop import count_steps

FEW_EPOCHS = 5


def doubts(preparation: Preparation) -> Iterator[str]:
    """What to say of a budget of fewer than five epochs, which a large set makes of any steps."""
    n_train, training = len(preparation.data), preparation.config.training
    steps, batch_size = count_steps(n_train, training), min(training.batch_size, n_train)
    per_epoch = steps_per_epoch(n_train, training.batch_size)
    if steps < FEW_EPOCHS * per_epoch:
        yield (
            f"{steps} steps of {batch_size} see each of {n_train} training series "
            f"{steps / per_epoch:.1f} times; for {FEW_EPOCHS} times "
            f"--set training.steps={FEW_EPOCHS * per_epoch}"
        )
