import copy
import pickle
import random

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sktime.base import load as load_estimator
from sktime.datatypes import convert_to
from sktime.transformations.series.exponent import ExponentTransformer
from sktime.utils.estimator_checks import check_estimator
from toy import SMALL, fit_toy, make_toy_dataset

from tsconv.errors import ConfigError, DataError, RunError
from tsconv.estimators import ConvClassifier, InceptionTimeClassifier, TCNClassifier

ESTIMATORS = (ConvClassifier, InceptionTimeClassifier, TCNClassifier)
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)

TINY = {
    ConvClassifier: {"network": "tcn", "network_options": SMALL["tcn"]},
    InceptionTimeClassifier: SMALL["inception"],
    TCNClassifier: SMALL["tcn"],
}


def make_estimator(estimator=TCNClassifier, **parameters):
    small = {"members": 1, "steps": 4, "precision": "float32", "random_state": 0}
    return estimator(**{**TINY[estimator], **small, **parameters})


def make_learner():
    """An estimator that learns the toy set."""
    return make_estimator(InceptionTimeClassifier, steps=60, lr=1e-2)


def make_data(n_instances=16, **traits):
    dataset = make_toy_dataset(n_instances, **traits)
    return dataset.X.astype(np.float64), dataset.y


def make_unequal_list():
    dataset = make_toy_dataset(16, n_channels=2, unequal=True)
    pairs = zip(dataset.X.astype(np.float64), dataset.lengths, strict=True)
    return [each[:, :length] for each, length in pairs], dataset.y


def as_frames(series):
    return [pd.DataFrame(each.T) for each in series]


@pytest.mark.slow
@each_estimator
def test_sktime_finds_nothing_to_complain_about_with_nothing_excluded(estimator):
    results = check_estimator(estimator, raise_exceptions=True, verbose=False)

    assert len(results) > 200
    assert set(results.values()) == {"PASSED"}


@each_estimator
def test_what_an_estimator_can_do_is_declared(estimator):
    tags = estimator.get_class_tags()

    can = {key.removeprefix("capability:") for key, value in tags.items() if value is True}
    assert can >= {
        "multivariate",
        "unequal_length",
        "missing_values",
        "predict_proba",
        "class_weight",
        "random_state",
    }
    assert tags["property:randomness"] == "derandomized"
    assert len(estimator.get_test_params()) >= 2


@pytest.mark.parametrize(
    "labels",
    [
        np.array([10, 9]),
        np.array([-1, 1], dtype=np.int8),
        np.array([False, True]),
        np.array([0.5, -2.0]),
        np.array([0.1, 1e-7], dtype=np.float32),
        np.array(["b", "a"]),
        np.array(["10", "9"], dtype=object),
    ],
    ids=lambda labels: f"{labels.dtype}",
)
def test_labels_come_back_as_the_type_they_were_given_in(labels):
    X, y = make_data()

    classifier = make_learner().fit(X, labels[y])
    y_pred = classifier.predict(X)

    assert y_pred.dtype == labels.dtype
    assert np.array_equal(classifier.classes_, np.sort(labels))
    best = classifier.predict_proba(X).argmax(axis=1)
    assert np.array_equal(y_pred, classifier.classes_[best])
    assert (y_pred == labels[y]).mean() >= 0.9


def test_columns_of_probabilities_follow_numbers_not_their_spelling():
    X, y = make_data(18, n_classes=3)

    classifier = make_learner().fit(X, np.array([2, 10, 100])[y])

    assert classifier.classes_.tolist() == [2, 10, 100]
    assert classifier.classifier_.classes == ("10", "100", "2")
    assert (classifier.predict_proba(X).argmax(axis=1) == y).mean() >= 0.9


@pytest.mark.parametrize("y_type", [pd.Series, pd.DataFrame, np.asarray])
def test_labels_may_stand_in_pandas(y_type):
    X, y = make_data()
    labels = np.array(["no", "yes"])[y]

    classifier = make_estimator().fit(X, y_type(labels))

    assert classifier.classes_.tolist() == ["no", "yes"]


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, np.nan, 1, 0, np.nan]),
        np.array(["a", "b", None, "b", "a", "b"], dtype=object),
        np.full(6, np.nan),
        pd.Series(["a", "b", pd.NA, "b", "a", "b"], dtype="string"),
        pd.DataFrame({"y": ["a", "b", np.nan, "b", "a", None]}),
    ],
    ids=["numbers", "objects", "nothing else", "series", "frame"],
)
def test_a_label_that_is_missing_is_no_class(y):
    X, _ = make_data(6)
    expected = "found none at instance 0" if np.all(pd.isna(y)) else "found none at instance 2"

    with pytest.raises(DataError, match=f"expected a label for each series, {expected};"):
        make_estimator().fit(X, y)


