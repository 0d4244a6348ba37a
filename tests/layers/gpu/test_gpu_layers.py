"""Which layers are computed by kernels of our own, and whole networks by them."""

import copy
from types import SimpleNamespace

import pytest
import torch
from toy import SMALL

from tsconv.layers import products
from tsconv.layers.gpu import choice
from tsconv.layers.layout import fused_layers
from tsconv.networks import NETWORKS

CPU = torch.device("cpu")


@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", NETWORKS.names())
def test_a_network_of_kernels_has_the_logits_and_gradients_of_the_reference(
    name, padded, device, monkeypatch
):
    options = dict(SMALL.get(name, {}))
    options.pop("standardise", None)  # of three series it magnifies every rounding error
    if name == "inception":
        options["depth"] = 3  # with a shortcut
    network = NETWORKS.get(name)(2, 3, **options).to(device).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    other = copy.deepcopy(network)
    x = torch.randn(3, 2, 12, device=device)
    lengths = torch.tensor([12, 5, 9], device=device) if padded else None
    with fused_layers(False):
        expected = network(x, lengths)
    expected.square().sum().backward()
    monkeypatch.setattr(choice, "takes", lambda x, **_: True)

    logits = other(x, lengths)
    logits.square().sum().backward()

    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-4)
    for ours, theirs in zip(other.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-2, atol=1e-3)


def test_a_processor_has_no_use_for_them():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not choice.takes(torch.zeros(2, 1, 8))


@pytest.mark.parametrize(
    ("channels", "n_timepoints", "taken"),
    [(128, 2**15, True), (129, 9, False), (1, 2**15 + 1, False)],
)
def test_what_is_too_wide_or_too_long_for_them_is_left_to_cudnn(
    channels, n_timepoints, taken, monkeypatch
):
    monkeypatch.setattr(choice, "is_installed", lambda: True)
    x = SimpleNamespace(is_cuda=True, device=SimpleNamespace(type="cuda"))
    x.dtype, x.shape = torch.bfloat16, (64, 1, n_timepoints)

    assert choice.takes(x, channels=channels) == taken


def test_each_way_is_told_with_its_reason(monkeypatch):
    def describe(dtype=torch.bfloat16, fused=True):
        return choice.describe_ways("cuda", dtype, fused)

    monkeypatch.setattr(choice, "is_installed", lambda: True)
    assert "Triton" in describe()
    assert "float32" in describe(torch.float32)
    assert "training.fused" in describe(fused=False)
    monkeypatch.setattr(choice, "is_installed", lambda: False)
    assert "3.6" in describe()
    assert "matrix products" in choice.describe_ways("cpu", torch.bfloat16, True)
    assert products.library() in choice.describe_ways("cpu", torch.float32, True)


@pytest.mark.parametrize(("found", "is_enough"), [("3.5.1", False), ("3.6.0", True), ("4.0", True)])
def test_a_triton_that_is_too_old_is_left_alone(found, is_enough, monkeypatch):
    choice.is_installed.cache_clear()
    monkeypatch.setattr(choice, "version", lambda name: found)

    assert choice.is_installed() == is_enough
    choice.is_installed.cache_clear()
