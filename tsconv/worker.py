"""``python -m tsconv.worker``: a job a line from standard input, what comes of it to output.

What a process under an executor runs. When its input closes, also in the middle of a job, it ends,
so that none outlives who started it; as when told to by a signal, it saves what is under way first.
"""

import json
import logging
import os
import queue
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from typing import IO, Any

from tsconv.errors import Stopped, TSConvError
from tsconv.stopping import EXIT_CODE, PATIENCE, SECONDS_TO_SAVE, Stop, listening

Lines = queue.SimpleQueue[str | None]


def main() -> None:
    """Do jobs until there are none."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer of ours
    lines: Lines = queue.SimpleQueue()
    try:
        with listening(signal.SIGTERM) as stop:
            threading.Thread(target=_read, args=(lines,), daemon=True).start()
            while (line := lines.get()) is not None:
                do(json.loads(line), out, stop)
    except Stopped as stopped:
        logging.info("ends: %s", stopped)
        os._exit(EXIT_CODE)  # without waiting for the thread that reads
    os._exit(0)


def do(document: dict[str, Any], out: IO[str], stop: Stop) -> None:
    """One job; an error of any kind is told, and the next job can come."""
    from tsconv.workflows.run_cell import run_cell
    from tsconv.workflows.run_member import run_member

    work = run_member if "member" in document else run_cell

    def tell(kind: str, values: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # nobody is there any more: the input has closed too
            out.write(json.dumps({kind: values}) + "\n")
            out.flush()

    try:
        tell("finished", work(document, lambda values: tell("progress", values), stop))
    except Exception as error:
        if not isinstance(error, TSConvError):
            traceback.print_exc()
        tell("failed", {"kind": type(error).__name__, "message": " ".join(str(error).split())})


def _read(lines: Lines) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)  # for who waits for a job
    signal.raise_signal(signal.SIGTERM)  # for who has one
    time.sleep(PATIENCE + SECONDS_TO_SAVE)
    os._exit(1)


if __name__ == "__main__":
    main()
