"""What holds on a GPU as it does on a processor: recorded steps, precision, members, resuming."""

import math

import numpy as np
import pytest
import torch
from toy import fit_member, make_config, make_toy_dataset

from tsconv.classifier import fit_members, prepare
from tsconv.errors import Stopped
from tsconv.networks import NETWORKS
from tsconv.runs.paths import RunDir
from tsconv.runs.shelf import RunShelf
from tsconv.training.checkpoint import Keeper
from tsconv.training.inference import infer_proba
from tsconv.training.loop import Watch
from tsconv.training.precision import choose_arithmetic

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
each_network = pytest.mark.parametrize("network", NETWORKS.names())
each_padding = pytest.mark.parametrize("unequal", [False, True], ids=["equal", "unequal"])

TOLERANCE = 0.02
"""Of probabilities after the steps below; those of a processor differ in the last bits alone."""


def make_preparation(network, *, unequal=False, **settings):
    given = {"training__device": "cuda", "training__steps": 30, "training__batch_size": 10}
    return prepare(make_toy_dataset(unequal=unequal), make_config(network, **given | settings))


def probabilities(member, preparation):
    return infer_proba(member.network, preparation.data, preparation.arithmetic)


def without_dropout(network):
    return {"network__options.dropout": 0.0} if network == "tcn" else {}


@each_network
@each_padding
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_recorded_steps_train_to_what_a_processor_does(network, unequal, precision):
    options = without_dropout(network)
    reference = make_preparation(
        network, unequal=unequal, training__device="cpu", training__fused=False, **options
    )
    recorded = make_preparation(network, unequal=unequal, training__precision=precision, **options)

    expected = probabilities(fit_member(reference, 0), reference)
    proba = probabilities(fit_member(recorded, 0), recorded)

    assert np.abs(proba - expected).max() < TOLERANCE * (1 if precision == "float32" else 4)


@each_network
@each_padding
def test_recorded_steps_equal_those_taken_as_they_come(network, unequal, monkeypatch):
    preparation = make_preparation(network, unequal=unequal)
    recorded = fit_member(preparation, 0)

    monkeypatch.setattr(
        "tsconv.training.members.reason_against_replay", lambda *_: "a test wants none"
    )
    as_they_come = fit_member(preparation, 0)

    for key, weights in as_they_come.network.state_dict().items():
        assert (recorded.network.state_dict()[key] - weights).abs().max() < 1e-3, key
    losses = [record.train_loss for record in recorded.history]
    assert losses == pytest.approx([r.train_loss for r in as_they_come.history], abs=1e-3)


@each_network
def test_members_trained_together_equal_each_alone(network):
    preparation = make_preparation(network, members=3)

    together = sorted(fit_members(preparation, range(3)), key=lambda member: member.index)

    for member in together:
        alone = probabilities(fit_member(preparation, member.index), preparation)
        assert np.abs(probabilities(member, preparation) - alone).max() < TOLERANCE


def test_dropout_draws_new_numbers_at_each_replayed_step():
    options = {"network__options.dropout": 0.5, "training__lr": 1e-12, "training__batch_size": 24}
    preparation = make_preparation("tcn", **options)

    losses = [record.train_loss for record in fit_member(preparation, 0).history]

    assert len(set(losses[5:])) > 20


@each_network
def test_a_training_that_was_left_is_taken_up_where_it_was(network, tmp_path):
    preparation = make_preparation(network)
    expected = fit_member(preparation, 0)
    steps = []
    watch = Watch(on_step=lambda *told: steps.append(told), should_stop=lambda: len(steps) == 13)
    directory = RunDir(tmp_path)
    directory.members.mkdir(parents=True)
    keeper = Keeper(RunShelf(directory))

    with pytest.raises(Stopped, match="step 13"):
        list(fit_members(preparation, [0], watch=watch, keeper=keeper))
    (member,) = fit_members(preparation, [0], keeper=keeper)

    assert member.taken_up == 1
    assert len(member.history) == len(expected.history)
    got, wanted = (probabilities(each, preparation) for each in (member, expected))
    assert np.abs(got - wanted).max() < TOLERANCE


@each_network
@each_padding
def test_validation_is_recorded_and_selects_as_on_a_processor(network, unequal):
    settings = {"valid_fraction": 0.25, "training__select": "valid_loss"}
    settings |= without_dropout(network)
    reference = make_preparation(network, unequal=unequal, training__device="cpu", **settings)
    recorded = make_preparation(network, unequal=unequal, **settings)

    expected, member = fit_member(reference, 0), fit_member(recorded, 0)

    for record, other in zip(member.history, expected.history, strict=True):
        assert math.isclose(record.valid_loss, other.valid_loss, rel_tol=0.05)


def test_a_gpu_is_chosen_where_there_is_one():
    arithmetic = choose_arithmetic()

    assert arithmetic.device.type == "cuda"
    assert arithmetic.dtype == torch.bfloat16