@pytest.mark.parametrize("mtype", ["nested_univ", "pd-multiindex", "df-list"])
def test_every_container_gives_the_same_predictions(mtype):
    X, y = make_data(n_channels=2)
    other = convert_to(X, mtype, as_scitype="Panel")

    classifier = make_estimator().fit(X, y)
    twin = make_estimator().fit(other, y)

    assert np.array_equal(twin.predict_proba(other), classifier.predict_proba(X))


@pytest.mark.parametrize("mtype", ["nested_univ", "pd-multiindex"])
def test_series_of_unequal_lengths_give_the_same_predictions_in_every_container(mtype):
    series, y = make_unequal_list()
    other = convert_to(as_frames(series), mtype, as_scitype="Panel")

    classifier = make_estimator().fit(series, y)
    twin = make_estimator().fit(other, y)

    proba = classifier.predict_proba(series)
    assert np.array_equal(twin.predict_proba(other), proba)
    assert np.array_equal(classifier.predict_proba(as_frames(series)), proba)


def test_a_two_dimensional_array_and_a_list_of_vectors_are_of_one_channel():
    X, y = make_data()

    classifier = make_estimator().fit(X[:, 0], y)

    assert np.array_equal(classifier.predict_proba(list(X[:, 0])), classifier.predict_proba(X))


def test_missing_values_are_filled_in():
    X, y = make_data(missing=True)

    proba = make_estimator().fit(X, y).predict_proba(X)

    assert np.isnan(X).any()
    assert np.isfinite(proba).all()


@each_estimator
def test_a_number_repeats_a_training_and_none_does_not(estimator):
    X, y = make_data()

    def proba(random_state):
        return make_estimator(estimator, random_state=random_state).fit(X, y).predict_proba(X)

    assert np.array_equal(proba(3), proba(3))
    assert not np.array_equal(proba(3), proba(4))
    assert not np.array_equal(proba(None), proba(None))


@pytest.mark.parametrize("make_state", [np.random.RandomState, np.random.default_rng])
def test_a_random_state_object_repeats_a_training(make_state):
    X, y = make_data()

    first, second = (make_estimator(random_state=make_state(7)).fit(X, y) for _ in range(2))

    assert np.array_equal(first.predict_proba(X), second.predict_proba(X))


@pytest.mark.parametrize("random_state", [None, 3])
def test_global_random_states_are_left_alone(random_state):
    X, y = make_data()

    def states():
        numpy_state = np.random.get_state()[1].tolist()  # noqa: NPY002
        return torch.random.get_rng_state().tolist(), numpy_state, random.getstate()

    before = states()
    make_estimator(random_state=random_state).fit(X, y).predict(X)

    assert states() == before


def test_an_integer_is_the_seed_of_the_command_line():
    X, y = make_data(24)
    expected = fit_toy("tcn", training__steps=4, seed=5)

    classifier = make_estimator(random_state=5).fit(X, np.array(["a", "b"])[y])

    dataset = make_toy_dataset(24)
    assert np.array_equal(classifier.predict_proba(X), expected.predict_proba(dataset))


@each_estimator
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e)), lambda e: load_estimator(e.save())],
    ids=["deepcopy", "pickle", "save"],
)
def test_a_copy_of_a_fitted_estimator_is_its_equal(estimator, copied):
    X, y = make_data()
    classifier = make_estimator(estimator, members=2).fit(X, y)

    twin = copied(classifier)

    assert np.array_equal(twin.predict_proba(X), classifier.predict_proba(X))


def test_an_estimator_saved_to_a_file_is_loaded_again(tmp_path):
    X, y = make_data()
    classifier = make_estimator().fit(X, y)

    classifier.save(tmp_path / "classifier")
    twin = load_estimator(tmp_path / "classifier.zip")

    assert np.array_equal(twin.predict_proba(X), classifier.predict_proba(X))


