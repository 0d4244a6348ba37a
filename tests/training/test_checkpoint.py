import dataclasses
import logging
from itertools import count

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy import fit_member, make_config, make_toy_dataset

from tsconv.classifier import fit_members, prepare
from tsconv.errors import RunError, Stopped
from tsconv.networks import NETWORKS
from tsconv.training import batches, statistics
from tsconv.training.checkpoint import Keeper, from_bytes, to_bytes
from tsconv.training.loop import Watch

each_network = pytest.mark.parametrize("network", NETWORKS.names())
SETTINGS = [
    {"training__steps": 8, "training__settle_statistics": True},
    {"training__steps": 7, "training__optimizer": "adam", "training__schedule": "cosine"},
    {
        "valid_fraction": 0.25,
        "training__epochs": 4,
        "training__select": "valid_loss",
        "training__patience": 2,
        "training__settle_statistics": True,
    },
    {
        "training__epochs": 6,
        "training__schedule": "plateau",
        "training__plateau_patience": 1,
        "training__plateau_threshold": 10,
        "training__select": "train_loss",
    },
]


class Memory:
    """A shelf that keeps all that was put there."""

    def __init__(self):
        self.kept = {}

    def put(self, member, content):
        self.kept.setdefault(member, []).append(content)

    def newest_first(self, member):
        while self.kept.get(member):
            yield f"member {member}", self.kept[member][-1]
            self.kept[member].pop()


class Full(Memory):
    """A shelf without room."""

    def put(self, member, content):
        raise RunError("no space left")


@pytest.fixture(autouse=True)
def short_passes(monkeypatch):
    """Validation and the settling of statistics take several batches."""
    monkeypatch.setattr(batches, "VALUES_AT_ONCE", 4 * 30)
    monkeypatch.setattr(statistics, "POINTS_AT_ONCE", 1)


def stop_after(pauses):
    """A watch that asks to stop at a pause, counted from 1."""
    asked = count(1)
    return Watch(should_stop=lambda: next(asked) >= pauses)


def train_in_pieces(preparation, pauses, members=(0,), **given):
    """Members that were left after every so many pauses, all but what was kept being lost."""
    shelf, lives, done = Memory(), 0, {}
    while len(done) < len(members):
        lives += 1
        left = [k for k in members if k not in done]
        trained = fit_members(
            preparation, left, watch=stop_after(pauses), keeper=Keeper(shelf), **given
        )
        try:
            for member in trained:
                done[member.index] = member
        except Stopped:
            pass
    return [done[k] for k in members], lives


def assert_same(member, other):
    state, expected = member.network.state_dict(), other.network.state_dict()
    assert all(torch.equal(state[key], expected[key]) for key in expected)
    assert untimed(member.history) == untimed(other.history)
    assert member.selected == other.selected


def untimed(history):
    return [dataclasses.replace(record, seconds=0.0) for record in history]


@each_network
@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("pauses", [1, 2, 5])
def test_a_training_left_and_taken_up_is_that_of_one_left_alone_bit_for_bit(
    network, settings, pauses
):
    config = make_config(network, training__batch_size=10, **settings)
    preparation = prepare(make_toy_dataset(unequal=True), config)

    (member,), lives = train_in_pieces(preparation, pauses)

    assert lives > 1
    assert member.taken_up == lives - 1
    assert_same(member, fit_member(preparation, 0))


def test_members_trained_together_are_each_taken_up():
    config = make_config(training__batch_size=10, training__steps=5)
    preparation = prepare(make_toy_dataset(), config)

    members, _ = train_in_pieces(preparation, 4, members=(0, 1, 2), at_once=3)

    for member in members:
        assert_same(member, fit_member(preparation, member.index))


def test_the_order_of_a_set_on_disk_is_continued_inside_an_epoch():
    config = make_config(training__batch_size=5, training__epochs=2)
    preparation = prepare(make_toy_dataset(), config)
    preparation = dataclasses.replace(preparation, data=on_disk(preparation.data))

    (member,), _ = train_in_pieces(preparation, 1)

    assert_same(member, fit_member(preparation, 0))


def on_disk(data):
    lazy = batches.LazyTensor(data.x.numpy(), torch.device("cpu"))
    return dataclasses.replace(data, x=lazy)


def test_seconds_add_up(monkeypatch):
    clock = count(0)
    config = make_config(training__steps=4, training__settle_statistics=False)
    preparation = prepare(make_toy_dataset(), config)
    monkeypatch.setattr("tsconv.training.loop.time.monotonic", lambda: float(next(clock)))

    (member,), lives = train_in_pieces(preparation, 1)

    assert lives == 5
    assert member.history[-1].seconds >= 4


def keep_all(preparation):
    """What a keeper puts on its shelf, a checkpoint a pause."""
    shelf = Memory()
    (member,) = fit_members(preparation, [0], keeper=Keeper(shelf, seconds=0))
    return shelf, member


def damaged(content, how):
    half = len(content) // 2
    flipped = content[:half] + bytes([content[half] ^ 1]) + content[half + 1 :]
    return {"torn": content[:half], "empty": b"", "zeros": bytes(64), "flipped": flipped}[how]


