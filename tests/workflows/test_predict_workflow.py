import io
import tracemalloc

import numpy as np
import pandas as pd
import pytest

from tsconv.config import load_config
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.errors import ConfigError, DataError, FormatError, RunError
from tsconv.workflows import predict as predict_module
from tsconv.workflows.evaluate import evaluate
from tsconv.workflows.predict import predict, prediction_table
from tsconv.workflows.read import load
from tsconv.workflows.train import train

TINY = (
    "training.steps=2",
    "training.precision=float32",
    "network.options.width=4",
    "network.options.levels=2",
)


def make_series(n=6, length=12, seed=0):
    generator = np.random.default_rng(seed)
    return [generator.normal(k % 2, 1, size=(1, length)).round(3) for k in range(n)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    write_file(folder / "toy.csv", from_series(make_series(), ["a", "b"] * 3))
    config = load_config(overrides=TINY, settings={"network.name": "tcn", "members": 2})
    train(folder / "toy.csv", config, out=folder / "run")
    return folder / "run"


def make_table(**columns):
    series = np.stack([each[0] for each in make_series(seed=1)])
    return pd.DataFrame({**columns, **{f"t{k}": series[:, k] for k in range(12)}})


def predicted(run, path, out):
    predict(run, path, out)
    return pd.read_csv(out, float_precision="round_trip")


def test_predictions_are_those_of_the_classifier_in_the_order_of_the_file(run, tmp_path):
    make_table().to_csv(tmp_path / "new.csv", index=False)

    table = predicted(run, tmp_path / "new.csv", tmp_path / "out.csv")

    classifier = load(run)
    dataset = from_series(make_series(seed=1))
    assert list(table) == ["row", "prediction", "a", "b"]
    assert table["row"].tolist() == list(range(6))
    assert np.array_equal(table[["a", "b"]].to_numpy(), classifier.predict_proba(dataset))
    assert table["prediction"].tolist() == classifier.predict(dataset).tolist()


def test_chunks_do_not_change_a_number(run, tmp_path, monkeypatch):
    make_table().to_csv(tmp_path / "new.csv", index=False)
    whole = predicted(run, tmp_path / "new.csv", tmp_path / "whole.csv")

    monkeypatch.setattr(predict_module, "VALUES_PER_CHUNK", 25)  # two series of 12
    parts = predicted(run, tmp_path / "new.csv", tmp_path / "parts.csv")

    pd.testing.assert_frame_equal(whole, parts, rtol=1e-6)


def test_ids_and_further_columns_pass_through(run, tmp_path):
    ids, notes = [f"x{k}" for k in range(6)], ['é, "q"', "b", "c", "d", "e", ""]
    make_table(id=ids, note=notes).to_csv(tmp_path / "new.csv", index=False)

    table = predicted(run, tmp_path / "new.csv", tmp_path / "out.csv")

    assert list(table) == ["id", "note", "prediction", "a", "b"]
    assert table["id"].tolist() == ids
    assert table["note"].fillna("").tolist() == notes


@pytest.mark.parametrize("labels", [["a", "b"] * 3, ["never seen"] * 6, ["a", "", "b"] * 2])
def test_labels_in_the_data_are_not_looked_at(run, tmp_path, labels):
    make_table().to_csv(tmp_path / "new.csv", index=False)
    make_table(label=labels).to_csv(tmp_path / "labelled.csv", index=False)

    without = predicted(run, tmp_path / "new.csv", tmp_path / "out.csv")
    with_labels = predicted(run, tmp_path / "labelled.csv", tmp_path / "out.csv")

    pd.testing.assert_frame_equal(without, with_labels)


@pytest.mark.parametrize("suffix", [".ts", ".npz", ".parquet"])
def test_another_format_than_in_training_gives_the_same(run, tmp_path, suffix):
    make_table().to_csv(tmp_path / "new.csv", index=False)
    write_file(tmp_path / f"new{suffix}", from_series(make_series(seed=1)))

    expected = predicted(run, tmp_path / "new.csv", tmp_path / "out.csv")
    found = predicted(run, tmp_path / f"new{suffix}", tmp_path / "out.csv")

    pd.testing.assert_frame_equal(found, expected)


def test_a_table_without_labels_is_read_by_a_run_trained_on_a_file_that_is_no_table(tmp_path):
    write_file(tmp_path / "toy.ts", from_series(make_series(), ["a", "b"] * 3))
    config = load_config(overrides=TINY, settings={"network.name": "tcn", "members": 1})
    train(tmp_path / "toy.ts", config, out=tmp_path / "run")
    make_table().to_csv(tmp_path / "new.csv", index=False)

    table = predicted(tmp_path / "run", tmp_path / "new.csv", tmp_path / "out.csv")

    assert len(table) == 6


def test_streams_in_and_out(run):
    source = io.BytesIO(make_table().to_csv(index=False).encode())
    target = io.BytesIO()

    result = predict(run, source, target)

    assert result.n_instances == 6
    assert sum(result.counts.values()) == 6
    assert len(target.getvalue().splitlines()) == 7


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "standard input:1: expected a table, found an empty file"),
        ("t0,t1\n1,2\n1,x\n", "standard input:3: column 't1': expected a number"),
        ("a\n1\n", "standard input: expected the series columns"),
    ],
)
def test_a_stream_is_called_standard_input_in_messages(run, text, message):
    with pytest.raises(FormatError) as caught:
        predict(run, io.BytesIO(text.encode()), io.BytesIO())

    assert str(caught.value).startswith(message)


def test_a_class_named_like_another_column_gets_a_prefix():
    dataset = from_series(make_series(2))
    proba = np.array([[0.9, 0.1], [0.2, 0.8]])

    table = prediction_table(dataset, proba, ("row", "ok"))

    assert list(table) == ["row", "prediction", "proba_row", "proba_ok"]


