"""Time of `tsconv --help` beside that of an empty Typer program, taken in turn.

python benchmarks/startup.py [--repeats 15]
"""

import argparse
import statistics
import subprocess
import sys
import time

EMPTY = """
import typer
app = typer.Typer()
@app.command()
def first(): "Do one thing."
@app.command()
def second(): "Do another."
app()
"""
TSCONV = "from tsconv.cli.main import main; main()"


def main() -> None:
    """Print the medians and their difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    seconds: dict[str, list[float]] = {"an empty Typer program": [], "tsconv": []}
    for _ in range(repeats + 1):
        for name, program in zip(seconds, (EMPTY, TSCONV), strict=True):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", program, "--help"], capture_output=True, check=True
            )
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name:24s} {median:.3f} s")
    empty, ours = medians.values()
    print(f"{'difference':24s} {ours - empty:+.3f} s (median of {repeats}, in turn)")


if __name__ == "__main__":
    main()
