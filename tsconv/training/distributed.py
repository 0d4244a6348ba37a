"""One network trained by several processes, as `torchrun` starts them; the only reader of RANK.

Every process holds the same network and draws the same numbers. A step's batch is the one that a
single process would take; each computes some of its series, statistics and gradients are joined,
and all take the same step. So the result is that of one process, but for rounding, on any number
of processes; and what one decides (to select, to stop) all decide.

Without torchrun's variables there is a group of one, and nothing here is imported or waited for.
PyTorch is imported when a group is joined, since the command line asks before.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, cast

from tsconv.errors import ConfigError, TrainingError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tsconv.training.batches import Batch

logger = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_WAIT = timedelta(days=1)
"""Of a process for the others: the first may evaluate for long. A death is seen at once anyway."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which of how many processes this is, and which of those on its node.

    Attributes:
        rank: from 0.
        size: processes in all.
        local_rank: of those on this node, None for a process that has no others beside it.
        local_size: processes on this node.
    """

    rank: int = 0
    size: int = 1
    local_rank: int | None = None
    local_size: int = 1


ALONE = Place()


def find_place() -> Place:
    """What torchrun's variables say; the only process where there are none.

    Raises:
        ConfigError: some of the variables are missing or no numbers.
    """
    if "RANK" not in os.environ:
        return ALONE
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    try:
        return Place(*(int(os.environ[name]) for name in names))
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"found RANK={os.environ['RANK']} in the environment, expected {', '.join(names)} as "
            f"torchrun sets them ({error}); start with torchrun, or unset RANK"
        ) from error


class Group:
    """The processes that train one network; this class itself is a group of one."""

    place = ALONE

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.place.rank == 0

    def take(self, data: "Batch", positions: "Tensor") -> "Batch":
        """The series of a batch, given by their positions, that this process computes."""
        return data.take(positions)

    def sum(self, tensor: "Tensor") -> "Tensor":
        """The sum of a tensor that each process gives."""
        return tensor

    def sum_gradients(self, network: "nn.Module", loss: "Tensor") -> "Tensor":
        """Make each process's gradients the sum of all, and give that of a loss with them."""
        return loss

    def align(self, network: "nn.Module") -> None:
        """Give all processes the weights of the first."""

    def any(self, claim: bool) -> bool:
        """Whether it is so on one of the processes."""
        return claim

    def from_first(self, value: T) -> T:
        """What the first process has."""
        return value

    def refuse_different(self, **values: object) -> None:
        """Raise TrainingError if the processes have different values of something."""

    def refuse_idle(self, batch_size: int) -> None:
        """Raise ConfigError if there are more processes than series in a batch."""