@each_estimator
def test_a_clone_has_the_parameters_and_not_the_fit(estimator):
    X, y = make_data()
    classifier = make_estimator(estimator).fit(X, y)

    twin = clone(classifier)

    assert twin.get_params() == classifier.get_params()
    assert not twin.is_fitted


def test_a_single_class_is_predicted_without_training():
    X, _ = make_data()

    with pytest.warns(UserWarning, match="only single label"):
        classifier = make_estimator().fit(X, np.full(16, 7))

    assert classifier.predict(X).tolist() == [7] * 16
    assert not hasattr(classifier, "classifier_")


def test_an_estimator_works_behind_a_transformer():
    X, y = make_data()

    pipeline = ExponentTransformer(3) * make_estimator()

    assert pipeline.fit(X, y).predict(X).shape == (16,)


def test_scikit_learn_validates_across_folds():
    X, y = make_data(24)

    scores = cross_val_score(make_learner(), X, y, cv=3)

    assert scores.mean() >= 0.8


def test_scikit_learn_searches_a_grid_of_parameters():
    X, y = make_data(24)
    grid = {"width": np.array([2, 4]), "lr": np.array([1e-3, 1e-2])}

    search = GridSearchCV(make_estimator(), grid, cv=2).fit(X, y)

    assert set(search.best_params_) == {"width", "lr"}
    assert search.predict(X).shape == (24,)


def test_settings_reach_the_config():
    X, y = make_data()
    parameters = {"batch_size": 5, "lr": 0.02, "valid_fraction": 0.25, "class_weight": "balanced"}
    settings = {"training.clip_norm": 2.0, "training.select": "valid_loss"}

    classifier = make_estimator(**parameters, epochs=2, steps=None, settings=settings).fit(X, y)

    config = classifier.classifier_.config
    training = config.training
    assert (training.epochs, training.steps, training.batch_size) == (2, None, 5)
    assert (training.lr, training.clip_norm, training.select) == (0.02, 2.0, "valid_loss")
    assert (training.class_weight, config.valid_fraction, config.seed) == ("balanced", 0.25, 0)


def test_what_is_none_is_the_recipes():
    X, y = make_data()

    classifier = make_estimator(recipe="paper", steps=None, epochs=1).fit(X, y)

    training = classifier.classifier_.config.training
    assert (training.epochs, training.batch_size, training.schedule) == (1, 64, "plateau")


