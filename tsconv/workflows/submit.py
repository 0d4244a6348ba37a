"""Submit: a benchmark's cells as tasks of a Slurm job array, packed by what they are to take.

Each task is the command that does its cells here and now, and skips those that are finished, so
that a task may be stopped, requeued and submitted again at will.
"""

import dataclasses
import itertools
import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsconv.data.archive import OFFLINE_VARIABLE, absent
from tsconv.errors import ConfigError, RunError
from tsconv.executors import slurm
from tsconv.executors.site import Site, read_site
from tsconv.executors.slurm import Submission
from tsconv.runs.atomic import read_json
from tsconv.runs.paths import BenchmarkDir
from tsconv.workflows.cost import correction
from tsconv.workflows.packing import share_out
from tsconv.workflows.schedule import Schedule, Task, recall, remember
from tsconv.workflows.status import Status, status, submissions

__all__ = ["Submitted", "asks_for_gpus", "read_site", "resubmit", "submit"]

USUAL_LIMIT = "4:00:00"
SHARE_OF_LIMIT = 0.7
"""Of the time limit, what a task is filled with: estimates are off, and starting takes time."""
MOST_MEASURED = 20  # finished runs that correct the estimates
GPU_OPTIONS = ("gres", "gpus", "gpus-per-node", "gpus-per-task")


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """Cells shared out into tasks.

    Attributes:
        tasks: the cells of each.
        seconds: estimated, of the longest task.
        limit: seconds that a task may take.
        too_long: cells that are expected to take longer than that alone.
    """

    tasks: tuple[tuple[str, ...], ...]
    seconds: float
    limit: float
    too_long: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Submitted:
    """What was submitted, or would be.

    Attributes:
        folder: of the benchmark.
        packed: the new tasks.
        submission: its scripts, None where nothing is left to submit.
        finished: cells that are done already.
        held: cells that jobs in the queue have already.
        absent: archive sets of the cells that are not on this machine, if tasks cannot fetch them.
        jobs: what Slurm calls the new arrays; empty where nothing was submitted.
    """

    folder: Path
    packed: Packed
    submission: Submission | None
    finished: int
    held: int
    absent: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        packed = self.packed
        return {
            "folder": str(self.folder),
            "submission": None if self.submission is None else str(self.submission.folder),
            "tasks": [list(task) for task in packed.tasks],
            "seconds": packed.seconds,
            "limit": packed.limit if math.isfinite(packed.limit) else None,
            "too_long": list(packed.too_long),
            "finished": self.finished,
            "held": self.held,
            "absent": list(self.absent),
            "jobs": list(self.jobs),
        }


def submit(
    schedule: Schedule, site: Site, *, processes: int | None = None, dry_run: bool = False
) -> Submitted:
    """Write the scripts of a submission into the benchmark's folder, and hand them to Slurm.

    Cells that are finished, or that a job in the queue has, are left out. Where that leaves none,
    what Slurm refused of the last submission, such as its collecting, is handed in again.

    Args:
        schedule: of the plan.
        site: options of the jobs.
        processes: cells side by side in a task; one a core, or one a GPU where there are GPUs.
        dry_run: write the scripts, to be edited and submitted by hand.

    Raises:
        ConfigError: there is no Slurm here, or it refuses.
    """
    site = dataclasses.replace(site, sbatch={"time": USUAL_LIMIT, **site.sbatch})
    limit = slurm.seconds_of(str(site.sbatch["time"]))
    processes = processes or _processes(site)
    remember(schedule)
    held = _held(_ask(schedule.folder))
    left = [task for task in schedule.left if task.cell.name not in held]
    packed = _pack(schedule, left, limit, processes=processes, at_once=site.max_parallel)
    submission: Submission | None = None
    jobs: tuple[str, ...] = ()
    found = submissions(schedule.folder)
    if left:
        submission = _write(schedule.folder, packed.tasks, site, processes)
    elif found and slurm.is_partial(found[-1]):
        submission = found[-1]
    if submission is not None and not dry_run:
        jobs = slurm.submit(submission)
    return Submitted(
        folder=schedule.folder,
        packed=packed,
        submission=submission,
        finished=len(schedule.tasks) - len(schedule.left),
        held=len(held),
        absent=() if _may_download(site) else _absent(left),
        jobs=jobs,
    )


