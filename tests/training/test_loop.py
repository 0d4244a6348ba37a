import dataclasses
import math
from itertools import chain

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from toy import fit_toy, make_config, make_toy_dataset

from tsconv.classifier import fit
from tsconv.config import TrainingConfig, from_dict, read_recipe
from tsconv.errors import TrainingError
from tsconv.networks.inception import Inception
from tsconv.networks.tcn import TCN
from tsconv.training.batches import Batch
from tsconv.training.loop import (
    Course,
    Task,
    Watch,
    count_steps,
    take_step,
    training,
)
from tsconv.training.losses import summing_loss, weighted_loss
from tsconv.training.optimizers import make_optimizer, set_lr
from tsconv.training.precision import Arithmetic

FLOAT32 = Arithmetic(torch.device("cpu"), torch.float32, "")


class Recording(nn.Module):
    """A linear network that remembers the instances it was shown."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 2)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.seen = []

    def forward(self, x, lengths=None):
        if self.training:
            self.seen.append(x[:, 0, 0].tolist())
        return self.linear(x[:, :, 0])


def make_data(n_instances=10):
    x = torch.arange(n_instances, dtype=torch.float32)[:, None, None] / n_instances
    return Batch(x=x, y=torch.arange(n_instances) % 2)


def run(network=None, data=None, valid=None, watch=None, **settings):
    """Train to the end; the network, what was selected, and the history."""
    network = network or Recording()
    task = Task(
        data=data or make_data(),
        config=TrainingConfig(**settings),
        arithmetic=FLOAT32,
        valid=valid,
        watch=watch or Watch(),
    )
    course = Course(network, task, generator=torch.Generator().manual_seed(0), member=2)
    for _ in training(course):
        pass
    return network, course.selector.selected, course.progress.history


@pytest.mark.parametrize("steps", [1, 3, 4, 9])
def test_a_budget_in_steps_is_kept_to_the_step(steps):
    network, _, history = run(steps=steps, batch_size=3)

    assert len(network.seen) == steps
    assert history[-1].step == history[-1].n_steps == steps
    assert len(history) == math.ceil(steps / 4)


def test_a_budget_in_epochs_visits_each_instance_once_an_epoch():
    network, _, history = run(epochs=3, batch_size=4)

    assert [len(batch) for batch in network.seen] == [4, 4, 2] * 3
    for epoch in range(3):
        visited = sorted(chain.from_iterable(network.seen[3 * epoch : 3 * epoch + 3]))
        assert visited == pytest.approx([k / 10 for k in range(10)])
    assert [record.step for record in history] == [3, 6, 9]


def test_the_train_loss_of_an_epoch_is_the_mean_over_its_instances_as_trained():
    losses, sizes = [], []

    class Watched(Recording):
        def forward(self, x, lengths=None):
            logits = super().forward(x)
            y = (x[:, 0, 0] * 10).round().long() % 2
            losses.append(F.cross_entropy(logits, y).item())
            sizes.append(len(x))
            return logits

    _, _, history = run(Watched(), epochs=1, batch_size=4, lr=0.5)

    expected = sum(a * b for a, b in zip(losses, sizes, strict=True)) / 10
    assert history[0].train_loss == pytest.approx(expected, abs=1e-6)
    assert history[0].train_loss != pytest.approx(sum(losses) / 3, abs=1e-6)


def test_a_loss_that_is_not_finite_names_the_member_and_the_epoch_and_a_way_out():
    data = make_data()
    data.x[4] = float("nan")

    with pytest.raises(TrainingError, match=r"member 2, epoch 1: .* nan; try .*training\.lr"):
        run(data=data, steps=9, batch_size=4)


def test_labels_are_needed_to_train():
    with pytest.raises(TrainingError, match="expected labels"):
        run(data=Batch(x=torch.zeros(3, 1, 1)), steps=1)


def test_an_epoch_is_told_once_and_a_step_each():
    epochs, steps = [], []
    watch = Watch(on_epoch=epochs.append, on_step=lambda *step: steps.append(step))

    _, _, history = run(watch=watch, steps=5, batch_size=4)

    assert epochs == history
    assert steps == [(2, k, 5) for k in (1, 2, 3, 4, 5)]
    assert [record.epoch for record in history] == [1, 2]
    assert {record.member for record in history} == {2}


def test_the_network_is_left_in_eval_mode_with_the_weights_that_were_selected():
    network, selected, history = run(epochs=8, batch_size=4, lr=3.0, select="train_loss")

    losses = [record.train_loss for record in history]
    assert not network.training
    assert selected.by == "train_loss"
    assert selected.value == min(losses)
    assert selected.epoch == losses.index(min(losses)) + 1


def test_the_valid_loss_is_that_of_the_network_in_eval_mode_after_the_epoch():
    network, selected, history = run(valid=make_data(6), epochs=4, lr=0.1, select="valid_loss")

    assert history[selected.epoch - 1].valid_loss == selected.value
    total = torch.zeros((), dtype=torch.float64)
    for _ in summing_loss(total, network, make_data(6), FLOAT32):
        pass
    assert total.item() / 6 == pytest.approx(selected.value, abs=1e-6)


def test_patience_ends_training_before_the_budget():
    valid = Batch(x=make_data().x, y=1 - make_data().y)  # the better it learns, the worse

    _, _, history = run(valid=valid, epochs=500, lr=0.1, patience=3)

    assert len(history) < 20


def test_class_weights_multiply_the_loss_of_their_class():
    logits, y = (
        torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 1]),
    )
    class_weights = torch.tensor([1.0, 2.0, 0.0])

    loss = weighted_loss(logits, Batch(x=logits, y=y), class_weights)

    each = F.cross_entropy(logits, y, reduction="none")
    assert loss == pytest.approx(((each[0] + 2 * each[1] + 2 * each[3]) / 4).item())


def test_instance_weights_multiply_the_loss_of_their_instance():
    logits, y = torch.randn(2, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1])
    batch = Batch(x=logits, y=y, weights=torch.tensor([3.0, 0.5]))

    loss = weighted_loss(logits, batch, None)

    each = F.cross_entropy(logits, y, reduction="none")
    assert loss == pytest.approx(((3 * each[0] + 0.5 * each[1]) / 2).item())


def test_label_smoothing_spreads_its_share_over_all_classes():
    logits, y = torch.randn(2, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([3, 0])

    loss = weighted_loss(logits, Batch(x=logits, y=y), None, label_smoothing=0.2)

    target = 0.8 * F.one_hot(y, 4) + 0.2 / 4
    assert loss == pytest.approx(-(target * logits.log_softmax(1)).sum(1).mean().item())


def test_balanced_classes_count_the_same_and_an_instance_one_on_average():
    y = [0] * 18 + [1] * 6
    dataset = dataclasses.replace(make_toy_dataset(), y=torch.tensor(y).numpy())
    losses = []

    for class_weight in (None, "balanced"):
        config = make_config(training__class_weight=class_weight, training__epochs=1)
        losses.append(fit(dataset, config).members[0].history[0].train_loss)

    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(math.log(2), abs=0.4)


def test_the_gradient_norm_of_a_step_is_clipped():
    network, data = Recording(), make_data()
    config = TrainingConfig(steps=1, clip_norm=1e-3)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)

    take_step(network, data, optimizer, config, FLOAT32)

    moved = torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
    assert moved.norm() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("network", [Inception(1, 2, depth=3, n_filters=2), TCN(1, 2, levels=1)])
def test_weight_decay_spares_biases_norms_and_gains(network):
    optimizer = make_optimizer(network, TrainingConfig(steps=1, weight_decay=0.1))

    decay = {id(p): g["weight_decay"] for g in optimizer.param_groups for p in g["params"]}

    for name, parameter in network.named_parameters():
        is_spared = name.endswith((".bias", "norm.weight", ".length"))
        assert decay[id(parameter)] == (0.0 if is_spared else 0.1), name


def test_the_paper_recipe_is_adam_with_keras_epsilon():
    config = from_dict(TrainingConfig, read_recipe("paper")["training"])

    optimizer = make_optimizer(Recording(), config)

    assert type(optimizer) is torch.optim.Adam
    (group,) = optimizer.param_groups
    assert (group["lr"], group["eps"], group["betas"]) == (1e-3, 1e-7, (0.9, 0.999))
    assert group["weight_decay"] == 0
    assert (config.epochs, config.batch_size, config.select) == (1500, 64, "train_loss")


def test_training_lowers_the_loss():
    history = (
        fit_toy(training__steps=40, training__batch_size=24, training__lr=3e-3).members[0].history
    )

    assert history[-1].train_loss < 0.7 * history[0].train_loss


def test_a_training_pauses_after_each_step_and_before_the_end_of_the_epoch():
    epochs = []
    task = Task(
        data=make_data(),
        config=TrainingConfig(epochs=2, batch_size=4),
        arithmetic=FLOAT32,
        watch=Watch(on_epoch=epochs.append),
    )

    course = Course(Recording(), task, generator=torch.Generator().manual_seed(0))

    told = [len(epochs) for _ in training(course)]
    assert told == [0, 0, 0, 1, 1, 1]


def test_a_trained_network_holds_no_gradients():
    network, _, _ = run(steps=3)

    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("in_tensors", [False, True])
@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_the_rate_is_written_where_the_optimiser_keeps_it(name, in_tensors):
    config = TrainingConfig(steps=1, optimizer=name)
    optimizer = make_optimizer(Recording(), config, in_tensors=in_tensors)
    before = [group["lr"] for group in optimizer.param_groups]

    set_lr(optimizer, 0.25)

    rates = [group["lr"] for group in optimizer.param_groups]
    assert all(float(rate) == 0.25 for rate in rates)
    assert not in_tensors or all(a is b for a, b in zip(before, rates, strict=True))


@pytest.mark.parametrize(
    ("budget", "n_steps"),
    [({"epochs": 3}, 9), ({"steps": 5}, 5), ({"epochs": 3, "steps": 5}, 5)],
)
def test_of_epochs_and_steps_the_less_is_the_budget(budget, n_steps):
    config = TrainingConfig(batch_size=4, **budget)

    assert count_steps(10, config) == n_steps
