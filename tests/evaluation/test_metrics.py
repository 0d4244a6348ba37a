import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from tsconv.errors import DataError
from tsconv.evaluation import metrics
from tsconv.evaluation.metrics import METRICS, confusion_matrix, per_class_table, score


def make_predictions(n_instances=40, n_classes=4, seed=0):
    """Labels that hold every class, and probabilities somewhat better than chance."""
    generator = np.random.default_rng(seed)
    y_true = np.arange(n_instances) % n_classes
    logits = generator.normal(size=(n_instances, n_classes)) + 1.2 * np.eye(n_classes)[y_true]
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return y_true, proba


def naive_auroc(positive, scores):
    """The share of (positive, negative) pairs in the right order, ties counting half."""
    pairs = [(p, n) for p in scores[positive] for n in scores[~positive]]
    return np.mean([1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs])


def naive_ece(y_true, proba):
    total = 0.0
    for m in range(15):
        inside = [i for i, p in enumerate(proba) if m / 15 < p.max() <= (m + 1) / 15]
        if inside:
            hits = np.mean([proba[i].argmax() == y_true[i] for i in inside])
            total += len(inside) * abs(hits - np.mean([proba[i].max() for i in inside]))
    return total / len(y_true)


ORACLES = {
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "balanced_accuracy": lambda y, p: sk.balanced_accuracy_score(y, p.argmax(1)),
    "macro_f1": lambda y, p: sk.f1_score(y, p.argmax(1), average="macro"),
    "auroc": lambda y, p: (
        sk.roc_auc_score(y, p[:, 1])
        if p.shape[1] == 2
        else sk.roc_auc_score(y, p, multi_class="ovr", average="macro")
    ),
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=range(p.shape[1])),
    "brier": lambda y, p: np.mean(
        [np.sum((q - np.eye(len(q))[k]) ** 2) for k, q in zip(y, p, strict=True)]
    ),
    "ece": naive_ece,
}


def test_every_metric_has_an_oracle():
    assert set(METRICS) == set(ORACLES)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("name", METRICS)
def test_metric_agrees_with_its_oracle(name, n_classes):
    y_true, proba = make_predictions(n_instances=63, n_classes=n_classes)

    value = METRICS[name](y_true, proba)

    assert value == pytest.approx(ORACLES[name](y_true, proba), abs=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 3 / 4),
        ("balanced_accuracy", (1 / 2 + 1) / 2),
        ("macro_f1", (2 / 3 + 4 / 5) / 2),
        ("auroc", 4 / 4),
        ("log_loss", -(math.log(0.9) + math.log(0.4) + math.log(0.8) + math.log(0.7)) / 4),
        ("brier", 2 * (0.01 + 0.36 + 0.04 + 0.09) / 4),
        ("ece", (0.1 + 0.6 + 0.2 + 0.3) / 4),
    ],
)
def test_metric_gives_the_hand_worked_number(name, expected):
    y_true = np.array([0, 0, 1, 1])
    proba = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]])

    assert METRICS[name](y_true, proba) == pytest.approx(expected)


def test_auroc_counts_ordered_pairs_and_halves_ties():
    y_true, proba = make_predictions(n_instances=30, n_classes=3)
    rounded = proba.round(1)

    areas = [naive_auroc(y_true == k, rounded[:, k]) for k in range(3)]

    assert metrics.auroc(y_true, rounded) == pytest.approx(np.mean(areas))


def test_auroc_leaves_out_classes_without_an_instance():
    y_true, proba = make_predictions(n_classes=4)
    seen = y_true < 3

    value = metrics.auroc(y_true[seen], proba[seen])

    expected = [naive_auroc(y_true[seen] == k, proba[seen][:, k]) for k in range(3)]
    assert value == pytest.approx(np.mean(expected))


def test_macro_f1_and_balanced_accuracy_ignore_classes_that_never_occur():
    y_true = np.array([0, 1])
    proba = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]])

    assert metrics.macro_f1(y_true, proba) == 1
    assert metrics.balanced_accuracy(y_true, proba) == 1


def test_equal_probabilities_predict_the_first_class():
    proba = np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])

    assert metrics.predict(proba).tolist() == [0, 1]


