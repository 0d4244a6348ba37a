"""The whole state of a training under way, so that it goes on as if it had never been left.

A checkpoint is one safetensors file: weights and buffers, the optimiser's moments, the weights kept
so far, the random numbers' states, and as metadata the plain values (schedule, history, the step
inside the epoch) with a checksum of it all. The order of an epoch is not stored but drawn again.
"""

import dataclasses
import hashlib
import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tsconv.errors import RunError
from tsconv.training.distributed import Group
from tsconv.training.loop import Course, EpochRecord, Progress
from tsconv.training.seeding import Draws
from tsconv.training.selection import Selected

logger = logging.getLogger(__name__)

FORMAT = 1
SECONDS = 30.0
"""Between two checkpoints of a member, unless somebody asks for another pause."""
LARGEST_SHARE = 0.01
"""Of the time, what writing checkpoints may take: on a slow file system they are written seldom."""

Tensors = dict[str, Tensor]


class Shelf(Protocol):
    """Where checkpoints lie; a run directory gives one."""

    def put(self, member: int, content: bytes) -> None:
        """Keep a checkpoint as the newest, and the newest up to now as the one before.

        Raises:
            RunError: it cannot be written; those before are still there.
        """
        ...

    def newest_first(self, member: int) -> Iterator[tuple[str, bytes]]:
        """The checkpoints of a member, each with a name for messages; fewer where some are lost.

        Whoever takes another one has found that before it damaged, and it is thrown away.
        """
        ...


class SharedShelf:
    """The shelf of the first of several processes, who all take up what lies there."""

    def __init__(self, shelf: Shelf, group: Group) -> None:
        self.shelf = shelf
        self.group = group

    def put(self, member: int, content: bytes) -> None:
        """Keep a checkpoint, in the first process."""
        if self.group.is_first:
            self.shelf.put(member, content)

    def newest_first(self, member: int) -> Iterator[tuple[str, bytes]]:
        """What the first process finds; all must ask for the same number of them."""
        found = self.shelf.newest_first(member) if self.group.is_first else iter(())
        while (checkpoint := self.group.from_first(next(found, None))) is not None:
            yield checkpoint


class Keeper:
    """Saves trainings now and then, and takes up those that were left.

    Args:
        shelf: where checkpoints lie.
        seconds: between two checkpoints of a member; 0 for one at every step.

    Attributes:
        seconds_spent: on writing.
    """

    def __init__(self, shelf: Shelf, *, seconds: float = SECONDS) -> None:
        self.shelf = shelf
        self.seconds = seconds
        self.seconds_spent = 0.0
        self._due: dict[int, float] = {}

    def take_up(self, course: Course, draws: Draws) -> None:
        """Bring a training that has not begun to where it was left, if it was."""
        self._due[course.member] = time.monotonic() + self.seconds
        found = False
        for name, content in self.shelf.newest_first(course.member):
            found = True
            try:
                restore(course, draws, *from_bytes(content))
            except (ValueError, KeyError, TypeError) as error:
                reason = " ".join(str(error).split())
                logger.warning("%s: damaged, and so left out (%s)", name, reason)
                continue
            progress = course.progress
            logger.info(
                "member %d: taken up at step %d of %d", course.member, progress.step, course.n_steps
            )
            return
        if found:
            logger.warning("member %d: no checkpoint can be read, begins anew", course.member)

    def look_after(self, course: Course, draws: Draws) -> None:
        """Save a training that pauses, if it is time to."""
        if time.monotonic() >= self._due[course.member]:
            self.save(course, draws)

    def save(self, course: Course, draws: Draws) -> bool:
        """Save a training that pauses; False, with a warning, if that cannot be done now."""
        began = time.monotonic()
        try:
            self.shelf.put(course.member, to_bytes(*capture(course, draws)))
        except RunError as error:
            saved = False
            logger.warning("member %d goes on, but is not saved: %s", course.member, error)
        else:
            saved = True
        now = time.monotonic()
        self.seconds_spent += now - began
        pause = max(self.seconds, (now - began) / LARGEST_SHARE) if self.seconds else 0.0
        self._due[course.member] = now + pause
        return saved


