import subprocess
import sys

import numpy as np
import pytest
import torch
from toy import SMALL, make_toy_dataset

from tsconv.networks import NETWORKS
from tsconv.training import inference
from tsconv.training.batches import Batch, as_batch
from tsconv.training.inference import infer_proba
from tsconv.training.precision import Arithmetic

FLOAT32 = Arithmetic(torch.device("cpu"), torch.float32, "")
each_network = pytest.mark.parametrize("name", NETWORKS.names())


def make_network(name):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return NETWORKS.get(name)(1, 3, **SMALL.get(name, {})).eval()


def make_batch(n_instances=11):
    dataset = make_toy_dataset(n_instances, unequal=True)
    return as_batch(dataset)


@each_network
def test_probabilities_are_the_softmax_of_the_logits_and_sum_to_one(name):
    network, data = make_network(name), make_batch()

    proba = infer_proba(network, data, FLOAT32)

    with torch.no_grad():
        logits = network(data.x, data.lengths).double()
    assert proba.dtype == np.float64
    assert proba == pytest.approx(torch.softmax(logits, 1).numpy(), abs=1e-6)
    assert proba.sum(axis=1) == pytest.approx(1, abs=1e-12)


@each_network
@pytest.mark.parametrize("values", [1, 70, 2**17])
def test_the_size_of_a_batch_does_not_matter(name, values, monkeypatch):
    network, data = make_network(name), make_batch()
    expected = infer_proba(network, data, FLOAT32)

    monkeypatch.setattr(inference, "VALUES_AT_ONCE", values)
    monkeypatch.setattr(inference, "VALUES_A_THREAD", values)

    assert infer_proba(network, data, FLOAT32) == pytest.approx(expected, abs=1e-5)


@each_network
def test_neither_order_nor_neighbours_matter(name):
    network, data = make_network(name), make_batch()
    expected = infer_proba(network, data, FLOAT32)
    order = torch.tensor([7, 2, 2, 10])

    proba = infer_proba(network, data.take(order), FLOAT32)

    assert proba == pytest.approx(expected[order.numpy()], abs=1e-5)


def test_inference_leaves_no_gradient_and_no_trace_in_the_network():
    network, data = make_network("inception"), make_batch()
    before = {key: value.clone() for key, value in network.state_dict().items()}

    infer_proba(network, data, FLOAT32)

    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


def test_memory_does_not_grow_with_the_number_of_series():
    program = """
import resource, torch
from tsconv.networks.inception import Inception
from tsconv.training.batches import Batch
from tsconv.training.inference import infer_proba
from tsconv.training.precision import Arithmetic
torch.set_num_threads(1)
network = Inception(1, 2, depth=3).eval()
def peak_after(n):
    arithmetic = Arithmetic(torch.device("cpu"), torch.float32, "")
    infer_proba(network, Batch(torch.zeros(n, 1, 150)), arithmetic)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
few = peak_after(600)
print((peak_after(6000) - few) // 1024)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert int(ran.stdout) < 150  # MiB; a feature map kept of each series would take 400


@pytest.mark.parametrize(
    ("n", "n_threads", "expected"),
    [(200, 2, 100), (256, 2, 64), (1024, 2, 103), (3, 2, 2), (1, 4, 1), (100_000, 1, 110)],
)
def test_threads_have_as_many_series_each(n, n_threads, expected):
    data = Batch(torch.empty(1, 1, 150).expand(n, 1, 150))

    assert inference.values_a_thread(data, n_threads) == 150 * expected
