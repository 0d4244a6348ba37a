"""One cell of a benchmark, as a worker does it: a run, or a record of why there is none."""

import time
import traceback
from typing import Any

from tsconv.errors import RunHeldError, TSConvError
from tsconv.runs.atomic import write_json
from tsconv.runs.host import forget_peak_memory, now
from tsconv.runs.paths import RunDir
from tsconv.stopping import Stop
from tsconv.workflows.job import Order
from tsconv.workflows.progress import Tell, told
from tsconv.workflows.train import train


def run_cell(document: dict[str, Any], tell: Tell, stop: Stop | None = None) -> dict[str, Any]:
    """Finish a run, or find it finished; seconds and accuracy are given back.

    Args:
        document: of :func:`tsconv.workflows.job.describe_cell`.
        tell: called now and then with how far it is; see :mod:`tsconv.workflows.progress`.
        stop: whether this process was told to end.

    Raises:
        Exception: whatever goes wrong, once ``failure.json`` says so.
        RunHeldError: another process has this cell.
        Stopped: ``stop`` was asked for.
    """
    order, started = Order.from_dict(document), time.monotonic()
    directory = RunDir(order.out)
    forget_peak_memory()
    try:
        with told(directory, order.config.members, tell) as watch:
            result = train(
                order.data,
                order.config,
                out=order.out,
                resample=order.resample,
                processes=1,
                watch=watch,
                stop=stop,
            )
    except RunHeldError:  # no failure: whoever has it finishes it
        raise
    except Exception as error:
        record_failure(directory, type(error).__name__, str(error), told=traceback.format_exc())
        raise
    accuracy = None if result.test is None else result.test.evaluation.metrics["accuracy"]
    return {"seconds": time.monotonic() - started, "accuracy": accuracy}


def record_failure(directory: RunDir, kind: str, message: str, *, told: str = "") -> None:
    """Keep why a run did not finish; the run that does takes the record away."""
    try:
        write_json(
            directory.failure,
            {"kind": kind, "message": " ".join(message.split()), "traceback": told, "time": now()},
        )
    except TSConvError:  # a folder that cannot be written is what failed
        return