def capture(course: Course, draws: Draws) -> tuple[Tensors, dict[str, Any]]:
    """The state of a training that pauses; tensors are not copied, so use them at once."""
    optimizer, selector = course.steps.optimizer, course.selector
    tensors = {
        **_named("network", course.network.state_dict()),
        **_named("optimizer", _moments(optimizer)),
        **_named("kept", {str(k): each for k, each in enumerate(selector.kept)}),
        **_named("draws", draws.state()),
        "total": course.steps.total,
        "valid_total": course.validation.total,
        "pass_began": course.pass_began,
    }
    values = {
        "format": FORMAT,
        "arithmetic": _arithmetic(course),
        "progress": dataclasses.asdict(course.progress),
        "schedule": course.schedule.state(),
        "selected": dataclasses.asdict(selector.selected),
        "lowest_valid": [selector.lowest_valid, selector.lowest_valid_epoch],
    }
    return tensors, values


def restore(course: Course, draws: Draws, tensors: Tensors, values: dict[str, Any]) -> None:
    """Bring a training that has not begun into a state; it stays as it is if that does not fit.

    Raises:
        ValueError: the state is that of another network.
    """
    network, selector = course.network.state_dict(), course.selector
    stored = _under("network", tensors)
    if _shapes(stored) != _shapes(network):
        raise ValueError("expected the state of this network")
    if values["arithmetic"] != _arithmetic(course):
        logger.warning(
            "member %d: begun on %s, goes on on %s, which rounds differently",
            *(course.member, values["arithmetic"], _arithmetic(course)),
        )
    history = [EpochRecord(**record) for record in values["progress"]["history"]]
    progress = Progress(**{**values["progress"], "history": history})
    progress.taken_up += 1
    course.progress = progress
    course.schedule.restore(values["schedule"])
    selector.selected = Selected(**values["selected"])
    selector.lowest_valid, selector.lowest_valid_epoch = values["lowest_valid"]
    kept = _under("kept", tensors)
    selector.kept = [_like(kept[str(k)], selector.live[k]) for k in range(len(kept))]
    for name, each in network.items():
        each.copy_(stored[name])
    _restore_moments(course.steps.optimizer, _under("optimizer", tensors))
    course.steps.total.copy_(tensors["total"])
    course.validation.total.copy_(tensors["valid_total"])
    course.pass_began = tensors["pass_began"]
    draws.restore(_under("draws", tensors))


def to_bytes(tensors: Tensors, values: dict[str, Any]) -> bytes:
    """A state as a safetensors file, with its checksum."""
    ready = {name: each.detach().cpu().contiguous() for name, each in tensors.items()}
    text = json.dumps(values)
    return save(ready, metadata={"values": text, "sha256": _digest(ready, text)})


def from_bytes(content: bytes) -> tuple[Tensors, dict[str, Any]]:
    """The state that a file holds.

    Raises:
        ValueError: it is cut off or otherwise damaged, or of another version.
    """
    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        text, expected = metadata["values"], metadata["sha256"]
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"expected safetensors; {error}") from error
    if _digest(tensors, text) != expected:
        raise ValueError("its bytes are not those that were written")
    values = json.loads(text)
    if values["format"] != FORMAT:
        raise ValueError(f"expected format {FORMAT}, found {values['format']}")
    return tensors, values


def _digest(tensors: Tensors, text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name, each in sorted(tensors.items()):
        digest.update(f"{name} {each.dtype} {tuple(each.shape)}".encode())
        digest.update(each.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _arithmetic(course: Course) -> str:
    arithmetic = course.task.arithmetic
    where, n_threads = arithmetic.device.type, torch.get_num_threads()
    by = f" by {n_threads} thread{'s' * (n_threads > 1)}" if where == "cpu" else ""
    return f"{where} in {str(arithmetic.dtype).removeprefix('torch.')}{by}"


def _moments(optimizer: torch.optim.Optimizer) -> Tensors:
    """What the optimiser knows of each parameter, by its number and the thing's name."""
    return {
        f"{k}.{name}": each
        for k, known in optimizer.state_dict()["state"].items()
        for name, each in known.items()
    }


def _restore_moments(optimizer: torch.optim.Optimizer, moments: Tensors) -> None:
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    for place, each in moments.items():
        k, _, name = place.partition(".")
        optimizer.state[parameters[int(k)]][name] = _like(each, parameters[int(k)])


def _like(values: Tensor, other: Tensor) -> Tensor:
    """A copy that lies in memory as ``other`` does: sums round by the order of what is summed."""
    if values.shape != other.shape:
        return values.to(other.device)
    return torch.empty_like(other, dtype=values.dtype, requires_grad=False).copy_(values)


def _named(prefix: str, tensors: Tensors) -> Tensors:
    return {f"{prefix}.{name}": each for name, each in tensors.items()}


def _under(prefix: str, tensors: Tensors) -> Tensors:
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}


def _shapes(tensors: Tensors) -> dict[str, torch.Size]:
    return {name: each.shape for name, each in tensors.items()}