@pytest.mark.parametrize("how", ["torn", "empty", "zeros", "flipped"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_with_a_warning(how, caplog):
    preparation = prepare(make_toy_dataset(), make_config(training__steps=6))
    shelf, expected = keep_all(preparation)
    shelf.kept[0] = [*shelf.kept[0][:3], damaged(shelf.kept[0][3], how)]
    caplog.set_level(logging.INFO, "tsconv")

    (member,) = fit_members(preparation, [0], keeper=Keeper(shelf))

    assert_same(member, expected)
    assert any("damaged, and so left out" in each.getMessage() for each in caplog.records)
    assert "member 0: taken up at step 3 of 6" in caplog.messages


def test_without_a_whole_checkpoint_a_member_begins_anew_with_a_warning(caplog):
    preparation = prepare(make_toy_dataset(), make_config(training__steps=6))
    shelf, expected = keep_all(preparation)
    shelf.kept[0] = [damaged(each, "torn") for each in shelf.kept[0][2:4]]

    (member,) = fit_members(preparation, [0], keeper=Keeper(shelf))

    assert_same(member, expected)
    assert member.taken_up == 0
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert len(warned) == 3
    assert warned[-1] == "member 0: no checkpoint can be read, begins anew"


def test_the_state_of_another_network_is_left_out_and_changes_nothing(caplog):
    dataset = make_toy_dataset()
    shelf, _ = keep_all(prepare(dataset, make_config("tcn")))
    preparation = prepare(dataset, make_config("inception"))

    (member,) = fit_members(preparation, [0], keeper=Keeper(shelf))

    assert_same(member, fit_member(preparation, 0))
    assert "expected the state of this network" in caplog.text


def test_a_state_of_another_precision_is_taken_up_with_a_warning(caplog):
    dataset = make_toy_dataset()
    shelf, _ = keep_all(prepare(dataset, make_config(training__steps=6)))
    shelf.kept[0] = [
        to_bytes(tensors, {**values, "arithmetic": "cuda in bfloat16"})
        for tensors, values in map(from_bytes, shelf.kept[0][:2])
    ]

    (member,) = fit_members(
        prepare(dataset, make_config(training__steps=6)), [0], keeper=Keeper(shelf)
    )

    assert member.taken_up == 1
    assert "begun on cuda in bfloat16, goes on on cpu in float32" in caplog.text


def test_a_state_of_other_threads_is_taken_up_with_a_warning(caplog, monkeypatch):
    dataset = make_toy_dataset()
    shelf, _ = keep_all(prepare(dataset, make_config(training__steps=6)))
    shelf.kept[0] = shelf.kept[0][:2]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)

    list(fit_members(prepare(dataset, make_config(training__steps=6)), [0], keeper=Keeper(shelf)))

    assert "begun on cpu in float32 by 1 thread, goes on on cpu in float32 by 64 threads" in (
        caplog.text
    )


@given(st.data())
def test_one_flipped_bit_anywhere_is_noticed(data):
    tensors = {"a": torch.arange(5.0), "b": torch.tensor(3, dtype=torch.int64)}
    content = bytearray(to_bytes(tensors, {"format": 1, "x": float("inf")}))
    again, values = from_bytes(bytes(content))
    assert torch.equal(again["a"], tensors["a"])
    assert values["x"] == float("inf")
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(ValueError, match=r".") as told:
        from_bytes(bytes(content))

    assert type(told.value) is ValueError or isinstance(told.value, UnicodeDecodeError)


def test_a_checkpoint_that_cannot_be_written_is_a_warning_and_training_goes_on(caplog):
    config = make_config(training__steps=3, training__settle_statistics=False)
    preparation = prepare(make_toy_dataset(), config)

    (member,) = fit_members(preparation, [0], keeper=Keeper(Full(), seconds=0))

    assert_same(member, fit_member(preparation, 0))
    warned = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert warned == ["member 0 goes on, but is not saved: no space left"] * 3


def test_a_member_is_saved_when_its_time_has_come(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tsconv.training.checkpoint.time.monotonic", lambda: now[0])

    def on_step(member, step, n_steps):
        now[0] += 4.0

    shelf = Memory()
    preparation = prepare(make_toy_dataset(), make_config(training__steps=10))
    watch = Watch(on_step=on_step)
    list(fit_members(preparation, [0], watch=watch, keeper=Keeper(shelf, seconds=10)))

    steps = [from_bytes(each)[1]["progress"]["step"] for each in shelf.kept[0]]
    assert steps == [3, 6, 9]


def test_where_writing_is_slow_it_is_done_seldom(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("tsconv.training.checkpoint.time.monotonic", lambda: now[0])

    class Slow(Memory):
        def put(self, member, content):
            super().put(member, content)
            now[0] += 2.0

    def on_step(member, step, n_steps):
        now[0] += 10.0

    shelf = Slow()
    preparation = prepare(make_toy_dataset(), make_config(training__steps=40))
    keeper = Keeper(shelf, seconds=10)
    list(fit_members(preparation, [0], watch=Watch(on_step=on_step), keeper=keeper))

    assert len(shelf.kept[0]) == 2
    assert keeper.seconds_spent == 4.0


def test_who_stops_says_where_and_whether_it_is_saved():
    preparation = prepare(make_toy_dataset(), make_config(training__steps=6))

    with pytest.raises(Stopped, match=r"^member 0 at step 2 of 6, saved$"):
        list(fit_members(preparation, [0], watch=stop_after(2), keeper=Keeper(Memory())))
    with pytest.raises(Stopped, match=r"^member 0 at step 2 of 6, not saved$"):
        list(fit_members(preparation, [0], watch=stop_after(2), keeper=Keeper(Full())))
    with pytest.raises(Stopped, match=r"^member 0 at step 2 of 6, not saved$"):
        list(fit_members(preparation, [0], watch=stop_after(2)))


def test_a_checkpoint_needs_no_pickle():
    shelf, _ = keep_all(prepare(make_toy_dataset(), make_config(training__steps=1)))

    tensors, values = from_bytes(shelf.kept[0][0])

    assert all(isinstance(each, torch.Tensor) for each in tensors.values())
    assert values["progress"]["step"] == 1
    assert np.isfinite(values["progress"]["seconds"])
