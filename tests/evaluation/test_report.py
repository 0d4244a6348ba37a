import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from tsconv.errors import DataError
from tsconv.evaluation.report import evaluate


def make_members(n_members=3, n_instances=24, n_classes=3, seed=0):
    generator = np.random.default_rng(seed)
    y_true = np.arange(n_instances) % n_classes
    logits = generator.normal(size=(n_members, n_instances, n_classes))
    proba = np.exp(logits + 1.2 * np.eye(n_classes)[y_true])
    return y_true, proba / proba.sum(axis=2, keepdims=True)


def test_every_table_speaks_of_the_same_ensemble():
    y_true, member_proba = make_members()

    found = evaluate(y_true, member_proba, ["a", "b", "c"])

    accuracy = accuracy_score(y_true, member_proba.mean(axis=0).argmax(axis=1))
    assert found.metrics["accuracy"] == pytest.approx(accuracy)
    assert found.size_curve["mean"].iloc[-1] == pytest.approx(accuracy)
    assert np.trace(found.confusion) / found.n_instances == pytest.approx(accuracy)
    assert found.per_class["support"].sum() == found.n_instances == 24
    mean = found.table.loc["members' mean", "accuracy"]
    assert found.gain["accuracy"] == pytest.approx(accuracy - mean)


def test_the_rows_are_the_members_their_mean_and_the_ensemble():
    found = evaluate(*make_members(n_members=2), ["a", "b", "c"])

    assert found.table.index.tolist() == ["member 0", "member 1", "members' mean", "ensemble"]


def test_to_dict_survives_json_and_keeps_the_numbers():
    found = evaluate(*make_members(), ["a", "b", "c"])

    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))

    assert read["metrics"] == found.metrics
    assert read["table"]["member 1"] == found.table.loc["member 1"].to_dict()
    assert read["confusion"] == found.confusion.to_numpy().tolist()
    assert read["per_class"]["class"] == read["classes"] == ["a", "b", "c"]
    assert read["size_curve"]["size"] == [1, 2, 3]


@pytest.mark.parametrize("n_classes", [1, 2])
def test_one_member_one_instance_and_one_class_give_none_where_undefined(n_classes):
    proba = np.eye(n_classes)[:1][None]  # (1, 1, K)

    values = evaluate(np.array([0]), proba, ["a", "b"][:n_classes]).to_dict()

    json.dumps(values, allow_nan=False)
    assert values["metrics"]["accuracy"] == 1
    assert values["metrics"]["auroc"] is None
    assert values["disagreement"] is None
    assert values["gain"]["accuracy"] == 0


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 2), (0, 4, 3)])
def test_evaluate_refuses_probabilities_of_another_shape(shape):
    with pytest.raises(DataError, match="member_proba"):
        evaluate(np.zeros(4, dtype=int), np.full(shape, 1 / 3), ["a", "b", "c"])
