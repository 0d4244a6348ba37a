"""Processes on this machine, each with cores or a device of its own.

One thread a process by default: small networks gain less from a second thread than from a second
process. A worker takes job after job, so that it is started once; one that dies fails its job and
is replaced. Workers end with this process, however it ends: their standard input closes.
"""

import json
import os
import queue
import subprocess
import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from tsconv.cores import granted, usable, within_ceiling
from tsconv.errors import ConfigError, Stopped
from tsconv.executors.executor import EXECUTORS, Event, Job, Kind
from tsconv.stopping import EXIT_CODE, PATIENCE, SECONDS_TO_SAVE

SECONDS_TO_END = PATIENCE + SECONDS_TO_SAVE + 2.0
"""Given to workers to save what is under way; batch systems kill after 30."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Place:
    """Where one worker runs.

    Attributes:
        n_cores: that it may keep busy.
        cores: which these are, where no other process has them; else the system decides.
        device: a GPU by its number, if any.
    """

    n_cores: int
    cores: tuple[int, ...] | None = None
    device: str | None = None


def make_places(
    processes: int | None = None, devices: Sequence[str] = (), most_cores: int | None = None
) -> tuple[Place, ...]:
    """The cores that this process may use, shared out.

    All get as many, since that number decides the last digits of results, and which place a job
    gets must not. Where a batch system grants fewer than the affinity mask holds, that many are
    used, and none is chosen, since others' jobs run there.

    Args:
        processes: how many; one a core, or one a device where there are devices and cores.
        devices: GPUs as CUDA_VISIBLE_DEVICES names them.
        most_cores: that all together may keep busy, where that is less.

    Raises:
        ConfigError: more processes than cores.
    """
    cores = usable()
    n_cores = min(len(cores), granted() or len(cores), most_cores or len(cores))
    n_places = processes or min(len(devices), n_cores) or n_cores
    if n_places > n_cores:
        raise ConfigError(
            f"found {n_places} processes, expected at most {n_cores}: the cores that this "
            "process may use, one each"
        )
    confined = n_cores == len(cores)
    return tuple(
        Place(
            n_cores=n_cores // n_places,
            cores=tuple(cores[k::n_places]) if confined else None,
            device=devices[k % len(devices)] if devices else None,
        )
        for k in range(n_places)
    )


@EXECUTORS.register("local")
class Local:
    """Worker processes side by side on this machine.

    Args:
        processes: how many; one a core, or one a device where there are devices.
        devices: GPUs as CUDA_VISIBLE_DEVICES names them, shared out among the processes.
        most_cores: that all together may keep busy, all that this process may unless given.
    """

    def __init__(
        self,
        *,
        processes: int | None = None,
        devices: Sequence[str] = (),
        most_cores: int | None = None,
    ) -> None:
        self.places = make_places(processes, devices, most_cores)

    @property
    def processes(self) -> int:
        """How many jobs run at once."""
        return len(self.places)

    def run(
        self, worker: Sequence[str], jobs: Sequence[Job], logs: Path
    ) -> Generator[Event, None, None]:
        """Events as they come; closing the iterator ends the workers.

        Raises:
            Stopped: a worker was told to end by a signal, and so all end.
        """
        waiting = deque(jobs)
        said: queue.SimpleQueue[tuple[Worker, dict[str, Any] | None]] = queue.SimpleQueue()
        logs.mkdir(parents=True, exist_ok=True)
        places = self.places[: len(jobs)]
        busy = {Worker(k, place, worker, logs, said) for k, place in enumerate(places)}
        everyone = set(busy)
        try:
            for each in sorted(busy, key=lambda each: each.number):
                yield each.start(waiting.popleft())
            while busy:
                each, words = said.get()
                if each not in busy:
                    continue
                event = each.hear(words)
                yield event
                if event.kind == "progress":
                    continue
                if words is None or not waiting:
                    busy.remove(each)
                if waiting:
                    if words is None:  # it died: another takes its place
                        each = Worker(each.number, each.place, worker, logs, said)
                        busy.add(each)
                        everyone.add(each)
                    yield each.start(waiting.popleft())
        finally:
            for each in everyone:
                each.close()
            for each in everyone:
                each.end()


class Worker:
    """One process that does jobs, and the thread that listens to it."""

    def __init__(
        self,
        number: int,
        place: Place,
        command: Sequence[str],
        logs: Path,
        said: "queue.SimpleQueue[tuple[Worker, dict[str, Any] | None]]",
    ) -> None:
        self.number = number
        self.place = place
        self.job: Job | None = None
        self.log = logs / f"worker-{number}.log"
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **_environment(place)},
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        if place.cores is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.process.pid, place.cores)
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()

    def start(self, job: Job) -> Event:
        """Hand over a job."""
        self.job = job
        with suppress(BrokenPipeError):  # it died: the listener tells
            _pipe(self.process.stdin).write(json.dumps(job.document).encode() + b"\n")
            _pipe(self.process.stdin).flush()
        return Event(job=job.name, kind="started", worker=self.number)

    def hear(self, words: dict[str, Any] | None) -> Event:
        """What the worker said of its job; None: it said nothing more and ended.

        Raises:
            Stopped: it was told to end by somebody else, who means all of us.
        """
        name = self.job.name if self.job else ""
        if words is None:
            code = self.process.wait()
            if code == EXIT_CODE:
                raise Stopped(f"worker {self.number} was told to")
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            hint = "; was memory short?" if code == -9 else ""
            message = f"the worker process ended with {how}{hint}; see {self.log}"
            failure = {"kind": "WorkerDied", "message": message}
            return Event(job=name, kind="failed", worker=self.number, values=failure)
        kind, values = next(iter(words.items()))
        return Event(job=name, kind=cast("Kind", kind), worker=self.number, values=values)

    def close(self) -> None:
        """Close its input, which it takes as its end, once it has saved what is under way."""
        with suppress(BrokenPipeError):
            _pipe(self.process.stdin).close()

    def end(self) -> None:
        """Wait until it has ended; kill it if it goes on."""
        try:
            self.process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _listen(self, said: "queue.SimpleQueue[tuple[Worker, dict[str, Any] | None]]") -> None:
        with _pipe(self.process.stdout) as lines, suppress(ValueError):  # cut off by its death
            for line in lines:
                said.put((self, json.loads(line)))
        said.put((self, None))


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise ValueError("expected a process with pipes")
    return pipe


def _environment(place: Place) -> dict[str, str]:
    threads = dict.fromkeys(THREAD_VARIABLES, str(within_ceiling(place.n_cores)))
    return threads if place.device is None else {**threads, "CUDA_VISIBLE_DEVICES": place.device}