def resubmit(folder: Path, *, failed: bool = False, dry_run: bool = False) -> Submitted:
    """Hand to Slurm again what no job has: as new tasks of the last submission, by its scripts.

    Args:
        folder: of the benchmark.
        failed: also the cells that ended with an error.
        dry_run: only tell what it would be.

    Raises:
        RunError: nothing was ever submitted from the folder.
        ConfigError: there is no Slurm here, or it refuses.
    """
    schedule, found = recall(folder), submissions(folder)
    if not found:
        raise RunError(f"{folder}: expected a submission to repeat, found none; see tsconv submit")
    seen, submission = _ask(folder), found[-1]
    again = {each.cell for each in seen.of("stopped", "waiting")}
    again |= {each.cell for each in seen.of("failed") if failed}
    left = [task for task in schedule.left if task.cell.name in again]
    processes = re.findall(r" --processes (\d+)", submission.array.read_text("utf-8"))
    packed = _pack(
        schedule,
        left,
        slurm.time_limit(submission),
        processes=int(processes[-1]) if processes else 1,
        at_once=len(left),
    )
    jobs: tuple[str, ...] = ()
    if left and not dry_run:
        jobs = slurm.submit(submission, first=slurm.add_tasks(submission, packed.tasks))
    return Submitted(
        folder=folder,
        packed=packed,
        submission=submission if left else None,
        finished=len(schedule.tasks) - len(schedule.left),
        held=len(_held(seen)),
        jobs=jobs,
    )


def asks_for_gpus(site: Site) -> bool:
    """Whether the jobs of a site have GPUs."""
    return any(name in site.sbatch for name in GPU_OPTIONS)


def _may_download(site: Site) -> bool:
    """Whether a site lets its jobs do what they do not do by themselves."""
    return site.environment.get(OFFLINE_VARIABLE) in ("", "0")


def _absent(left: Sequence[Task]) -> tuple[str, ...]:
    return tuple(entry.name for entry in absent(task.cell.data for task in left))


def _ask(folder: Path) -> Status:
    """What has become of the cells, where it is known what jobs hold."""
    seen = status(folder)
    if seen.asked is False:
        raise ConfigError(
            f"{folder}: squeue does not answer; expected Slurm, to see what jobs hold of it already"
        )
    return seen


def _held(seen: Status) -> set[str]:
    """Cells that somebody has."""
    return {each.cell for each in seen.of("queued", "running")}


def _processes(site: Site) -> int:
    """Cells side by side: one a core, or one a GPU where there are GPUs and cores for them."""
    cores = site.sbatch.get("cpus-per-task") or "1"
    at_most = max(1, int(cores)) if cores.isdecimal() else 1
    asked = [site.sbatch[name] or "" for name in GPU_OPTIONS if name in site.sbatch]
    if not asked:
        return at_most
    number = re.search(r"(?:^|:)(\d+)(?=[(,]|$)", asked[0])  # of 2, gpu:2, gpu:a100:2(S:0)
    return min(at_most, max(1, int(number[1])) if number else 1)


def _pack(
    schedule: Schedule, left: Sequence[Task], limit: float, *, processes: int, at_once: int
) -> Packed:
    """Tasks of like cost that fit the limit, as many as can run at once where there are cells."""
    pace = _pace(schedule)
    seconds = {task.cell.name: task.seconds * pace for task in left}
    tasks = share_out(seconds, at_once, most=SHARE_OF_LIMIT * limit * processes)
    each = [[seconds[name] for name in task] for task in tasks]
    return Packed(
        tasks=tasks,
        seconds=max((max(*task, sum(task) / processes) for task in each), default=0.0),
        limit=limit,
        too_long=tuple(name for name, each in seconds.items() if each > limit),
    )


def _pace(schedule: Schedule) -> float:
    """What to multiply estimates by, going by what is finished in the folder."""
    pairs = []
    finished = (task for task in schedule.tasks if task.finished)
    for task in itertools.islice(finished, MOST_MEASURED):
        directory = task.cell.directory(schedule.folder)
        records = (read_json(directory.record(k)) for k in range(task.cell.config.members))
        pairs.append((task.seconds, sum(record["seconds"] or 0.0 for record in records)))
    return correction(pairs)


def _write(folder: Path, tasks: Sequence[Sequence[str]], site: Site, processes: int) -> Submission:
    """The scripts, in the next numbered folder."""
    directory = BenchmarkDir(folder.absolute())
    number = max((int(each.folder.name) for each in submissions(folder)), default=0) + 1
    place = directory.submissions / str(number)
    program = (sys.executable, "-u", "-m", "tsconv")
    return slurm.write_submission(
        place,
        tasks,
        command=(
            *(*program, "benchmark", "--out", str(directory.path)),
            *("--tasks", str(Submission(place).tasks), "--processes", str(processes), "--task"),
        ),
        after=[
            (*program, "collect", str(directory.path), "--out", f"{directory.results}{suffix}")
            for suffix in (".csv", ".parquet")
        ],
        site=site,
        working_folder=Path.cwd(),
        environment={OFFLINE_VARIABLE: "1"},
    )
