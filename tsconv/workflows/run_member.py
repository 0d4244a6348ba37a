"""One member of a run, as a worker does it while others train the others."""

import dataclasses
import time
from typing import Any

from tsconv.stopping import Stop
from tsconv.training.loop import EpochRecord, Watch
from tsconv.workflows.job import Order
from tsconv.workflows.progress import SECONDS_BETWEEN_WORDS, Tell
from tsconv.workflows.train import train


def run_member(document: dict[str, Any], tell: Tell, stop: Stop | None = None) -> dict[str, Any]:
    """Train a member into its run, or find it there; how it came out is given back.

    Args:
        document: of :func:`tsconv.workflows.job.describe_member`.
        tell: called now and then with the member, step, n_steps and, once there is one, the newest
            epoch's record.
        stop: whether this process was told to end.

    Raises:
        TSConvError: what :func:`tsconv.workflows.train.train` says.
        Stopped: ``stop`` was asked for.
    """
    order, member, teller = Order.from_dict(document), document["member"], _Teller(tell)
    trained = train(
        order.data,
        order.config,
        out=order.out,
        schema=order.schema,
        valid=order.valid,
        member=member,
        resample=order.resample,
        conclude=False,
        watch=Watch(on_epoch=teller.on_epoch, on_step=teller.on_step),
        stop=stop,
    )
    return next(dataclasses.asdict(each) for each in trained.members if each.member == member)


class _Teller:
    """Tells of the newest step and epoch, at most once a second, and of the last step."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell
        self.told = -float("inf")
        self.epoch: dict[str, Any] | None = None

    def on_epoch(self, record: EpochRecord) -> None:
        self.epoch = dataclasses.asdict(record)

    def on_step(self, member: int, step: int, n_steps: int) -> None:
        at = time.monotonic()
        if step == n_steps or at - self.told >= SECONDS_BETWEEN_WORDS:
            self.told = at
            values = {"member": member, "step": step, "n_steps": n_steps, "epoch": self.epoch}
            self.tell(values)
