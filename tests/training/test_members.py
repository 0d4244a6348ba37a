import dataclasses
import math
import time

import numpy as np
import pytest
import torch
from tape import TapeRecorder
from toy import fit_member, make_config, make_toy_dataset

from tsconv.classifier import fit_members, prepare
from tsconv.config import TrainingConfig
from tsconv.errors import TrainingError
from tsconv.layers.cpu import choice
from tsconv.networks import NETWORKS
from tsconv.training.batches import Batch
from tsconv.training.loop import Task, Watch
from tsconv.training.members import Trainee, can_record, most_together, train_members
from tsconv.training.seeding import Draws

CPU = torch.device("cpu")
EXACT = 2**-9  # a rate that is the same number in float32
each_network = pytest.mark.parametrize("network", NETWORKS.names())


def assert_same(member, other):
    state, expected = member.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    assert untimed(member.history) == untimed(other.history)
    assert member.selected == other.selected


def untimed(history):
    return [dataclasses.replace(record, seconds=0.0) for record in history]


def assert_alike(history, expected):
    for record, other in zip(history, expected, strict=True):
        assert record.train_loss == pytest.approx(other.train_loss, rel=1e-4)
        assert (record.valid_loss is None) == (other.valid_loss is None)
        assert (record.valid_loss or 0) == pytest.approx(other.valid_loss or 0, rel=1e-4)
        assert (record.epoch, record.step) == (other.epoch, other.step)
        assert record.lr == other.lr


def make_task(preparation, recorder=None, **given):
    return Task(
        data=preparation.data,
        config=preparation.config.training,
        arithmetic=preparation.arithmetic,
        class_weights=preparation.class_weights,
        valid=preparation.valid,
        recorder=recorder,
        **given,
    )


def train_all(preparation, recorder, members=2):
    """The members' outcomes, together, in order of their index."""
    trainees = []
    for k in range(members):
        draws = Draws(preparation.config.seed, k, CPU)
        with draws.active():
            trainees.append(Trainee(k, preparation.build_network(), draws))
    outcomes = train_members(trainees, make_task(preparation, recorder), at_once=members)
    return sorted(outcomes, key=lambda outcome: outcome.trainee.member)


@each_network
@pytest.mark.parametrize("at_once", [2, 5])
def test_members_trained_together_equal_each_alone_bit_for_bit(network, at_once):
    config = make_config(
        network, members=5, training__batch_size=10, training__settle_statistics=True
    )
    preparation = prepare(make_toy_dataset(unequal=True), config)

    together = list(fit_members(preparation, range(5), at_once=at_once))

    assert [member.index for member in together] == list(range(5))
    for member in together:
        assert_same(member, fit_member(preparation, member.index))


def test_the_seconds_of_members_trained_together_add_up_to_those_that_passed():
    preparation = prepare(make_toy_dataset(), make_config(members=4, training__epochs=5))
    began = time.monotonic()

    together = list(fit_members(preparation, range(4), at_once=4))

    seconds = [member.history[-1].seconds for member in together]
    assert min(seconds) > 0
    assert sum(seconds) <= time.monotonic() - began


def test_members_take_their_steps_in_turn():
    told = []
    preparation = prepare(make_toy_dataset(), make_config(training__steps=2))
    watch = Watch(on_step=lambda member, step, n_steps: told.append((member, step)))

    list(fit_members(preparation, [0, 1, 2], watch=watch, at_once=2))

    assert told == [(0, 1), (1, 1), (0, 2), (1, 2), (2, 1), (2, 2)]


def test_a_processor_trains_one_member_after_another_and_gives_each_when_it_is_done():
    told = []
    preparation = prepare(make_toy_dataset(), make_config(training__steps=2))
    watch = Watch(on_step=lambda member, step, n_steps: told.append((member, step)))

    members = fit_members(preparation, [0, 1], watch=watch)

    assert next(members).index == 0
    assert told == [(0, 1), (0, 2)]


def test_a_member_that_stops_early_is_given_at_once_and_the_others_go_on():
    config = make_config(
        valid_fraction=0.25,
        training__epochs=40,
        training__patience=2,
        training__lr=0.3,
        training__select="valid_loss",
    )
    preparation = prepare(make_toy_dataset(), config)

    together = list(fit_members(preparation, range(4), at_once=4))

    lengths = [len(member.history) for member in together]
    assert len(set(lengths)) > 1
    assert lengths == sorted(lengths)
    for member in together:
        assert_same(member, fit_member(preparation, member.index))


