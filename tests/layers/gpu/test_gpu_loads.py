"""Kernels load several channels at once: a mask that differs from one to the next prevents it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parent / "compiled.py"


def test_no_kernel_loads_bfloat16_numbers_one_by_one(tmp_path):
    pytest.importorskip("triton", reason="needs triton, which is there for Linux alone")
    own = {"TRITON_CACHE_DIR": str(tmp_path)}
    compiling = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}

    ran = subprocess.run(
        [sys.executable, PROGRAM],
        capture_output=True,
        text=True,
        check=False,
        env=compiling | own,
    )

    assert ran.returncode == 0, ran.stderr
    widths = json.loads(ran.stdout)
    assert len(widths) == 8
    assert [name for name, each in widths.items() if ".b16" in each] == []
    assert all(".v4.b32" in each for each in widths.values())
