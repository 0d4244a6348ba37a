import dataclasses
import math
import time

import numpy as np
import pytest
import torch
from counting import CountingRecorder
from toy import fit_member, make_config, make_toy_dataset

from tsconv.classifier import fit_members, prepare
from tsconv.config import TrainingConfig
from tsconv.errors import TrainingError
from tsconv.layers.cpu import choice
from tsconv.networks import NETWORKS
from tsconv.training.batches import Batch, LazyTensor
from tsconv.training.distributed import Place
from tsconv.training.loop import Task, Watch
from tsconv.training.members import Trainee, most_together, reason_against_replay, train_members
from tsconv.training.seeding import Draws

CPU = torch.device("cpu")
each_network = pytest.mark.parametrize("network", NETWORKS.names())


def assert_same(member, other):
    state, expected = member.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    assert untimed(member.history) == untimed(other.history)
    assert member.selected == other.selected


def untimed(history):
    return [dataclasses.replace(record, seconds=0.0) for record in history]


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


@pytest.fixture(params=["loops", "operators"])
def _ways(request, monkeypatch):
    """Compiled loops where there are any, and PyTorch's operators alone."""
    if request.param == "operators":
        monkeypatch.setattr(choice, "reason_against", lambda: "a test wants none")


@each_network
@pytest.mark.usefixtures("_ways")
@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("settings", SETTINGS)
def test_replayed_steps_are_those_that_are_computed_as_they_come(
    network, unequal, settings, monkeypatch
):
    small = {"training__steps": 13} if "training__epochs" not in settings else {}
    config = make_config(network, training__batch_size=10, **small, **settings)
    dataset = make_toy_dataset(unequal=unequal)
    dataset = dataclasses.replace(dataset, weights=np.linspace(0.5, 1.5, 24, dtype=np.float32))
    preparation, recorder = prepare(dataset, config), CountingRecorder()

    replayed = train_all(preparation, recorder)

    assert recorder.replayed > 0
    monkeypatch.setattr(
        "tsconv.training.members.reason_against_replay", lambda *_: "a test wants none"
    )
    for outcome in replayed:
        alone = fit_member(preparation, outcome.trainee.member)
        state = alone.network.state_dict()
        for key, value in outcome.trainee.network.state_dict().items():
            assert torch.equal(value, state[key]), key
        assert untimed(outcome.progress.history) == untimed(alone.history)


@pytest.mark.usefixtures("_ways")
def test_a_rate_that_moves_each_step_is_seen_by_replayed_steps(monkeypatch):
    config = make_config(training__schedule="cosine", training__warmup=0.3, training__steps=16)
    preparation = prepare(make_toy_dataset(), config)

    (replayed,) = train_all(preparation, CountingRecorder(), members=1)

    monkeypatch.setattr(
        "tsconv.training.members.reason_against_replay", lambda *_: "a test wants none"
    )
    alone = fit_member(preparation, 0)
    losses = [record.train_loss for record in replayed.progress.history]
    assert losses == [record.train_loss for record in alone.history]
    assert len(set(losses)) == len(losses)


def test_work_that_may_not_be_recorded_is_computed_as_it_comes():
    preparation = prepare(make_toy_dataset(), make_config())
    recorder = CountingRecorder(may_record=False)

    (outcome,) = train_all(preparation, recorder, members=1)

    assert recorder.recorded == 0
    assert untimed(outcome.progress.history) == untimed(fit_member(preparation, 0).history)


def test_steps_are_replayed_unless_there_is_a_reason_not_to():
    data, config = Batch(x=torch.zeros(4, 1, 8)), TrainingConfig(steps=1)
    on_disk = Batch(x=LazyTensor(np.zeros((4, 1, 8), np.float32), CPU))

    assert reason_against_replay(config, data) is None
    assert "fused" in reason_against_replay(dataclasses.replace(config, fused=False), data)
    assert "disk" in reason_against_replay(config, on_disk)
    assert "processes" in reason_against_replay(config, data, Place(rank=0, size=2))


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
