"""The cores that this process may keep busy, which need not be those that it could run on.

A batch system need not confine a job to the cores that it grants: who would take all that the
affinity mask holds, takes others'.
"""

import os

THREADS = "OMP_NUM_THREADS"
"""Of PyTorch, and of what else it loads, if it is set before that."""
SPINS, FEW_SPINS = "GOMP_SPINCOUNT", "1000"
"""How long a thread that waits for others keeps its core busy. With libgomp's default, one that has
to wait for a thread that another program has displaced does so for a whole slice of time, thousands
of times a step: `inception` on 64 series of 150 points, two threads, beside one busy process, took
240 to 1,760 ms a step, with few spins 94 to 182; with nothing beside it 74 and 79."""


def usable() -> list[int]:
    """Numbers of the cores that the system lets this process run on."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))  # macOS, where processes are not confined


def granted() -> int | None:
    """Cores that Slurm, PBS or LSF grants to a task of this job on its node; None outside a job."""
    said = os.environ.get
    values = [said("SLURM_CPUS_PER_TASK", "")]
    if (on_node := said("SLURM_CPUS_ON_NODE", "")).isdecimal():
        values.append(str(int(on_node) // _tasks_of_step()))
    if "PBS_JOBID" in os.environ:
        values += [said("NCPUS", ""), said("PBS_NUM_PPN", "")]  # of OpenPBS, of Torque
    values += said("LSB_MCPU_HOSTS", "").split()[1:2]  # host, slots, host ...: first where it runs
    return next((max(1, int(value)) for value in values if value.isdecimal()), None)


def _tasks_of_step() -> int:
    """How many srun has started on this node, as far as is known, at least one."""
    words = os.environ.get("SLURM_STEP_TASKS_PER_NODE", "")  # such as 2(x3),1, a count a node
    counts = [word.partition("(")[0] for word in words.split(",")]
    return max((int(count) for count in counts if count.isdecimal()), default=1)


def within_ceiling(n_threads: int) -> int:
    """So many threads, or what OMP_NUM_THREADS allows each process if that is less."""
    ceiling = os.environ.get(THREADS, "").partition(",")[0].strip()
    return min(n_threads, int(ceiling)) if ceiling.isdecimal() and int(ceiling) else n_threads


def settle_threads() -> None:
    """Have PyTorch, once it is loaded, take no more threads than were granted, which wait idly.

    Where variables of OpenMP say otherwise, they are left as they are.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault(SPINS, FEW_SPINS)
    n_cores = granted()
    if n_cores is not None and n_cores < len(usable()):
        os.environ.setdefault(THREADS, str(n_cores))
