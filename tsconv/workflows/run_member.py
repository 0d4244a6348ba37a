"""One member of a run, as a worker does it while others train the others."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tsconv.runs.store import load_member, open_run
from tsconv.stopping import Stop
from tsconv.training.distributed import Group
from tsconv.training.loop import EpochRecord, Watch
from tsconv.workflows.conclude import summarize
from tsconv.workflows.job import Order
from tsconv.workflows.members import begun, make_ready, train_members
from tsconv.workflows.progress import SECONDS_BETWEEN_WORDS, Seldom, Tell


def run_member(document: dict[str, Any], tell: Tell, stop: Stop | None = None) -> dict[str, Any]:
    """Train a member into its run, or find it there; how it came out is given back.

    Args:
        document: of :func:`tsconv.workflows.job.describe_member`.
        tell: called now and then with the member, step, n_steps and, once there is one, the newest
            epoch's record; and with what is to be logged, its level and message.
        stop: whether this process was told to end.

    Raises:
        TSConvError: what :func:`tsconv.workflows.train.train` says.
        Stopped: ``stop`` was asked for.
    """
    order, member = Order.from_dict(document), document["member"]
    ready = make_ready(order, Group(), for_training=True)
    with passed_on(tell), begun(ready, (member,)) as missing:
        train_members(ready, missing, watch=_watch(tell), stop=stop or Stop())
    return dataclasses.asdict(summarize(load_member(open_run(ready.directory), member)))


@contextmanager
def passed_on(tell: Tell) -> Iterator[None]:
    """Within, what the package logs is told too."""
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: tell(  # type: ignore[method-assign]
        {"level": record.levelno, "message": record.getMessage()}
    )
    logger = logging.getLogger("tsconv")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _watch(tell: Tell) -> Watch:
    """Who tells of the newest step and epoch now and then, and of the last step."""
    seldom, newest = Seldom(SECONDS_BETWEEN_WORDS), dict[str, Any](epoch=None)

    def on_epoch(record: EpochRecord) -> None:
        newest["epoch"] = dataclasses.asdict(record)

    def on_step(member: int, step: int, n_steps: int) -> None:
        if seldom.is_due() or step == n_steps:
            tell({"member": member, "step": step, "n_steps": n_steps, **newest})

    return Watch(on_epoch=on_epoch, on_step=on_step)
