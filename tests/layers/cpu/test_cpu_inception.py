import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from operators import by_operators
from torch.testing import assert_close

from tsconv.layers.cpu import choice
from tsconv.layers.layout import fused_layers
from tsconv.networks import NETWORKS
from tsconv.networks.inception import InceptionBlock, InceptionModule


def make_module(in_channels, bottleneck):
    return InceptionModule(in_channels, 8, (9, 5, 1), bottleneck, rectified=False)


def make_mask(n, length):
    return (torch.arange(length) < torch.randint(1, length + 1, (n, 1))).unsqueeze(1)


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("length", [1, 2, 37, 120])
@pytest.mark.parametrize(("in_channels", "bottleneck"), [(1, 8), (3, 0), (24, 8), (32, 16)])
def test_branches_and_their_gradients_are_the_references(in_channels, bottleneck, length, padded):
    module = make_module(in_channels, bottleneck)
    mask = make_mask(4, length) if padded else None
    x = torch.randn(4, in_channels, length) * (1 if mask is None else mask)
    x.requires_grad_()
    weights = [each for name, each in module.named_parameters() if "norm" not in name]
    with fused_layers(False):
        expected = module._by_layers(x, mask)
    grad = torch.randn_like(expected) * (1 if mask is None else mask)
    theirs = torch.autograd.grad(expected, [x, *weights], grad)

    y = module._own_branches(x)(x, mask)

    if mask is not None:  # what lies behind a series is the norm's to clear
        y, expected = y * mask, expected * mask
    assert_close(y, expected, rtol=1e-4, atol=1e-4)
    for ours, each in zip(torch.autograd.grad(y, [x, *weights], grad), theirs, strict=True):
        assert_close(ours, each, rtol=1e-4, atol=1e-4 * max(1, float(each.abs().max())))


def test_a_first_module_has_no_gradient_of_the_series(monkeypatch):
    from tsconv.layers.cpu import max_pool

    monkeypatch.setattr(max_pool, "backward", None)  # nobody is to ask for it
    module, x = make_module(1, 8), torch.randn(2, 1, 20)
    other = copy.deepcopy(module)
    with fused_layers(False):
        other(x).square().sum().backward()

    module(x).square().sum().backward()

    for ours, theirs in zip(module.parameters(), other.parameters(), strict=True):
        assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-3)


def test_a_module_is_computed_by_loops_unless_layers_are_not_fused(monkeypatch):
    from tsconv.layers.cpu import inception

    asked, branches = [], inception.branches
    monkeypatch.setattr(
        inception, "branches", lambda *x, **given: asked.append(given) or branches(*x, **given)
    )
    module, x = make_module(24, 8), torch.randn(2, 24, 9)

    module(x)
    assert len(asked) == 1
    with fused_layers(False):
        module(x)
    module.double()(x.double())
    assert len(asked) == 1


def test_a_step_of_a_block_asks_for_every_loop(monkeypatch):
    from tsconv.layers.cpu import batch_norm, fourier, kernels, max_pool
    from tsconv.layers.cpu.compiled import compiled

    asked, run = set(), compiled.__call__
    monkeypatch.setattr(
        compiled, "__call__", lambda loop, *x, **y: asked.add(loop) or run(loop, *x, **y)
    )
    block = InceptionBlock(2, 3, 32, (40, 20, 10), bottleneck=32, residual=True, rectified=False)

    block.train()(torch.randn(2, 2, 120)).sum().backward()

    parts = (batch_norm, fourier, kernels, max_pool)
    written = {each for part in parts for each in vars(part).values() if type(each) is compiled}
    assert asked == written


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_a_block_without_them_is_the_same(padded):
    block = InceptionBlock(2, 3, 8, (9, 5, 1), bottleneck=8, residual=True, rectified=False).train()
    other, mask = copy.deepcopy(block), make_mask(5, 60) if padded else None
    x = torch.randn(5, 2, 60) * (1 if mask is None else mask)
    expected = by_operators(lambda: other(x, mask))
    expected.square().sum().backward()

    y = block(x, mask)
    y.square().sum().backward()

    assert_close(y, expected, rtol=1e-4, atol=1e-4)
    for ours, theirs in zip(block.parameters(), other.parameters(), strict=True):
        scale = max(1.0, float(theirs.grad.abs().max()))
        assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-4 * scale)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_any_number_of_threads_trains_to_the_same_bits(kind):
    """Products of matrices alone might differ: theirs are PyTorch's."""
    before, results = torch.get_num_threads(), []
    given = torch.randn(6, 3, 120, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    block = InceptionBlock(3, 3, 8, (9, 5, 1), bottleneck=8, residual=True, rectified=False)
    for n_threads in (1, 2, 3):
        torch.set_num_threads(n_threads)
        try:
            x, lower = given.clone().requires_grad_(), kind != torch.float32
            with torch.autocast("cpu", kind if lower else None, enabled=lower):
                y = copy.deepcopy(block).train()(x)
            results.append((y, *torch.autograd.grad(y, x, y.detach())))
        finally:
            torch.set_num_threads(before)

    for y, grad in results[1:]:
        assert_close(y, results[0][0], rtol=0, atol=0)
        assert_close(grad, results[0][1], rtol=0, atol=0)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_several_threads_may_predict_at_once(kind):
    torch.manual_seed(0)
    network = NETWORKS.get("inception")(2, 3, depth=3).eval()
    batches = [torch.randn(5, 2, 60) for _ in range(12)]
    predict = network.prepared(kind)
    with torch.inference_mode():
        expected = [predict(each, None) for each in batches]

    def of_one(batch):
        with torch.inference_mode():
            return predict(batch, None)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(of_one, batches))

    for one, other in zip(found, expected, strict=True):
        assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.fixture
def _asked_anew():
    choice.reason_against.cache_clear()
    yield
    choice.reason_against.cache_clear()


@pytest.mark.usefixtures("_asked_anew")
def test_loops_are_compiled_of_what_they_can_compute():
    assert "Numba" in choice.describe()
    assert choice.compiles(torch.zeros(1))
    assert not choice.compiles(torch.zeros(1, dtype=torch.float64))
    assert not choice.compiles(torch.zeros(1, device="meta"))


@pytest.mark.usefixtures("_asked_anew")
def test_without_numba_there_are_none(monkeypatch):
    monkeypatch.setattr(choice, "find_spec", lambda name: None)

    assert "Numba is not installed" in choice.describe()
    assert not choice.compiles(torch.zeros(1))


@pytest.mark.usefixtures("_asked_anew")
@pytest.mark.parametrize(
    "error", [ImportError("NumPy 9 is too new"), AttributeError("GOMP_parallel")]
)
def test_what_keeps_numba_from_it_is_told(error, monkeypatch):
    from tsconv.layers.cpu import compiled

    def fail():
        raise error

    monkeypatch.setattr(compiled, "try_out", fail)

    assert str(error) in choice.describe()
    assert not choice.compiles(torch.zeros(1))
