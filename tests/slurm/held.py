"""Tasks held still while they train, so that what is done to them finds them training.

A machine may train a small network before a test has looked twice, and take a minute for it when it
is busy. Who is held is under way whatever the machine, and goes on from there: for Slurm, for
tsconv and for the network it is as if the system had given the processor to others for a while.
"""

import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

STOPPED = "T"


@dataclass(frozen=True)
class Held:
    """The processes of one task: the worker that trains, and the command that started it.

    Attributes:
        job: of Slurm.
        node: where it runs.
        pids: of the worker, and of the command, which goes on first and so hears the signal first.
    """

    job: str
    node: str
    pids: tuple[int, ...]

    def is_waited_for(self) -> bool:
        """Whether a signal waits for it, or it does not stand still any more."""
        told = [_told(pid) for pid in self.pids]
        return any(not each or each["State"][0] != STOPPED or _waiting(each) for each in told)

    def let_go(self) -> None:
        """Let it go on."""
        for pid in reversed(self.pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def hold(job: str, node: str, worker: int) -> Held | None:
    """Hold a task whose worker trains; None if it has just ended."""
    with suppress(OSError, KeyError):
        held = Held(job, node, (worker, int(_told(worker)["PPid"])))
        for pid in held.pids:
            os.kill(pid, signal.SIGSTOP)
        return held
    return None


def _told(pid: int) -> dict[str, str]:
    """What the system tells of a process; nothing of one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _waiting(told: dict[str, str]) -> bool:
    """Whether a signal that was sent to it has not reached it yet."""
    return int(told["ShdPnd"], 16) != 0
