"""Values as a page words them."""

from collections.abc import Sequence

from tsconv.evaluation.metrics import METRICS

MOST_NAMES = 12


def heading(metric: str) -> str:
    """A metric's name, and which way is better."""
    better = METRICS[metric].better if metric in METRICS else None
    arrow = {"higher": " ↑", "lower": " ↓"}.get(str(better), "")
    return metric.replace("_", " ") + arrow


def listed(names: Sequence[str]) -> str:
    """The first names, and how many follow."""
    shown = ", ".join(names[:MOST_NAMES])
    return shown if len(names) <= MOST_NAMES else f"{shown}, and {len(names) - MOST_NAMES} more"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def count(n: int, noun: str) -> str:
    """A number of things."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
