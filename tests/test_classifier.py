import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import fit_toy, make_config, make_toy_dataset, relabel

from tsconv.classifier import fit, prepare, restore_member
from tsconv.config import load_config
from tsconv.data.dataset import TimeSeriesDataset
from tsconv.errors import ConfigError, DataError, UnknownNameError
from tsconv.networks import NETWORKS
from tsconv.training.loop import Watch

each_network = pytest.mark.parametrize("network", NETWORKS.names())


@each_network
@pytest.mark.parametrize("n_channels", [1, 3])
def test_unequal_lengths_and_missing_values_are_trained_on_and_classified(network, n_channels):
    dataset = make_toy_dataset(n_channels=n_channels, n_classes=3, unequal=True, missing=True)

    classifier = fit(dataset, make_config(network, members=2))
    proba = classifier.predict_proba(dataset)

    assert proba.shape == (24, 3)
    assert proba.sum(axis=1) == pytest.approx(1)
    assert set(classifier.predict(dataset)) <= {"a", "b", "c"}


@each_network
def test_padding_further_changes_no_probability(network):
    dataset = make_toy_dataset(unequal=True, missing=True)
    classifier = fit(dataset, make_config(network))
    longer = np.full((24, 1, 77), np.nan, dtype=np.float32)
    longer[..., :30] = dataset.X

    proba = classifier.predict_proba(replace(dataset, X=longer))

    assert proba == pytest.approx(classifier.predict_proba(dataset), abs=1e-5)


@each_network
def test_the_default_recipe_tells_series_apart_that_hardly_differ(network):
    y, times = np.arange(40) % 2, np.linspace(-1, 1, 60)
    bumps = 0.1 * y[:, None] * np.exp(-100 * (times - 0.3) ** 2)
    noise = np.random.default_rng(0).normal(scale=0.005, size=(40, 60))
    X = (np.sin(3 * times) + bumps + noise).astype(np.float32)[:, None]
    lengths = np.full(40, 60)
    outlines = TimeSeriesDataset(X=X, lengths=lengths, y=y, classes=("a", "b"), name="outlines")
    settings = {"network.name": network, "members": 1, "training.steps": 100}

    classifier = fit(outlines, load_config("fast", settings=settings))

    assert classifier.members[0].history[-1].train_loss < 0.4  # .69 is learned by guessing
    assert (classifier.predict(outlines) == outlines.labels).mean() > 0.9


def test_probabilities_are_the_mean_of_the_members():
    dataset, classifier = make_toy_dataset(), fit_toy(members=3)

    by_member = classifier.member_proba(dataset)

    assert by_member.shape == (3, 24, 2)
    assert np.array_equal(classifier.predict_proba(dataset), by_member.mean(axis=0))


def test_labels_are_not_needed_to_predict_and_not_looked_at():
    dataset, classifier = make_toy_dataset(), fit_toy()

    proba = classifier.predict_proba(replace(dataset, y=None, classes=()))

    assert np.array_equal(proba, classifier.predict_proba(relabel(dataset, [0] * 24)))


def test_the_order_of_the_series_does_not_matter():
    dataset, classifier = make_toy_dataset(), fit_toy()

    proba = classifier.predict_proba(dataset.take([5, 3, 3]))

    assert proba == pytest.approx(classifier.predict_proba(dataset)[[5, 3, 3]], abs=1e-6)


