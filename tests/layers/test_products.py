import pytest
import torch

from tsconv.layers import products
from tsconv.layers.products import product


@pytest.fixture(autouse=True)
def tried_anew(monkeypatch):
    """On a processor that is not Intel's."""
    monkeypatch.setattr(products, "_is_intel", lambda: False)
    products._has_onednn.cache_clear()
    yield
    products._has_onednn.cache_clear()


def matrices(m, k, n, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    a = torch.randint(-4, 5, (m, k), generator=generator)  # whole numbers: every order is exact
    return a.to(dtype), torch.randint(-4, 5, (k, n), generator=generator).to(dtype)


@pytest.mark.parametrize("shape", [(1, 1, 1), (43, 85, 96), (86, 85, 6144), (2, 300, 1), (1, 5, 7)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_product_is_that_of_pytorch(shape, dtype):
    a, b = matrices(*shape, dtype)
    expected = a @ b

    assert torch.equal(product(a, b), expected)
    assert torch.equal(product(a.t().contiguous().t(), b), expected)
    assert torch.equal(product(a, b.t().contiguous().t()), expected)


@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512", reason="oneDNN is asked with AVX512 alone"
)
@pytest.mark.parametrize(
    ("shape", "asked", "asked_by_columns"),
    [
        ((100, 100, 1000), True, True),
        ((172, 10, 1024), False, True),
        ((3, 4, 1000), False, False),
        ((400, 400, 40), False, False),
        ((9600, 40, 32), True, True),
        ((9600, 200, 3), False, False),
    ],
)
def test_large_and_wide_products_are_asked_of_onednn(monkeypatch, shape, asked, asked_by_columns):
    by_onednn, shapes = products._by_onednn, []

    def spy(a, b):
        shapes.append((*a.shape, b.shape[1]))
        return by_onednn(a, b)

    monkeypatch.setattr(products, "_by_onednn", spy)
    a, b = matrices(*shape)

    product(a, b)
    assert (shape in shapes) == asked
    shapes.clear()
    product(a, b.t().contiguous().t())
    assert (shape in shapes) == asked_by_columns


@pytest.mark.parametrize("error", [AttributeError, RuntimeError, TypeError])
def test_a_pytorch_without_that_operator_multiplies_all_the_same(monkeypatch, error):
    def missing(a, b):
        raise error("no such operator")

    monkeypatch.setattr(products, "_by_onednn", missing)
    a, b = matrices(100, 100, 1000)

    assert torch.equal(product(a, b), a @ b)


def test_an_operator_that_has_come_to_mean_something_else_is_not_used(monkeypatch):
    monkeypatch.setattr(products, "_by_onednn", lambda a, b: a @ b + 1)
    a, b = matrices(100, 100, 1000)

    assert torch.equal(product(a, b), a @ b)


def test_on_an_intel_mkl_multiplies(monkeypatch):
    monkeypatch.setattr(products, "_is_intel", lambda: True)
    monkeypatch.setattr(products, "_by_onednn", lambda a, b: pytest.fail("asked"))
    a, b = matrices(100, 100, 1000)

    assert torch.equal(product(a, b), a @ b)
    assert "Intel" in products.library()


@pytest.mark.parametrize(
    "name", ["Intel64 Family 6, GenuineIntel", "AMD64 Family 25, AuthenticAMD"]
)
def test_an_intel_is_known_by_its_name_where_there_is_no_cpuinfo(monkeypatch, tmp_path, name):
    monkeypatch.undo()
    monkeypatch.setattr(products, "CPUINFO", tmp_path / "missing")
    monkeypatch.setenv("PROCESSOR_IDENTIFIER", name)

    assert products._is_intel() == ("GenuineIntel" in name)
