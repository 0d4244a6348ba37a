"""Processes by what tells them apart for good: a number alone is given out again."""

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    """One process on one host.

    Attributes:
        host: its name.
        boot: which start of the host, and which of its lists of processes; "" where unknown.
        pid: number.
        started: when it was started, in ticks since the boot; None where unknown.
    """

    host: str
    boot: str
    pid: int
    started: int | None

    @property
    def is_of_here(self) -> bool:
        """Whether this host can tell if it is alive."""
        here = this_process()
        return (self.host, self.boot) == (here.host, here.boot)

    @property
    def is_alive(self) -> bool:
        """Whether it runs, if it is of here; one that has ended and was not waited for does not."""
        if not (PROC / "self").exists():
            return _answers(self.pid)
        known = _state_and_start(self.pid)
        return known is not None and known[0] not in "ZX" and known[1] == self.started


@cache
def _this_host() -> tuple[str, str]:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        boot = f"{boot} {os.readlink(PROC / 'self/ns/pid')}"
    except OSError:
        boot = ""
    return socket.gethostname(), boot


def this_process() -> Process:
    """The one that asks."""
    host, boot = _this_host()
    known = _state_and_start(os.getpid())
    return Process(host=host, boot=boot, pid=os.getpid(), started=known[1] if known else None)


def _state_and_start(pid: int) -> tuple[str, int] | None:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # after the name, which may hold anything
    return fields[0], int(fields[19])


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
