"""The fast ways end where plain float32 does: 50 steps of the default recipe, the whole network."""

import pytest
import torch

from tsconv.config import load_config
from tsconv.networks import NETWORKS
from tsconv.training.batches import Batch
from tsconv.training.inference import infer_proba
from tsconv.training.loop import Course, Task, training
from tsconv.training.precision import Arithmetic

TOLERANCE = 0.1
"""Of logits that span some ten units; the largest difference seen over three seeds was 0.047."""


def make_waves(n=48, n_timepoints=60, seed=0):
    """Two or three noisy waves a series, the number being the class."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 2
    times, phase = torch.linspace(0, 1, n_timepoints), torch.rand(n, 1, generator=generator)
    waves = torch.sin(2 * torch.pi * ((2 + y[:, None]) * times + phase))
    return Batch(waves[:, None] + 0.7 * torch.randn(n, 1, n_timepoints, generator=generator), y=y)


def train(name, data, *, fused, dtype):
    torch.manual_seed(0)
    network = NETWORKS.get(name)(1, 2)
    network.fused = fused
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # drawn in the order of memory, which is another when fused
    config = load_config("fast", overrides=["training.steps=50"]).training
    arithmetic = Arithmetic(torch.device("cpu"), dtype, "as the test wants")
    task = Task(data=data, config=config, arithmetic=arithmetic)
    course = Course(network, task, generator=torch.Generator().manual_seed(1))
    for _ in training(course):
        pass
    return network


def logits_after_training(name, data, *, fused, dtype):
    network = train(name, data, fused=fused, dtype=dtype)
    with torch.no_grad():
        return network(data.x)


def test_bfloat16_is_as_accurate_on_unseen_series():
    data, unseen = make_waves(), make_waves(n=200, seed=1)
    right = {}

    for dtype in (torch.float32, torch.bfloat16):
        network = train("inception", data, fused=True, dtype=dtype)
        arithmetic = Arithmetic(torch.device("cpu"), dtype, "as the test wants")
        y_pred = infer_proba(network, unseen, arithmetic).argmax(1)
        right[dtype] = (y_pred == unseen.y.numpy()).mean()

    assert right[torch.float32] > 0.95
    assert right[torch.bfloat16] == pytest.approx(right[torch.float32], abs=0.02)


@pytest.mark.parametrize("name", NETWORKS.names())
def test_fused_layers_and_bfloat16_train_to_the_logits_of_the_reference(name):
    data = make_waves()
    reference = logits_after_training(name, data, fused=False, dtype=torch.float32)

    fused = logits_after_training(name, data, fused=True, dtype=torch.float32)
    lower = logits_after_training(name, data, fused=True, dtype=torch.bfloat16)

    assert (fused - reference).abs().max() < TOLERANCE
    assert (lower - reference).abs().max() < TOLERANCE
