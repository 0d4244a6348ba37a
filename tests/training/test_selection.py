import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tsconv.config import TrainingConfig
from tsconv.training.selection import Selected, Selector


def run(losses, valid=None, **settings):
    """Offer one epoch a loss, with the epoch's number as the network's only weight."""
    network = nn.Linear(1, 1, bias=False)
    selector = Selector(network, TrainingConfig(epochs=1, **settings))
    for epoch, loss in enumerate(losses, start=1):
        nn.init.constant_(network.weight, epoch)
        selector.offer(epoch, loss, None if valid is None else valid[epoch - 1])
        if selector.should_stop(epoch):
            break
    selected = selector.restore()
    return selected, network.weight.item(), epoch


def test_the_strictly_lowest_loss_is_kept_so_of_equals_the_first():
    selected, weight, _ = run([3.0, 1.0, 2.0, 1.0], select="train_loss")

    assert selected == Selected("train_loss", 2, 1.0)
    assert weight == 2


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20))
def test_the_weights_put_back_are_those_of_the_epoch_that_is_told(losses):
    selected, weight, _ = run([float(loss) for loss in losses], select="train_loss")

    assert selected.epoch == losses.index(min(losses)) + 1
    assert selected.value == min(losses)
    assert weight == selected.epoch


def test_the_last_weights_are_kept_when_nothing_selects():
    selected, weight, _ = run([1.0, 2.0, 3.0], select="last")

    assert selected == Selected("last", 3, None)
    assert weight == 3


def test_the_valid_loss_selects_whatever_the_train_loss_says():
    selected, weight, _ = run([3.0, 2.0, 1.0], valid=[1.0, 0.5, 2.0], select="valid_loss")

    assert selected == Selected("valid_loss", 2, 0.5)
    assert weight == 2


def test_patience_stops_after_so_many_epochs_without_a_lower_valid_loss():
    valid = [3.0, 2.0, 2.0, 2.5, 1.0, 1.0]

    _, _, last = run([1.0] * 6, valid=valid, select="last", patience=2)

    assert last == 4


def test_patience_starts_anew_with_every_lower_valid_loss():
    valid = [3.0, 3.0, 2.0, 2.0, 1.0, 1.0, 1.0]

    selected, _, last = run([1.0] * 7, valid=valid, select="valid_loss", patience=2)

    assert (selected.epoch, last) == (5, 7)


@pytest.mark.parametrize("select", ["train_loss", "last"])
def test_batch_statistics_are_part_of_the_weights_put_back(select):
    network = nn.BatchNorm1d(1)
    selector = Selector(network, TrainingConfig(epochs=1, select=select))
    selector.offer(1, 1.0, None)
    network(torch.full((2, 1), 7.0))
    selector.offer(2, 2.0, None)

    selector.restore()

    assert (network.running_mean.item() == 0) == (select == "train_loss")
