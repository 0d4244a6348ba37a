"""One file a way to get jobs done; they know nothing of what the jobs are."""

from tsconv.executors.executor import BATCH_SYSTEMS, EXECUTORS, Event, Executor, Job

__all__ = ["BATCH_SYSTEMS", "EXECUTORS", "Event", "Executor", "Job"]