def test_a_setting_of_none_takes_back_what_the_recipe_gives():
    X, y = make_data()
    settings = {"training.clip_norm": None, "training.epochs": 1, "training.steps": None}

    classifier = make_estimator(steps=None, settings=settings).fit(X, y)

    training = classifier.classifier_.config.training
    assert (training.clip_norm, training.epochs, training.steps) == (None, 1, None)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lr": -1.0}, "lr: expected a number"),
        ({"settings": {"training.lrr": 1}}, "unknown setting training.lrr, did you mean 'lr'"),
        ({"class_weight": "balance"}, "class_weight: expected 'balanced'"),
        ({"class_weight": {"no": 2.0}}, "class_weight: found the label 'no'"),
        ({"class_weight": {0: 0.0}}, "class_weight: expected positive numbers"),
        ({"pooling": "median"}, "pooling"),
        ({"device": "gpu"}, "device"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_a_config_error_when_fitting(parameters, message):
    X, y = make_data()
    classifier = make_estimator(**parameters)

    with pytest.raises(ConfigError, match=message):
        classifier.fit(X, y)


def test_weights_of_classes_given_one_by_one_equal_balanced_ones():
    X, y = make_data()
    y = np.where(np.arange(16) < 4, 7, 3)

    balanced = make_estimator(class_weight="balanced").fit(X, y)
    given = make_estimator(class_weight={3: 1.0, 7: 3.0}).fit(X, y)
    plain = make_estimator().fit(X, y)

    assert given.classifier_.config.training.class_weight == {"3": 1.0, "7": 3.0}
    assert given.predict_proba(X) == pytest.approx(balanced.predict_proba(X), abs=1e-5)
    assert not np.allclose(given.predict_proba(X), plain.predict_proba(X), atol=1e-5)


def test_tcn_levels_are_chosen_from_the_longest_series_unless_given():
    X, y = make_data()

    chosen = TCNClassifier(width=2, members=1, steps=1).fit(X, y)
    given = TCNClassifier(width=2, levels=1, members=1, steps=1).fit(X, y)

    assert chosen.classifier_.config.network.options["levels"] == 2
    assert given.classifier_.config.network.options["levels"] == 1


def test_the_defaults_of_inception_time_are_the_papers():
    parameters = InceptionTimeClassifier().get_params()

    assert parameters["members"] == 5
    assert parameters["depth"] == 6
    assert parameters["n_filters"] == parameters["bottleneck"] == 32
    assert parameters["kernel_sizes"] == (40, 20, 10)
    assert parameters["residual"] is True


@each_estimator
def test_an_estimator_goes_to_a_run_directory_and_back(estimator, tmp_path):
    X, y = make_data()
    labels = np.array(["no", "yes"])[y]
    classifier = make_estimator(estimator, members=2).fit(X, labels)

    classifier.save_run(tmp_path / "run")
    twin = estimator.from_run(str(tmp_path / "run"))

    assert np.array_equal(twin.predict_proba(X), classifier.predict_proba(X))
    assert np.array_equal(twin.predict(X), classifier.predict(X))
    assert twin.classes_.tolist() == ["no", "yes"]
    assert twin.score(X, labels) == classifier.score(X, labels)


@each_estimator
def test_a_clone_of_what_a_run_directory_gave_repeats_the_training(estimator, tmp_path):
    X, y = make_data()
    labels = np.array(["no", "yes"])[y]
    weighed = make_estimator(estimator, class_weight={"yes": 5})
    weighed.fit(X, labels).save_run(tmp_path / "run")
    loaded = estimator.from_run(tmp_path / "run")

    again = clone(loaded).fit(X, labels)

    assert np.array_equal(again.predict_proba(X), loaded.predict_proba(X))
    assert again.classifier_.config == loaded.classifier_.config


def test_a_classifier_of_the_library_becomes_an_estimator():
    dataset, X = make_toy_dataset(), make_data(24)[0]
    classifier = fit_toy("inception", members=2)

    estimator = InceptionTimeClassifier.from_classifier(classifier)

    assert estimator.classifier_ is classifier
    assert np.array_equal(estimator.predict_proba(X), classifier.predict_proba(dataset))
    assert np.array_equal(estimator.predict(X), classifier.predict(dataset))


def test_an_estimator_of_one_network_refuses_a_run_of_another():
    with pytest.raises(ConfigError, match=r"TCNClassifier: expected a tcn .* found inception"):
        TCNClassifier.from_classifier(fit_toy("inception"))


def test_an_option_without_a_parameter_needs_the_general_estimator():
    classifier = fit_toy("inception", network__options__pooling="max")

    with pytest.raises(ConfigError, match="found inception, pooling; use ConvClassifier"):
        InceptionTimeClassifier.from_classifier(classifier)
    estimator = ConvClassifier.from_classifier(classifier)
    assert estimator.network_options["pooling"] == "max"


def test_options_that_are_not_given_are_the_recipe_s():
    X, y = make_data()

    fast = TCNClassifier(width=2, levels=1, members=1, steps=1).fit(X, y)
    plain = TCNClassifier(width=2, levels=1, members=1, steps=1, standardise=False).fit(X, y)
    paper = TCNClassifier(width=2, levels=1, members=1, steps=1, recipe="paper").fit(X, y)

    assert fast.classifier_.config.network.options["standardise"]
    assert not plain.classifier_.config.network.options["standardise"]
    assert "standardise" not in paper.classifier_.config.network.options


def test_a_finished_run_is_not_overwritten_unless_asked_for(tmp_path):
    X, y = make_data()
    classifier = make_estimator().fit(X, y).save_run(tmp_path)

    with pytest.raises(RunError, match="holds a finished run"):
        classifier.save_run(tmp_path)
    classifier.save_run(tmp_path, overwrite=True)


def test_a_folder_without_a_run_is_a_run_error(tmp_path):
    with pytest.raises(RunError, match="expected a run directory"):
        ConvClassifier.from_run(tmp_path / "nothing")
