import dataclasses
import os

import pytest
import torch
from toy import SMALL, fit_toy, make_toy_dataset

from tsconv.errors import ConfigError
from tsconv.networks import NETWORKS
from tsconv.training import precision
from tsconv.training.batches import as_batch
from tsconv.training.inference import infer_proba
from tsconv.training.precision import Arithmetic, choose_arithmetic, take_gpus, visible_gpus

CPU = torch.device("cpu")
FLOAT32 = Arithmetic(CPU, torch.float32, "")
BFLOAT16 = Arithmetic(CPU, torch.bfloat16, "")


@pytest.mark.parametrize("name", NETWORKS.names())
@pytest.mark.parametrize("unequal", [False, True])
def test_probabilities_in_bfloat16_are_those_in_float32_within_two_percent(name, unequal):
    network = fit_toy(name, training__steps=30).members[0].network
    dataset = make_toy_dataset(unequal=unequal)
    dataset = dataclasses.replace(dataset, X=dataset.X.copy())
    dataset.X[~dataset.missing() & ~dataset.mask()[:, None]] = 0

    half = infer_proba(network, as_batch(dataset), BFLOAT16)

    assert half == pytest.approx(infer_proba(network, as_batch(dataset), FLOAT32), abs=0.02)


@pytest.mark.parametrize("name", NETWORKS.names())
def test_weights_gradients_and_logits_stay_in_full_precision(name):
    network = NETWORKS.get(name)(1, 2, **SMALL.get(name, {}))
    x = torch.zeros(3, 1, 12)

    with BFLOAT16.autocast():
        logits = network(x)
    logits.sum().backward()

    assert logits.dtype == torch.float32
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    assert {p.grad.dtype for p in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "mps", "", "cpu:x"])
def test_a_device_that_is_not_there_is_a_config_error(device):
    with pytest.raises(ConfigError, match="device"):
        choose_arithmetic(device)


def test_bfloat16_without_the_processor_for_it_is_a_config_error(monkeypatch):
    monkeypatch.setattr(precision, "_native_bfloat16", lambda device: (False, "it has none"))

    with pytest.raises(ConfigError, match="bfloat16: it has none; use --precision float32"):
        choose_arithmetic("cpu", "bfloat16")


@pytest.mark.parametrize(("native", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bfloat16_where_the_processor_has_it_and_says_why(monkeypatch, native, dtype):
    monkeypatch.setattr(precision, "_native_bfloat16", lambda device: (native, "for a reason"))

    chosen = choose_arithmetic("cpu", "auto")

    assert (chosen.dtype, chosen.reason) == (dtype, "for a reason")


def test_float32_is_always_there():
    assert choose_arithmetic("cpu", "float32").dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize(
    ("seen", "found"), [("2,3", "GPUs 2, 3"), ("", "GPUs 0, 1"), (None, "no GPU")]
)
def test_a_gpu_that_is_not_there_is_refused(monkeypatch, seen, found):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", seen or "")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0 if seen is None else 2)

    with pytest.raises(ConfigError, match=f"--gpu 7: found {found} that this process may use"):
        take_gpus(["7"])


def test_gpus_that_are_taken_are_all_that_cuda_sees(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)

    take_gpus(["5", "2"])

    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5,2"


@pytest.mark.parametrize(
    ("named", "count", "gpus"),
    [(None, 2, ("0", "1")), (None, 0, ()), ("3, 5", 2, ("3", "5")), ("GPU-1f", 1, ("GPU-1f",))],
)
def test_visible_gpus_keep_the_names_that_the_batch_system_gave_them(
    monkeypatch, named, count, gpus
):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if named:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)

    assert visible_gpus() == gpus
