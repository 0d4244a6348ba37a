"""One file a way to get jobs done; they know nothing of what the jobs are."""

from tsconv.executors.executor import EXECUTORS, Event, Executor, Job

__all__ = ["EXECUTORS", "Event", "Executor", "Job"]
