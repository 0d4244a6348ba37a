"""How a process is told to end, and ends with what is under way saved.

A batch system sends a signal some time before it kills. The first one that comes ends the process
at once where nothing is lost by it, and after the step under way where a training saves itself. A
step that takes too long for that is given up.
"""

import math
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tsconv.errors import ConfigError, Stopped

VARIABLE = "TSCONV_SIGNALS"
DEFAULT = "TERM,INT,USR1,USR2"
EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again
PATIENCE = 5.0
"""Seconds that a step under way may still take once a signal has come."""
SECONDS_TO_SAVE = 20.0
"""Given to who asks, and saves; with PATIENCE less than batch systems leave between two signals."""


class Stop:
    """Whether this process was told to end.

    Attributes:
        told_by: the signal's name, "" as long as there was none.
    """

    def __init__(self) -> None:
        self.told_by = ""
        self._deferring = False
        self._patience = math.inf
        self._is_told = False

    def is_asked_for(self) -> bool:
        """Whether there was a signal; who is told so for the first time has a while to save."""
        if self.told_by and not self._is_told:
            self._is_told = True
            if self._deferring and math.isfinite(self._patience):
                signal.setitimer(signal.ITIMER_REAL, SECONDS_TO_SAVE)
        return bool(self.told_by)

    @contextmanager
    def deferred(self, patience: float = math.inf) -> Iterator[None]:
        """Within, a signal is only noted; who works there asks :meth:`is_asked_for`.

        Args:
            patience: seconds after the signal; who has not asked by then is interrupted anyway, who
                has asked, SECONDS_TO_SAVE after that.
        """
        self._deferring, self._patience = True, patience
        before = signal.getsignal(signal.SIGALRM)
        try:
            yield
        finally:
            self._deferring = False
            if self.told_by and math.isfinite(patience):
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
        if self.told_by:
            raise Stopped(f"told to by {self.told_by}")

    def take(self, number: int, frame: FrameType | None = None) -> None:
        """A signal has come.

        Raises:
            Stopped: it is the first, and nothing defers it.
            KeyboardInterrupt: it is a second Ctrl-C, by somebody who will not wait.
        """
        if self.told_by:
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            return
        self.told_by = signal.Signals(number).name
        if not self._deferring:
            raise Stopped(f"told to by {self.told_by}")
        if math.isfinite(self._patience):
            signal.signal(signal.SIGALRM, self._give_up)
            signal.setitimer(signal.ITIMER_REAL, self._patience)

    def _give_up(self, number: int, frame: FrameType | None) -> None:
        if self._deferring:
            what = (
                f"saving that took over {SECONDS_TO_SAVE:g} s"
                if self._is_told
                else f"a step that took over {self._patience:g} s more"
            )
            raise Stopped(
                f"told to by {self.told_by}; {what} was given up, what was saved before counts"
            )


@contextmanager
def listening(*always: signal.Signals) -> Iterator[Stop]:
    """Within, the signals that TSCONV_SIGNALS names, and those of ``always``, end the process so.

    Raises:
        ConfigError: the variable names what is no signal, or one that cannot be handled.
    """
    stop = Stop()
    numbers = {*chosen_signals(os.environ.get(VARIABLE, DEFAULT)), *always}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background: not for us
        numbers.discard(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread():  # which alone can handle them
        numbers.clear()
    before = {number: signal.signal(number, stop.take) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_more() -> None:
    """For a process that ends: signals but Ctrl-C, which would change its exit code, do nothing."""
    for number in chosen_signals(os.environ.get(VARIABLE, DEFAULT)):
        if number != signal.SIGINT:
            signal.signal(number, signal.SIG_IGN)


def chosen_signals(text: str) -> tuple[signal.Signals, ...]:
    """The signals that a list with commas names, as TERM or SIGTERM; none if it is empty."""
    known = {each.name: each for each in signal.valid_signals() if isinstance(each, signal.Signals)}
    chosen = []
    for word in filter(None, (word.strip().upper() for word in text.split(","))):
        name = word if word.startswith("SIG") else f"SIG{word}"
        if name not in known or name in ("SIGKILL", "SIGSTOP"):
            raise ConfigError(
                f"{VARIABLE}={text}: expected names of signals such as {DEFAULT}, found {word!r}"
            )
        chosen.append(known[name])
    return tuple(chosen)