@pytest.mark.parametrize("n_classes", [1, 2, 5])
@pytest.mark.parametrize("n_instances", [1, 6])
def test_one_class_in_the_labels_leaves_only_auroc_undefined(n_instances, n_classes):
    y_true = np.zeros(n_instances, dtype=int)
    proba = np.full((n_instances, n_classes), 1 / n_classes)

    scores = score(y_true, proba)

    assert [name for name, value in scores.items() if math.isnan(value)] == ["auroc"]


def test_a_certain_mistake_costs_a_finite_log_loss():
    assert 30 < metrics.log_loss(np.array([0]), np.array([[0.0, 1.0]])) < 40


def test_every_metric_reads_single_precision():
    y_true, proba = make_predictions()

    single, double = score(y_true, proba.astype(np.float32)), score(y_true, proba)

    assert single == pytest.approx(double, abs=1e-6)


@given(seed=st.integers(0, 1000), n_instances=st.integers(1, 30), n_classes=st.integers(1, 5))
def test_the_order_of_instances_is_moot(seed, n_instances, n_classes):
    y_true, proba = make_predictions(n_instances, n_classes, seed)
    order = np.random.default_rng(seed).permutation(n_instances)

    shuffled = score(y_true[order], proba[order])

    assert shuffled == pytest.approx(score(y_true, proba), abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 1000))
def test_no_prediction_beats_the_perfect_one(name, seed):
    y_true, proba = make_predictions(n_instances=20, n_classes=4, seed=seed)
    perfect = METRICS[name](y_true, np.eye(4)[y_true])

    value = METRICS[name](y_true, proba)

    assert value <= perfect if METRICS[name].better == "higher" else value >= perfect


def test_confusion_matrix_has_labels_as_rows():
    table = confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), ["no", "yes"])

    assert table.loc["no"].tolist() == [1, 1]
    assert table.loc["yes"].tolist() == [0, 1]


def test_confusion_matrix_agrees_with_scikit_learn():
    y_true, proba = make_predictions()
    y_pred = metrics.predict(proba)

    table = confusion_matrix(y_true, y_pred, list("abcd"))

    np.testing.assert_array_equal(table, sk.confusion_matrix(y_true, y_pred, labels=range(4)))


def test_per_class_table_averages_to_the_macro_metrics():
    y_true, proba = make_predictions(n_classes=3)

    table = per_class_table(y_true, proba, list("abc"))

    assert table["f1"].mean() == pytest.approx(metrics.macro_f1(y_true, proba))
    assert table["recall"].mean() == pytest.approx(metrics.balanced_accuracy(y_true, proba))
    assert table["auroc"].mean() == pytest.approx(metrics.auroc(y_true, proba))
    assert table["support"].tolist() == np.bincount(y_true).tolist()


def test_per_class_table_is_nan_where_a_class_is_neither_seen_nor_predicted():
    y_true, proba = np.array([0, 1]), np.array([[0.8, 0.2, 0], [0.3, 0.7, 0]])

    table = per_class_table(y_true, proba, ["a", "b", "never"])

    assert table.loc["never", "support"] == 0
    assert table.loc["never", ["precision", "recall", "f1", "auroc"]].isna().all()


@pytest.mark.parametrize(
    ("y_true", "proba", "message"),
    [
        (np.array([0, 1]), np.array([[1.0, 0.0]]), r"found \(2,\) and \(1, 2\)"),
        (np.array([], dtype=int), np.zeros((0, 2)), "N >= 1"),
        (np.array([2]), np.array([[1.0, 0.0]]), "labels from 0 to 1, found 2 to 2"),
        (np.array([-1]), np.array([[1.0, 0.0]]), "labels from 0 to 1, found -1"),
        (np.array([0, 0]), np.array([[1.0, 0.0], [2.0, -1.0]]), "row 1"),
        (np.array([0]), np.array([[np.nan, 1.0]]), "row 0"),
        (np.array([0]), np.array([[0.7, 0.7]]), "sum to 1"),
    ],
)
def test_score_refuses_what_no_metric_could_read(y_true, proba, message):
    with pytest.raises(DataError, match=message):
        score(y_true, proba)