def test_a_fitted_classifier_holds_what_repeats_it():
    config = make_config("tcn", seed=4, network__options={"levels": None})
    config = replace(config, network=replace(config.network, options={"width": 4}))

    classifier = fit(make_toy_dataset(n_timepoints=30), config)

    assert classifier.config.network.options == {"width": 4, "levels": 2}
    assert classifier.config.seed == 4
    again = fit(make_toy_dataset(n_timepoints=30), classifier.config)
    assert np.array_equal(
        again.predict_proba(make_toy_dataset()), classifier.predict_proba(make_toy_dataset())
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_a_copy_of_a_classifier_is_its_equal(copied):
    dataset, classifier = make_toy_dataset(), fit_toy(members=2)

    twin = copied(classifier)

    assert np.array_equal(twin.predict_proba(dataset), classifier.predict_proba(dataset))


def test_a_member_is_restored_from_its_weights():
    classifier = fit_toy()
    (member,) = classifier.members

    restored = restore_member(
        classifier,
        0,
        member.network.state_dict(),
        selected={"by": "last", "epoch": 6, "value": None},
    )

    assert restored.selected == member.selected
    twin = replace(classifier, members=(restored,))
    dataset = make_toy_dataset()
    assert np.array_equal(twin.predict_proba(dataset), classifier.predict_proba(dataset))


def test_preparing_and_restoring_leave_the_global_random_state_alone():
    classifier = fit_toy()
    before = torch.random.get_rng_state()

    prepare(make_toy_dataset(), make_config())
    restore_member(
        classifier,
        0,
        classifier.members[0].network.state_dict(),
        selected={"by": "last", "epoch": 1, "value": None},
    )

    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_part_of_each_class_is_held_out_to_select_weights():
    records = []
    config = make_config(
        valid_fraction=0.25,
        training__select="valid_loss",
        training__epochs=3,
        training__batch_size=16,
    )

    classifier = fit(make_toy_dataset(), config, watch=Watch(on_epoch=records.append))

    selected = classifier.members[0].selected
    losses = [record.valid_loss for record in records]
    assert (selected.by, selected.value) == ("valid_loss", min(losses))
    assert selected.epoch == losses.index(min(losses)) + 1
    assert records[0].n_steps == 3 * 2  # 18 of 24 instances in batches of 16


def test_preprocessing_is_fitted_without_the_part_held_out():
    config = make_config(valid_fraction=0.25)

    preparation = prepare(make_toy_dataset(), config)

    train = preparation.data.x
    assert train.shape[0] == 18
    assert train.mean() == pytest.approx(0, abs=1e-5)
    assert train.std(correction=0) == pytest.approx(1, abs=1e-5)


def test_a_validation_part_may_be_given_and_is_then_not_trained_on():
    valid = make_toy_dataset(8, seed=5)

    preparation = prepare(make_toy_dataset(), make_config(valid_fraction=0.25), valid=valid)

    assert (len(preparation.data), len(preparation.valid)) == (24, 8)


def test_a_validation_label_unseen_in_training_is_refused():
    valid = make_toy_dataset(9, n_classes=3)

    with pytest.raises(DataError, match="found label 'c'"):
        prepare(make_toy_dataset(), make_config(), valid=valid)


@pytest.mark.parametrize(
    "settings", [{"training__select": "valid_loss"}, {"training__patience": 5}]
)
def test_selecting_by_a_validation_part_that_is_not_there_is_refused(settings):
    with pytest.raises(ConfigError, match="expected a validation part, found none"):
        fit_toy(**settings)


def test_one_class_alone_is_refused():
    with pytest.raises(DataError, match="24 instances of the one class 'b'; expected two"):
        fit(relabel(make_toy_dataset(), [1] * 24), make_config())


def test_a_class_without_instances_is_told_and_keeps_its_column(caplog):
    dataset = relabel(make_toy_dataset(n_classes=3), [0, 2] * 12)

    classifier = fit(dataset, make_config())

    assert "class b has no instance" in caplog.text
    assert classifier.predict_proba(dataset).shape == (24, 3)


def test_series_without_labels_are_refused():
    with pytest.raises(DataError, match="expected a label for each series"):
        fit(replace(make_toy_dataset(), y=None), make_config())


def test_an_unknown_option_is_refused_with_a_guess():
    with pytest.raises(
        ConfigError, match=r"network\.options\.dept, did you mean 'depth'; inception has: depth, "
    ):
        fit_toy(network__options__dept=3)


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        ("inception", {"depth": "six"}, r"options\.depth: expected a whole number, found 'six'"),
        ("inception", {"depth": 0}, "network inception: depth: expected 1 or more, found 0"),
        ("inception", {"n_filters": -1}, "n_filters: expected 1 or more, found -1"),
        ("inception", {"bottleneck": -1}, "bottleneck: expected 0 or more, found -1"),
        ("inception", {"kernel_sizes": 3}, "kernel_sizes: expected a list, each a whole number"),
        ("inception", {"kernel_sizes": "39"}, "expected a list, each a whole number, found '39'"),
        ("inception", {"kernel_sizes": [9, "a"]}, "kernel_sizes: expected a whole number, found"),
        ("inception", {"kernel_sizes": []}, "kernel_sizes: expected 1 or more"),
        ("inception", {"residual": "no"}, "residual: expected true or false, found 'no'"),
        ("inception", {"pooling": "median"}, "expected 'mean' or 'max' or 'last', found 'median'"),
        ("tcn", {"kernel_size": "x"}, "kernel_size: expected a whole number, found 'x'"),
        ("tcn", {"kernel_size": 0}, "kernel_size: expected 1 or more, found 0"),
        ("tcn", {"levels": True}, "levels: expected a whole number, found True"),
        ("tcn", {"levels": 0}, "levels: expected 1 or more, found 0"),
        ("tcn", {"width": 2.5}, "width: expected a whole number, found 2.5"),
        ("tcn", {"dropout": 2.0}, "network tcn: dropout probability has to be between 0 and 1"),
        ("tcn", {"initial": "norm"}, "initial: expected 'uniform' or 'normal' or 'he'"),
    ],
)
def test_an_option_the_constructor_does_not_take_is_a_config_error(network, options, words):
    settings = {f"network__options__{key}": value for key, value in options.items()}

    with pytest.raises(ConfigError, match=words):
        fit_toy(network, **settings)


def test_an_unknown_network_is_refused_with_a_guess():
    with pytest.raises(UnknownNameError, match="'incepton', did you mean 'inception'"):
        fit_toy("incepton")


def test_other_channels_than_in_training_are_refused():
    with pytest.raises(DataError, match="found 2 channels"):
        fit_toy().predict(make_toy_dataset(n_channels=2))


def test_balanced_class_weights_let_a_rare_class_count_as_much():
    y = [0] * 21 + [1] * 3

    preparation = prepare(
        relabel(make_toy_dataset(), y), make_config(training__class_weight="balanced")
    )

    weights = preparation.class_weights
    assert weights.tolist() == pytest.approx([24 / 42, 24 / 6])
    assert weights[preparation.data.y].mean() == pytest.approx(1)


def test_class_weights_are_given_by_label_and_are_one_on_average():
    dataset = relabel(make_toy_dataset(), [0] * 18 + [1] * 6)

    preparation = prepare(dataset, make_config(training__class_weight={"b": 5.0}))

    assert preparation.class_weights.tolist() == pytest.approx([0.5, 2.5])


@pytest.mark.parametrize("weights", [{"c": 1.0}, {"a": 0.0}, {"a": "much"}, {"a": float("nan")}])
def test_class_weights_that_do_not_hold_are_refused(weights):
    with pytest.raises(ConfigError, match="class_weight: "):
        prepare(make_toy_dataset(), make_config(training__class_weight=weights))


@pytest.mark.parametrize("n_instances", [2, 3])
@each_network
def test_a_set_of_two_or_three_short_series_can_be_trained_on(network, n_instances):
    dataset = make_toy_dataset(n_instances, n_timepoints=1)

    classifier = fit(dataset, make_config(network))

    assert np.isfinite(classifier.predict_proba(dataset)).all()
