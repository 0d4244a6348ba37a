"""``python -m tsconv.worker``: a job a line from standard input, what comes of it to output.

What a process under an executor runs. It ends when its input closes, also in the middle of a job,
so that none outlives who started it: what a run has saved so far is taken up again by the next.
"""

import json
import logging
import os
import queue
import sys
import threading
import traceback
from typing import IO, Any

from tsconv.errors import TSConvError


def main() -> None:
    """Do jobs until there are none."""
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer of ours
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while True:
        do(json.loads(lines.get()), out)


def do(document: dict[str, Any], out: IO[str]) -> None:
    """One job; an error of any kind is told, and the next job can come."""
    from tsconv.workflows.cell import run_cell

    def tell(kind: str, values: dict[str, Any]) -> None:
        out.write(json.dumps({kind: values}) + "\n")
        out.flush()

    try:
        tell("finished", run_cell(document, lambda values: tell("progress", values)))
    except Exception as error:
        if not isinstance(error, TSConvError):
            traceback.print_exc()
        tell("failed", {"kind": type(error).__name__, "message": " ".join(str(error).split())})


def _read(lines: "queue.SimpleQueue[str]") -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


if __name__ == "__main__":
    main()
