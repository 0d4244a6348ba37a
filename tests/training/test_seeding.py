import random

import numpy as np
import pytest
import torch
from toy import fit_member, make_config, make_toy_dataset

from tsconv.classifier import fit, prepare
from tsconv.training.seeding import seeded

CPU = torch.device("cpu")
each_network = pytest.mark.parametrize("network", ["inception", "tcn"])


def same_weights(member, other):
    state, expected = member.network.state_dict(), other.network.state_dict()
    return all(torch.equal(state[key], expected[key]) for key in expected)


def numpy_state():
    return np.random.get_state()[1].copy()  # noqa: NPY002  # the state that must not move


def draw_and_fail():
    torch.rand(1)
    raise ZeroDivisionError


def draw(seed, member):
    with seeded(seed, member, CPU) as generator:
        return torch.rand(4), torch.randperm(20, generator=generator)


def test_one_seed_and_member_draw_one_sequence_and_others_another():
    numbers, order = draw(3, 1)

    assert all(torch.equal(a, b) for a, b in zip(draw(3, 1), (numbers, order), strict=True))
    for other in (draw(3, 2), draw(4, 1), draw(1, 3)):
        assert not torch.equal(other[0], numbers)
        assert not torch.equal(other[1], order)


def test_the_order_of_instances_does_not_depend_on_how_much_else_is_drawn():
    with seeded(0, 0, CPU) as generator:
        torch.rand(1000)
        order = torch.randperm(20, generator=generator)

    assert torch.equal(order, draw(0, 0)[1])


def test_fitting_neither_reads_nor_changes_the_global_random_states():
    dataset, config = make_toy_dataset(), make_config(members=2, valid_fraction=0.25)
    torch.manual_seed(1)
    before = torch.random.get_rng_state(), numpy_state(), random.getstate()

    first = fit(dataset, config)

    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.array_equal(numpy_state(), before[1])
    assert random.getstate() == before[2]
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert same_weights(first.members[0], fit(dataset, config).members[0])


def test_an_error_while_training_leaves_the_global_random_state_alone():
    before = torch.random.get_rng_state()

    with pytest.raises(ZeroDivisionError), seeded(0, 0, CPU):
        draw_and_fail()

    assert torch.equal(torch.random.get_rng_state(), before)


@each_network
def test_two_fits_with_one_seed_are_equal_bit_for_bit(network):
    dataset, config = make_toy_dataset(unequal=True), make_config(network)

    first, second = fit(dataset, config), fit(dataset, config)

    assert same_weights(first.members[0], second.members[0])
    assert np.array_equal(first.predict_proba(dataset), second.predict_proba(dataset))


@each_network
def test_a_member_alone_equals_that_member_among_others_bit_for_bit(network):
    dataset, config = make_toy_dataset(), make_config(network, members=5)

    among_others = fit(dataset, config).members[3]
    alone = fit_member(prepare(dataset, config), 3)

    assert same_weights(alone, among_others)
    assert [record.train_loss for record in alone.history] == [
        record.train_loss for record in among_others.history
    ]


def test_members_differ_and_so_do_seeds():
    dataset = make_toy_dataset()

    first, second = fit(dataset, make_config(members=2)).members
    other = fit(dataset, make_config(seed=1)).members[0]

    assert not same_weights(first, second)
    assert not same_weights(first, other)
