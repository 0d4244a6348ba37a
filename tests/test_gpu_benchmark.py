"""The GPU benchmark runs from end to end, and says so where there is no GPU."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


def run(*arguments):
    command = [sys.executable, PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_gpu_benchmark_measures_and_keeps_its_tables(tmp_path):
    ran = run("--device", "cpu", "--quick", "--results", tmp_path)

    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "gpu.md").read_text("utf-8") == ran.stdout
    assert "extrapolated" in ran.stdout
    assert len(pd.read_csv(tmp_path / "gpu.csv")) == 2 * 2 + 2


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_benchmark_says_in_one_line_that_there_is_no_gpu(tmp_path):
    ran = run("--results", tmp_path)

    assert ran.returncode == 2
    assert ran.stderr == "benchmarks/gpu.py: found no CUDA device; expected one\n"
    assert not list(tmp_path.iterdir())
