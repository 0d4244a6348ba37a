import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

KINDS = [torch.float32, torch.bfloat16]


@pytest.fixture(scope="module")
def copy():
    """Read float32 and write it in another type, a block of three values at a time."""
    from tsconv.layers.cpu.compiled import compiled, floats, integers, load, own_blocks, store

    @compiled
    def run(packed):
        x, y, numbers = floats(packed[3]), packed[4], integers(packed)
        start, end = own_blocks(packed)
        for place in range(start * 3, min(numbers[5], end * 3)):
            store(y, place, load(x, place))

    def copied(x, kind):
        y = torch.empty(x.shape, dtype=kind)
        run(-(-len(x) // 3), x, y, len(x), kind=kind)
        return y

    return copied


@given(arrays("float32", 19, elements=st.floats(width=32, allow_nan=False)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_value_is_rounded_as_pytorch_rounds_it(copy, values):
    x = torch.from_numpy(values)

    for kind in KINDS:
        assert torch.equal(copy(x, kind), x.to(kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_no_finite_number_stays_so(copy, kind, value):
    x = torch.full((4,), value)

    assert torch.equal(copy(x, kind).float(), x) or copy(x, kind).isnan().all()


def test_a_prepared_call_holds_its_memory_and_can_be_made_again():
    from tsconv.layers.cpu.compiled import _double

    x = torch.ones(64)
    call, held = _double.prepare(len(x), x, len(x), kind=x.dtype), weakref.ref(x)
    del x

    call()
    call()

    assert held() is not None
    assert held().tolist() == [4.0] * 64


@pytest.mark.parametrize("n_values", [1, 2, 3, 4, 10, 100])
def test_each_value_is_some_threads(copy, threads, n_values):
    x = torch.arange(1.0, n_values + 1)

    assert torch.equal(copy(x, torch.float32), x)


def test_what_is_compiled_is_kept_for_as_long_as_its_parts_stay_as_they_are(tmp_path, monkeypatch):
    import numba
    from llvmlite import binding

    from tsconv.layers.cpu import compiled

    source = tmp_path / "compiled.py"
    monkeypatch.setattr(compiled, "__file__", str(source))

    def folder(text="one", kind=torch.float32, processor="a"):
        source.write_text(text)
        monkeypatch.setattr(binding, "get_host_cpu_name", lambda: processor)
        return compiled.kept_in(kind)

    assert folder() == folder()
    assert folder().parent == tmp_path / "__pycache__"
    others = [folder("another"), folder(kind=torch.bfloat16), folder(processor="b")]
    assert len({folder(), *others}) == 4

    monkeypatch.setattr(compiled.os, "access", lambda *_: False)
    assert tmp_path not in folder().parents
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "asked for"))
    assert folder().parent == tmp_path / "asked for"


def test_several_threads_may_compile_at_once(tmp_path, monkeypatch):
    import numba

    from tsconv.layers.cpu.compiled import compiled, integers, load, own_blocks, store

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def add_one(packed):
        x, n = packed[3], integers(packed)[4]
        start, _ = own_blocks(packed)
        for place in range(start, n):
            store(x, place, load(x, place) + np.float32(1))

    def run(function):
        x = torch.zeros(5)
        function(1, x, 5, kind=torch.float32)
        return x.tolist()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, [compiled(add_one) for _ in range(4)]))

    assert results == [[1.0] * 5] * 4
    assert str(tmp_path) == numba.config.CACHE_DIR
    assert [each.name[:8] for each in tmp_path.iterdir()] == ["float32-"]


@pytest.mark.parametrize("limit", [1, 2])
def test_fewer_threads_than_asked_for_compute_all_the_same(limit):
    code = """
import torch
from tsconv.layers.cpu import max_pool
torch.set_num_threads(8)
print(max_pool.forward(torch.arange(40.0).view(40, 1, 1)).sum().item())
"""
    environment = {**os.environ, "OMP_THREAD_LIMIT": str(limit)}

    told = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )

    assert float(told.stdout) == sum(range(1, 40)) + 39


@pytest.mark.parametrize("error", [RuntimeError("no locator available"), OSError("disk full")])
def test_a_folder_that_cannot_be_written_costs_only_time(error, monkeypatch):
    import numba

    from tsconv.layers.cpu.compiled import compiled, integers, load, own_blocks, store

    cfunc = numba.cfunc

    def without_cache(signature, *, cache=False, **options):
        if cache:
            raise error
        return cfunc(signature, **options)

    monkeypatch.setattr(numba, "cfunc", without_cache)

    @compiled
    def double(packed):
        x, n = packed[3], integers(packed)[4]
        start, _ = own_blocks(packed)
        for place in range(start, n):
            store(x, place, load(x, place) + load(x, place))

    x = torch.arange(5.0)
    double(1, x, 5, kind=torch.float32)

    assert x.tolist() == [0, 2, 4, 6, 8]
