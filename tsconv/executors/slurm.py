"""Slurm: tasks as a job array, in scripts to be read and edited, and what the queue says of them.

A submission is a folder: ``tasks.txt``, a line of names a task; ``array.sh``, what the array runs;
``collect.sh``, what follows it; ``submit.sh``, which submits both and keeps the numbers of the jobs
in ``jobs.txt``; ``logs/``; and ``events/``, where a task notes each of its starts and ends.
"""

import math
import os
import re
import shlex
import string
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from tsconv.errors import ConfigError
from tsconv.executors.site import SbatchOptions, Site
from tsconv.executors.tasks import format_tasks, read_tasks

MOST_REQUEUES = 50
MAX_ARRAY_SIZE = 1001  # Slurm's default, where it cannot be asked
SECONDS_OF_WARNING = 120
SECONDS_TO_ANSWER = 60.0
PASSED_ON = "TSCONV_"
"""With what the names of variables begin that jobs are given whatever else the site exports."""
FOR_TASKS_ONLY = ("cpus-per-task", "gpus", "gpus-per-node", "gpus-per-task", "gres", "signal")


class Script(string.Template):
    """A script with places to fill in, which are marked @name so that $name is the shell's."""

    delimiter = "@"


@dataclass(frozen=True, slots=True)
class Submission:
    """The files of one submission."""

    folder: Path

    @property
    def tasks(self) -> Path:
        """A line of names for each task."""
        return self.folder / "tasks.txt"

    @property
    def array(self) -> Path:
        """What each task runs."""
        return self.folder / "array.sh"

    @property
    def collect(self) -> Path:
        """What runs when all tasks have ended."""
        return self.folder / "collect.sh"

    @property
    def submit(self) -> Path:
        """Hands both to Slurm."""
        return self.folder / "submit.sh"

    @property
    def jobs(self) -> Path:
        """The numbers of what was submitted; there once something was."""
        return self.folder / "jobs.txt"

    @property
    def logs(self) -> Path:
        """A file a task, named by its job, and one of the collecting."""
        return self.folder / "logs"

    @property
    def events(self) -> Path:
        """A file a task: when and where it started and ended."""
        return self.folder / "events"


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRecord:
    """What files tell of one task.

    Attributes:
        names: what it does.
        job: as the queue calls it, None before it is submitted.
        node: where it started last.
        started: when that was, in seconds since 1970.
        starts: how often it was started.
        last: what it noted last: started, ended, requeued or stays; None before it starts.
        code: the exit code it ended with, None while it has not.
        log: what it says.
    """

    names: tuple[str, ...]
    job: str | None
    node: str | None
    started: float | None
    starts: int
    last: str | None
    code: int | None
    log: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """A job of the queue: its state in capitals, where it runs, and why it does not."""

    state: str
    node: str
    reason: str


def write_submission(
    folder: Path,
    tasks: Sequence[Sequence[str]],
    *,
    command: Sequence[str],
    after: Sequence[Sequence[str]],
    site: Site,
    working_folder: Path,
    environment: Mapping[str, str],
) -> Submission:
    """Write the files of a submission, and submit nothing.

    Args:
        folder: for them, absolute; it must not exist.
        tasks: the names of what each task does.
        command: a program and its arguments, to which a task's number is added.
        after: programs to run when all tasks have ended.
        site: options of the jobs.
        working_folder: of the jobs.
        environment: variables to be set, besides those of ours that are set here.

    Raises:
        ConfigError: the folder cannot be made or written.
    """
    files = Submission(folder)
    setup = "\n".join(_setup(site, environment))
    values = {
        "events": shlex.quote(str(files.events)),
        "setup": setup,
        "most_requeues": MOST_REQUEUES,
    }
    log = str(files.logs).replace("%", "%%")
    base = {"job-name": "tsconv", "chdir": str(working_folder), "open-mode": "append"}
    own = {"requeue": None, "signal": f"B:USR1@{SECONDS_OF_WARNING}", "cpus-per-task": "1"}
    array = {**base, **own, **site.sbatch, "output": f"{log}/%A_%a.log"}
    collect = {k: v for k, v in site.sbatch.items() if k not in FOR_TASKS_ONLY}
    collect = {**base, **collect, "output": f"{log}/collect-%j.log"}
    texts = {
        files.tasks: format_tasks(tasks),
        files.array: _fill(
            "array.sh", **values, directives=_directives(array), command=shlex.join(command)
        ),
        files.collect: _fill(
            "collect.sh",
            setup=setup,
            directives=_directives(collect),
            command="\n".join(map(shlex.join, after)),
        ),
        files.submit: _fill("submit.sh", longest=max_array_size(), parallel=site.max_parallel),
    }
    try:
        for each in (folder, files.logs, files.events):
            each.mkdir(parents=True)
        for path, text in texts.items():
            path.write_text(text, "utf-8")
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be written ({error.strerror or error})") from error
    return files


def add_tasks(submission: Submission, tasks: Sequence[Sequence[str]]) -> int:
    """Add lines to the list of a submission; the number of the first is given back.

    Raises:
        ConfigError: the list cannot be written.
    """
    n_before = len(read_tasks(submission.tasks))
    try:
        with submission.tasks.open("a", encoding="utf-8") as file:
            file.write(format_tasks(tasks))
    except OSError as error:
        raise ConfigError(f"{submission.tasks}: cannot be written ({error.strerror})") from error
    return n_before


