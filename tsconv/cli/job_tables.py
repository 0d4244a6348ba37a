"""What was submitted, and what has become of it, as tables on stdout."""

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from tsconv.cli.console import clock
from tsconv.cli.render import facts, table

if TYPE_CHECKING:
    from tsconv.workflows.status import CellStatus, Status
    from tsconv.workflows.submit import Submitted


def submitted(result: "Submitted") -> None:
    """How many cells and tasks, how long, and where the scripts are."""
    packed = result.packed
    unlimited = packed.limit == float("inf")
    facts(
        f"{result.folder}: {sum(map(len, packed.tasks))} cells in {len(packed.tasks)} tasks",
        {
            "finished before": result.finished,
            "held by jobs": result.held,
            "longest task": f"about {clock(packed.seconds)}",
            "time limit": None if unlimited else clock(packed.limit),
            "scripts": None if result.submission is None else result.submission.folder,
        },
    )


def progress(result: "Status") -> None:
    """Cells by state, those that run, those that wait and why, and those that went wrong."""
    requeued = sum(each.requeued for each in result.cells)
    counts = {**result.counts, "requeued": f"{requeued} times" if requeued else None}
    facts(f"{result.folder}: {len(result.cells)} cells", counts)
    if running := result.of("running"):
        columns = ("running", "job", "node", "requeued", *_HEADINGS)
        rows = [(*_place(each), *_pace(each)) for each in running]
        table("running, by cell", columns, rows)
    if queued := result.of("queued"):
        reasons = Counter(each.why for each in queued)
        table("queued, by reason", ("reason", "cells"), list(reasons.items()))
        if again := [each for each in queued if each.requeued]:
            table("queued again", ("cell", "job", "node before", "requeued"), map(_place, again))
    for state in ("failed", "stopped"):
        for each in result.of(state):
            _tell_wrong(each)


_HEADINGS = ("member", "epoch", "step", "loss", "steps/s", "left")


def _place(each: "CellStatus") -> tuple[Any, ...]:
    return (each.cell, each.job, each.node, each.requeued or None)


def _pace(each: "CellStatus") -> tuple[Any, ...]:
    told = each.progress
    if "step" not in told:
        return (None,) * len(_HEADINGS)
    rate, left = told["rate"], told["seconds_left"]
    return (
        f"{told['member']} (of {told['members']})",
        told["epoch"],
        f"{told['step']} of {told['n_steps']}",
        told["loss"],
        None if rate is None else f"{rate:.1f}",
        None if left is None else clock(left),
    )


def _tell_wrong(each: "CellStatus") -> None:
    """What became of one cell, and the last lines of its log."""
    where = "" if each.job is None else f", job {each.job} on {each.node or '-'}"
    requeued = f", requeued {each.requeued} times" if each.requeued else ""
    lines = [f"{each.state}: {each.cell}{where}{requeued}", f"  {each.why}"]
    if each.log is not None:
        lines += [f"  log: {each.log}"]
    lines += [f"    {line}" for line in each.last_lines]
    sys.stdout.write("\n".join(lines) + "\n\n")