def test_a_column_named_prediction_passes_through_under_another_name():
    extras = pd.DataFrame({"prediction": ["old", "older"]})
    dataset = from_series(make_series(2), extras=extras)

    table = prediction_table(dataset, np.array([[1.0, 0.0]] * 2), ("a", "b"))

    assert list(table) == ["row", "input_prediction", "prediction", "a", "b"]


def test_memory_is_bounded_by_the_chunk_and_not_by_the_file(run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "VALUES_PER_CHUNK", 2**14)
    peaks = []
    for n in (500, 500, 4000):  # the first one fills caches
        write_file(tmp_path / "data.ts", from_series(make_series(n, 128)))
        tracemalloc.start()
        predict(run, tmp_path / "data.ts", tmp_path / "out.csv")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[2] < peaks[1] + 500_000  # the whole of it is 2 MB larger, and was held as text too
    assert len(pd.read_csv(tmp_path / "out.csv")) == 4000


def test_the_input_is_never_overwritten(run, tmp_path):
    make_table().to_csv(tmp_path / "new.csv", index=False)
    before = (tmp_path / "new.csv").read_bytes()

    with pytest.raises(ConfigError, match="is the file to predict"):
        predict(run, tmp_path / "new.csv", tmp_path / "new.csv")

    assert (tmp_path / "new.csv").read_bytes() == before


def test_an_error_in_the_middle_leaves_no_output(run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "VALUES_PER_CHUNK", 25)
    text = make_table().to_csv(index=False)
    (tmp_path / "new.csv").write_text(text.rstrip() + "xyz\n")

    with pytest.raises(FormatError, match=r"new\.csv:7"):
        predict(run, tmp_path / "new.csv", tmp_path / "out.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_other_channels_than_in_training_are_refused(run, tmp_path):
    write_file(tmp_path / "two.ts", from_series([np.zeros((2, 12))] * 2))

    with pytest.raises(DataError, match="found 2 channels; expected the 1"):
        predict(run, tmp_path / "two.ts", tmp_path / "out.csv")


def test_a_run_that_is_named_after_the_data_is_asked_for_first(run, tmp_path):
    make_table().to_csv(tmp_path / "new.csv", index=False)

    with pytest.raises(RunError, match="found a file; the run comes first"):
        predict(tmp_path / "new.csv", run, tmp_path / "out.csv")


def test_no_run_is_no_prediction(tmp_path):
    with pytest.raises(RunError, match="expected a run directory"):
        predict(tmp_path / "nowhere", tmp_path / "new.csv", tmp_path / "out.csv")


def test_evaluation_in_chunks_is_evaluation_of_the_whole(run, tmp_path, monkeypatch):
    make_table(label=["a", "b"] * 3).to_csv(tmp_path / "new.csv", index=False)
    whole = evaluate(run, tmp_path / "new.csv", out=tmp_path / "metrics.csv")

    monkeypatch.setattr(predict_module, "VALUES_PER_CHUNK", 25)
    parts = evaluate(run, tmp_path / "new.csv")

    assert parts.evaluation.metrics == pytest.approx(whole.evaluation.metrics, abs=1e-6)
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert table["who"].tolist() == ["member 0", "member 1", "members' mean", "ensemble"]
    assert set(table["network"]) == {"tcn"}


def make_long():
    """The rows of six series, one time point of each after the other."""
    series = np.stack([each[0] for each in make_series(seed=1)])
    rows = [(f"s{k}", time, series[k, time], "ab"[k % 2]) for time in range(12) for k in range(6)]
    return pd.DataFrame(rows, columns=["id", "time", "x", "label"])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_rows_of_a_long_table_stand_in_any_order(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(predict_module, "VALUES_PER_CHUNK", 25)  # two series of 12
    write = {".csv": pd.DataFrame.to_csv, ".parquet": pd.DataFrame.to_parquet}[suffix]
    for part in ("TRAIN", "TEST"):
        write(make_long(), tmp_path / f"toy_{part}{suffix}", index=False)
    write(make_long().sort_values(["id", "time"]), tmp_path / f"sorted{suffix}", index=False)
    config = load_config(overrides=TINY, settings={"network.name": "tcn", "members": 1})
    train(tmp_path, config, out=tmp_path / "run")

    table = predicted(tmp_path / "run", tmp_path / f"toy_TEST{suffix}", tmp_path / "out.csv")
    in_order = predicted(tmp_path / "run", tmp_path / f"sorted{suffix}", tmp_path / "out.csv")

    assert table["id"].tolist() == [f"s{k}" for k in range(6)]
    pd.testing.assert_frame_equal(table, in_order)
    assert evaluate(tmp_path / "run", tmp_path).evaluation.n_instances == 6


def test_evaluation_needs_known_labels(run, tmp_path, monkeypatch):
    monkeypatch.setattr(predict_module, "VALUES_PER_CHUNK", 25)  # two series of 12
    make_table(label=["a", "b", "a", "c", "a", "b"]).to_csv(tmp_path / "new.csv", index=False)
    make_table().to_csv(tmp_path / "bare.csv", index=False)

    with pytest.raises(DataError, match=r"new\.csv: instance 3: found label 'c'"):
        evaluate(run, tmp_path / "new.csv")
    with pytest.raises(DataError, match="expected a label for each series"):
        evaluate(run, tmp_path / "bare.csv")


def test_evaluation_names_the_column_of_labels_and_those_that_are_there(run, tmp_path):
    make_table(kind=["a", "b"] * 3).to_csv(tmp_path / "new.csv", index=False)

    with pytest.raises(DataError, match=r"in a column 'label', .* among the columns kind;"):
        evaluate(run, tmp_path / "new.csv")
