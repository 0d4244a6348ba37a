"""What holds for every test: the same random numbers, no network, and nobody's own archives."""

import os
import signal
import socket

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests train tiny networks: threads only wait
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background by a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)  # programs under test inherit it
# Programs under test inherit these too. A test that fetches names mirrors of its own, on loopback.
os.environ |= {"TSCONV_OFFLINE": "1", "TSCONV_MIRRORS": "http://127.0.0.1:9/{name}.zip"}
os.environ |= {"TSCONV_CACHE": "/nonexistent/cache", "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "1"}
os.environ.pop("TSCONV_LOCK", None)

import numpy as np
import pytest
import torch
from hypothesis import settings

if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # kernels for a GPU; read when one is defined

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def same_random_numbers():
    """Networks that a test draws are the same at each run of it, whatever ran before."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(autouse=True)
def no_host_but_this_one(monkeypatch):
    """A test that would reach for another machine fails, saying so."""
    connect = socket.socket.connect

    def connect_on_loopback(self, address):
        if self.family != socket.AF_UNIX and not address[0].startswith(
            ("127.", "::1", "localhost")
        ):
            pytest.fail(f"a test reached for {address}")
        return connect(self, address)

    def resolve(host, *_, **__):
        pytest.fail(f"a test reached for {host}")

    known = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", connect_on_loopback)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **named: (known if host in ("127.0.0.1", "localhost") else resolve)(
            host, *args, **named
        ),
    )
