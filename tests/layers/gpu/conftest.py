"""Kernels for a GPU, compiled where there is one; otherwise Triton interprets them on the CPU."""

import os

import pytest
import torch

os.environ["TRITON_F32_DEFAULT"] = "ieee"  # a GPU rounds float32 products to TF32 else


@pytest.fixture
def device(monkeypatch):
    """Where kernels run; series lie there as on a GPU."""
    pytest.importorskip("triton", reason="needs triton, which is there for Linux alone")
    monkeypatch.setattr("tsconv.layers.layout._order", lambda x: (0, 2, 1))
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
