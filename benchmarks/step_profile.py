"""Where the time of a training step goes, by operation: plain PyTorch beside the fused layers.

    python benchmarks/step_profile.py

`inception`, one batch of 64 x 1 x 150. Every operator call of a step is timed over many steps and
its minimum kept; the calls of one operator are summed, and so are those of one compiled loop. A
step as it comes and one that is replayed, as training takes its steps, are timed in turn.
Writes ``results/step_profile.md``.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peers import RESULTS, machine
from torch.utils._python_dispatch import TorchDispatchMode

from tsconv.config import TrainingConfig
from tsconv.layers.cpu.choice import reason_against
from tsconv.networks import NETWORKS
from tsconv.training.batches import Batch
from tsconv.training.loop import take_step
from tsconv.training.memory import keep_freed_memory
from tsconv.training.optimizers import make_optimizer
from tsconv.training.precision import Arithmetic
from tsconv.training.replay import TapeRecorder

SHAPE = (64, 1, 150)
WAYS = {
    "plain float32": (False, torch.float32),
    "plain bfloat16": (False, torch.bfloat16),
    "fused float32": (True, torch.float32),
    "fused bfloat16": (True, torch.bfloat16),
}
SHOWN = 18


class Clock(TorchDispatchMode):
    """Times every operator call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, float]] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        started = time.perf_counter()
        result = function(*args, **(kwargs or {}))
        name = function._schema.name.removeprefix("aten::")
        self.calls.append((name, time.perf_counter() - started))
        return result


@contextmanager
def clocked_loops(calls: list[tuple[str, float]]) -> Iterator[None]:
    """Within, compiled loops are timed as operators are, where there are any."""
    if reason_against() is not None:
        yield
        return
    from tsconv.layers.cpu.compiled import compiled

    run = compiled.__call__

    def timed(loop: compiled, *given: Any, **options: Any) -> None:
        started = time.perf_counter()
        run(loop, *given, **options)
        name = f"{loop.function.__module__.rpartition('.')[2]}.{loop.function.__name__.strip('_')}"
        calls.append((f"loop {name}", time.perf_counter() - started))

    compiled.__call__ = timed
    try:
        yield
    finally:
        compiled.__call__ = run


def main() -> None:
    """Time each way and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="steps timed")
    parser.add_argument("--quick", action="store_true", help="one step each, nothing kept")
    chosen = parser.parse_args()
    rounds = 1 if chosen.quick else chosen.rounds
    keep_freed_memory()  # as every training does
    parts = [describe(name, *way, rounds) for name, way in WAYS.items()]
    text = "\n".join([f"A step of {SHAPE}, {machine()}, torch {torch.__version__}.", "", *parts])
    print(text)
    if not chosen.quick:
        (RESULTS / "step_profile.md").write_text(text + "\n")


def describe(name: str, fused: bool, dtype: torch.dtype, rounds: int) -> str:
    """The table of one way: milliseconds and calls of its dearest operators."""
    torch.manual_seed(0)
    network = NETWORKS.get("inception")(SHAPE[1], 2).train()
    network.fused = fused
    config = TrainingConfig(steps=1)
    arithmetic = Arithmetic(torch.device("cpu"), dtype, "as asked for")
    optimizer = make_optimizer(network, config)
    batch = Batch(torch.randn(SHAPE).cumsum(-1), y=torch.arange(SHAPE[0]) % 2)

    def step() -> None:
        take_step(network, batch, optimizer, config, arithmetic)

    replay = TapeRecorder().record(step)
    for _ in range(3):
        step()
        replay()
    whole: dict[str, list[float]] = {"as it comes": [], "replayed": []}
    traces = []
    for _ in range(rounds):
        for times, take in zip(whole.values(), (step, replay), strict=True):
            started = time.perf_counter()
            take()
            times.append(time.perf_counter() - started)
        clock = Clock()
        with clocked_loops(clock.calls), clock:
            step()
        traces.append(clock.calls)
    sums: dict[str, list[float]] = defaultdict(list)
    for calls in zip(*traces, strict=True):
        sums[calls[0][0]].append(min(seconds for _, seconds in calls))
    dearest = sorted(sums.items(), key=lambda item: -sum(item[1]))
    rows = [f"| {each} | {1e3 * sum(t):.1f} | {len(t)} |" for each, t in dearest[:SHOWN]]
    others = [t for _, times in dearest[SHOWN:] for t in times]
    took = [
        f"{1e3 * statistics.median(times):.0f} ms a step (median), {1e3 * min(times):.0f} (minimum)"
        f" {how}"
        for how, times in whole.items()
    ]
    return "\n".join(
        [
            f"## {name}: {'; '.join(took)}",
            "",
            "| operator | ms | calls |",
            "|---|---|---|",
            *rows,
            f"| others | {1e3 * sum(others):.1f} | {len(others)} |",
            "",
        ]
    )


if __name__ == "__main__":
    main()