def test_training_together_leaves_the_global_random_state_alone():
    preparation = prepare(make_toy_dataset(), make_config("tcn"))
    before = torch.random.get_rng_state()

    list(fit_members(preparation, range(2), at_once=2))

    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_loss_that_is_not_finite_names_its_member_among_others():
    preparation = prepare(make_toy_dataset(), make_config())
    preparation.data.x[4] = float("nan")

    with pytest.raises(TrainingError, match="member 1, epoch 1"):
        list(fit_members(preparation, [1, 2], at_once=2))


SETTINGS = [
    {"training__optimizer": "adam", "training__epochs": 8},
    {"training__clip_norm": 0.5},
    {"training__label_smoothing": 0.1, "training__class_weight": "balanced"},
    {"training__settle_statistics": True},
    {
        "valid_fraction": 0.25,
        "training__epochs": 8,
        "training__select": "valid_loss",
        "training__patience": 3,
    },
    {
        "training__epochs": 12,
        "training__schedule": "plateau",
        "training__plateau_patience": 1,
        "training__select": "train_loss",
    },
]


@pytest.fixture
def _operators_alone(monkeypatch):
    """A tape has PyTorch's operations alone, as a GPU has no loops of a processor's."""
    monkeypatch.setattr(choice, "reason_against", lambda: "they are on no tape")


@each_network
@pytest.mark.usefixtures("_operators_alone")
@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("settings", SETTINGS)
def test_replayed_steps_are_those_that_are_computed_as_they_come(network, unequal, settings):
    small = {"training__steps": 13} if "training__epochs" not in settings else {}
    config = make_config(network, training__lr=EXACT, training__batch_size=10, **small, **settings)
    dataset = make_toy_dataset(unequal=unequal)
    dataset = dataclasses.replace(dataset, weights=np.linspace(0.5, 1.5, 24, dtype=np.float32))
    preparation, recorder = prepare(dataset, config), TapeRecorder()

    replayed = train_all(preparation, recorder)

    assert recorder.replayed > 0
    assert not recorder.waits
    for outcome in replayed:
        alone = fit_member(preparation, outcome.trainee.member)
        state = alone.network.state_dict()
        # A tape keeps gradients alive, so PyTorch copies them into another order in memory, and the
        # optimiser's vector arithmetic rounds the last bit differently; a step moves 2e-3.
        for key, value in outcome.trainee.network.state_dict().items():
            assert torch.allclose(value, state[key], atol=1e-5), key
        assert_alike(outcome.progress.history, alone.history)


@pytest.mark.usefixtures("_operators_alone")
def test_a_rate_that_moves_each_step_is_seen_by_replayed_steps():
    config = make_config(training__schedule="cosine", training__warmup=0.3, training__steps=16)
    preparation = prepare(make_toy_dataset(), config)

    (replayed,) = train_all(preparation, TapeRecorder(), members=1)

    alone = fit_member(preparation, 0)
    losses = [record.train_loss for record in replayed.progress.history]
    assert losses == pytest.approx([record.train_loss for record in alone.history], rel=1e-4)
    assert len(set(losses)) == len(losses)


def test_work_that_may_not_be_recorded_is_computed_as_it_comes():
    preparation = prepare(make_toy_dataset(), make_config(training__lr=EXACT))
    recorder = TapeRecorder(may_record=False)

    (outcome,) = train_all(preparation, recorder, members=1)

    assert recorder.recorded == 0
    assert_alike(outcome.progress.history, fit_member(preparation, 0).history)


def test_only_a_gpu_records_and_only_if_it_may(caplog):
    data = Batch(x=torch.zeros(4, 1, 8))

    cuda = torch.device("cuda")
    assert can_record(cuda, TrainingConfig(steps=1), data)
    assert not can_record(CPU, TrainingConfig(steps=1), data)
    assert not can_record(cuda, TrainingConfig(steps=1, fused=False), data)


@pytest.mark.parametrize(
    ("n_instances", "length", "expected"), [(50, 150, 34), (390, 176, 23), (500, 5000, 1)]
)
def test_the_larger_the_batches_the_fewer_members_are_trained_together(
    n_instances, length, expected
):
    data = Batch(x=torch.zeros(n_instances, 1, length))

    together = most_together(data, 64)

    assert together == expected
    assert math.isfinite(together)
