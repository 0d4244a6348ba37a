"""Cylinder-bell-funnel, the same small set in every format: `python datasets/make_cbf.py`.

Saito, "Local feature extraction and its applications using a library of bases", Yale University
1994, section 4.5.1. Ours: 64 time points for the paper's 128, so every range of the onset and the
duration is halved; values are rounded to six significant digits.
"""

import argparse
import hashlib
import re
from pathlib import Path

import numpy as np

from tsconv.data.dataset import TimeSeriesDataset, from_series
from tsconv.data.format import FORMATS, write_file
from tsconv.data.formats import csv, parquet
from tsconv.data.tables import to_long

SEED = 1994
LENGTH = 64
SIZES = {"TRAIN": 30, "TEST": 60}
SHAPES = ("cylinder", "bell", "funnel")
HERE = Path(__file__).parent


def make_series(shape: str, rng: np.random.Generator) -> np.ndarray:
    """One series (1, LENGTH): (6 + eta) * shape between onset a and end b, plus noise, N(0, 1)."""
    onset = rng.integers(LENGTH // 8, LENGTH // 4 + 1)
    end = onset + rng.integers(LENGTH // 4, 3 * LENGTH // 4 + 1)
    t = np.arange(1, LENGTH + 1)
    outline = {
        "cylinder": np.ones(LENGTH),
        "bell": (t - onset) / (end - onset),
        "funnel": (end - t) / (end - onset),
    }[shape]
    height = 6 + rng.standard_normal()
    values = height * outline * ((t >= onset) & (t <= end)) + rng.standard_normal(LENGTH)
    return np.array([[float(f"{value:.6g}") for value in values]])


def make_part(n_instances: int, rng: np.random.Generator) -> TimeSeriesDataset:
    """The shapes in turn."""
    labels = [SHAPES[k % len(SHAPES)] for k in range(n_instances)]
    return from_series([make_series(label, rng) for label in labels], labels, name="CBF")


def write_all(folder: Path) -> list[Path]:
    """Both parts in every format, in the older archive's .txt too, and as long tables."""
    rng = np.random.default_rng(SEED)
    suffixes = [*(FORMATS.get(name).suffixes[0] for name in FORMATS.names()), ".txt"]
    written = []
    for part, n_instances in SIZES.items():
        dataset = make_part(n_instances, rng)
        for kind in ("cbf", "cbf_long"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
        for suffix in suffixes:
            written.append(folder / "cbf" / f"CBF_{part}{suffix}")
            write_file(written[-1], dataset)
        for suffix, write_table in ((".csv", csv.write_table), (".parquet", parquet.write_table)):
            written.append(folder / "cbf_long" / f"CBF_{part}{suffix}")
            write_table(written[-1], to_long(dataset))
    return sorted(written)


def write_checksums(readme: Path, paths: list[Path]) -> None:
    """Replace the block of checksums in the README."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(readme.parent)}"
        for path in paths
    ]
    block = "```sha256\n" + "\n".join(lines) + "\n```"
    text = readme.read_text("utf-8")
    readme.write_text(re.sub(r"```sha256\n.*?```", block, text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    out = parser.parse_args().out
    paths = write_all(out)
    if out == HERE:
        write_checksums(HERE / "README.md", paths)
    print(f"wrote {len(paths)} files to {out}")