def submit(submission: Submission, *, first: int | None = None) -> tuple[str, ...]:
    """Hand the tasks from a number on to Slurm; the numbers of the new arrays are given back.

    Args:
        submission: whose scripts are run.
        first: the number; those that Slurm has not taken yet, unless given.

    Raises:
        ConfigError: there is no Slurm here, or it refuses.
    """
    before = read_jobs(submission)
    command = ["sh", str(submission.submit), *([] if first is None else [str(first)])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    taken = tuple(each[0] for each in read_jobs(submission) if each not in before)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        kept = f"; submitted before that: {' '.join(taken)}" if taken else ""
        raise ConfigError(
            f"{submission.submit}: {said}{kept}; expected sbatch to take the jobs: give other "
            f"options, or edit the scripts and run `sh {submission.submit}`, which submits what is "
            "left"
        )
    return taken


def time_limit(submission: Submission) -> float:
    """Seconds that a task may take, as its script says; infinite where it says nothing."""
    limits = re.findall(r"^#SBATCH --time=(\S+)", submission.array.read_text("utf-8"), re.M)
    return seconds_of(limits[-1]) if limits else math.inf


def is_partial(submission: Submission) -> bool:
    """Whether Slurm has taken arrays of it, and not yet what follows them."""
    lines = submission.jobs.read_text("utf-8").splitlines() if submission.jobs.exists() else []
    return bool(lines) and lines[-1].startswith("array ")


def read_jobs(submission: Submission) -> tuple[tuple[str, int, int], ...]:
    """The arrays that were submitted: the number of each, its first task, and how many it has."""
    if not submission.jobs.exists():
        return ()
    found = re.findall(r"^array (\S+) (\d+) 0-(\d+)$", submission.jobs.read_text("utf-8"), re.M)
    return tuple((job, int(first), int(last) + 1) for job, first, last in found)


def read_records(submission: Submission) -> tuple[TaskRecord, ...]:
    """What the files of a submission tell of its tasks."""
    jobs = {first + k: f"{job}_{k}" for job, first, n in read_jobs(submission) for k in range(n)}
    return tuple(
        _read_record(submission, number, names, jobs.get(number))
        for number, names in enumerate(read_tasks(submission.tasks))
    )


def read_queue(jobs: Collection[str]) -> dict[str, Queued | None] | None:
    """What the queue has of tasks of arrays, whoever submitted them; None of those that are gone.

    Returns:
        All of ``jobs`` by their numbers; None where Slurm cannot be asked.
    """
    arrays = sorted({job.partition("_")[0] for job in jobs})
    wanted = ",".join([*arrays, *arrays[:1]])  # of one that is gone, squeue makes an error
    said = _ask("squeue", "--noheader", "--array", f"--jobs={wanted}", "--format=%i|%T|%N|%r")
    if said is None:
        return None
    rows = (line.strip().split("|") for line in said.splitlines() if line.count("|") == 3)
    found = {job: Queued(state=state, node=node, reason=why) for job, state, node, why in rows}
    return {job: found.get(job) for job in jobs}


def max_array_size() -> int:
    """How many indices an array may have: they run from 0 to one less."""
    match = re.search(r"^MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config") or "", re.M)
    return int(match[1]) if match else MAX_ARRAY_SIZE


def seconds_of(limit: str) -> float:
    """A time limit as Slurm writes it, in seconds; infinite where there is none.

    Raises:
        ConfigError: it is none.
    """
    if limit.upper() in ("0", "UNLIMITED", "INFINITE"):
        return math.inf
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", limit)
    if match is None:
        raise ConfigError(
            f"time {limit!r}: expected minutes, H:MM:SS or D-HH:MM:SS, such as 4:00:00"
        )
    days, *parts = (None if each is None else int(each) for each in match.groups())
    numbers = [each for each in parts if each is not None]
    if days is not None:
        units: tuple[int, ...] = (3600, 60, 1)
    else:
        units = (3600, 60, 1) if len(numbers) == 3 else (60, 1)
    return 86400 * (days or 0) + sum(n * unit for n, unit in zip(numbers, units, strict=False))


def _fill(script: str, **values: object) -> str:
    text = (resources.files(__package__) / "scripts" / script).read_text("utf-8")
    return Script(text).substitute(values)


def _directives(options: SbatchOptions) -> str:
    lines = []
    for name, value in options.items():
        quoted = value if value is None or re.fullmatch(r"[^\s\"'#\\]+", value) else f'"{value}"'
        lines.append(f"#SBATCH --{name}" + ("" if quoted is None else f"={quoted}"))
    return "\n".join(lines)


def _setup(site: Site, environment: Mapping[str, str]) -> list[str]:
    ours = {name: os.environ[name] for name in sorted(os.environ) if name.startswith(PASSED_ON)}
    variables = {**ours, **environment, **site.environment}
    return [
        *(f"module load {shlex.quote(each)}" for each in site.modules),
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        *site.lines,
    ]


def _read_record(
    submission: Submission, number: int, names: tuple[str, ...], job: str | None
) -> TaskRecord:
    path = submission.events / f"{number}.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    events = [event for event in map(str.split, lines) if len(event) >= 4]
    starts = [datetime.fromisoformat(event[0]) for event in events if event[3] == "started"]
    _, job, node, last, *code = events[-1] if events else ("", job, None, None)
    return TaskRecord(
        names=names,
        job=job,
        node=node,
        started=starts[-1].timestamp() if starts else None,
        starts=len(starts),
        last=last,
        code=int(code[0]) if code else None,
        log=submission.logs / f"{job}.log" if job else None,
    )


def _ask(*command: str) -> str | None:
    """What a program of Slurm's says, None where there is none or it does not answer."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=SECONDS_TO_ANSWER
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