class Together(Group):
    """Several processes; each must call the same methods in the same order."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def take(self, data: "Batch", positions: "Tensor") -> "Batch":
        """Shares differ by a series at most; of a batch too small to share, everybody takes all."""
        from tsconv.layers.sharing import Share

        n, (rank, size) = len(positions), (self.place.rank, self.place.size)
        too_few = n < size
        first, last = (0, n) if too_few else (n * rank // size, n * (rank + 1) // size)
        share = Share(n, first, copies=size if too_few else 1, gather=self.gather)
        return replace(data.take(positions[first:last]), share=share)

    def gather(self, tensor: "Tensor") -> "Tensor":
        """The tensors of all processes, stacked in order of their rank."""
        import torch.distributed as dist

        parts = tensor.new_empty((self.place.size, *tensor.shape))
        with _not_alone():
            dist.all_gather(list(parts), tensor.contiguous())
        return parts

    def sum(self, tensor: "Tensor") -> "Tensor":
        return self.gather(tensor).sum(0)

    def sum_gradients(self, network: "nn.Module", loss: "Tensor") -> "Tensor":
        import torch
        import torch.distributed as dist

        parameters = [each for each in network.parameters() if each.grad is not None]
        grads = [cast("Tensor", each.grad) for each in parameters]
        flat = torch.cat([*(grad.flatten() for grad in grads), loss.flatten()])
        with _not_alone():
            dist.all_reduce(flat)
        *parts, total = torch.split(flat, [*(grad.numel() for grad in grads), 1])
        for parameter, part in zip(parameters, parts, strict=True):
            parameter.grad = part.view_as(parameter)
        return total.view_as(loss)

    def align(self, network: "nn.Module") -> None:
        import torch.distributed as dist

        _refuse_own_statistics(network)
        with _not_alone():
            for tensor in network.state_dict().values():
                dist.broadcast(tensor, src=0)

    def any(self, claim: bool) -> bool:
        import torch

        return bool(self.gather(torch.tensor([claim], dtype=torch.uint8)).any())

    def from_first(self, value: T) -> T:
        import torch.distributed as dist

        box = [value]
        with _not_alone():
            dist.broadcast_object_list(box, src=0)
        return box[0]

    def refuse_different(self, **values: object) -> None:
        import torch.distributed as dist

        everybody: list[dict[str, object]] = [{}] * self.place.size
        with _not_alone():
            dist.all_gather_object(everybody, values)
        for rank, theirs in enumerate(everybody):
            for name, value in everybody[0].items():
                if theirs[name] != value:
                    raise TrainingError(
                        f"{name}: found {value} in process 0 and {theirs[name]} in process {rank}; "
                        "expected the same in all that train one network"
                    )

    def refuse_idle(self, batch_size: int) -> None:
        if self.place.size > batch_size:
            raise ConfigError(
                f"found {self.place.size} processes for batches of {batch_size} series; expected a "
                "series each or more: start fewer, or give --set training.batch_size=N"
            )


def _refuse_own_statistics(network: "nn.Module") -> None:
    """Refuse PyTorch's batch norm, which would take each process's share for the batch."""
    from torch.nn.modules.batchnorm import _BatchNorm

    for name, each in network.named_modules():
        if isinstance(each, _BatchNorm):
            raise ConfigError(
                f"{name}: found torch.nn.{type(each).__name__}, whose statistics are those of one "
                "process's series; expected tsconv.layers.batch_norm.BatchNorm, or one process"
            )


@contextmanager
def joined() -> Iterator[Group]:
    """The group that this process was started into, for as long as it trains.

    Processes but the first are silent within.

    Raises:
        TrainingError: another process ended, or could not be reached.
    """
    place = find_place()
    if place.size == 1:
        yield Group()
        return
    import torch
    import torch.distributed as dist

    # Imported later it would take the group for a default argument, and outlive it with gloo's
    # threads; of these one that still holds a tensor when Python ends aborts the process.
    import torch.distributed.nn.functional

    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    with _not_alone():
        dist.init_process_group(backend, timeout=LONGEST_WAIT)
    package = logging.getLogger("tsconv")
    level = package.level
    if place.rank > 0:
        package.setLevel(logging.CRITICAL)
    try:
        yield Together(place)
        with _not_alone():
            dist.barrier()
    finally:
        package.setLevel(level)
    dist.destroy_process_group()  # not after an error: it might wait for who is gone


@contextmanager
def _not_alone() -> Iterator[None]:
    """Within, all processes must do the same; what went wrong is told in our words."""
    try:
        yield
    except RuntimeError as error:
        first, *_ = str(error).splitlines()
        raise TrainingError(
            f"a process of this training ended or cannot be reached ({first}); if it told no "
            "error of its own, it was killed: was memory short?"
        ) from error


def told_elsewhere() -> bool:
    """Whether another process of this training has asked this before: one error, told once."""
    if "RANK" not in os.environ or find_place().size == 1:
        return False
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    start = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store = TCPStore(address, port, is_master=False, timeout=timedelta(seconds=5))
        return store.add(f"tsconv/told/{start}", 1) > 1
    except RuntimeError:  # the store went with the process that held it
        return False
