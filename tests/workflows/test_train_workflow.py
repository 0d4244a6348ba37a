import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsconv.classifier import fit
from tsconv.config import load_config
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.errors import ConfigError, DataError, RunError, UnknownNameError
from tsconv.runs.paths import RunDir
from tsconv.runs.store import clear
from tsconv.training.loop import Watch
from tsconv.workflows import conclude
from tsconv.workflows.evaluate import evaluate
from tsconv.workflows.inspect import inspect
from tsconv.workflows.read import load, read
from tsconv.workflows.save import save
from tsconv.workflows.train import train

TINY = (
    "training.steps=2",
    "training.precision=float32",
    "network.options.width=4",
    "network.options.levels=2",
)


def make_toy_set(folder, test=True):
    generator = np.random.default_rng(0)
    for part in ("TRAIN", "TEST") if test else ("TRAIN",):
        series = [generator.normal(k % 2, 1, size=(1, 12)) for k in range(8)]
        write_file(folder / f"Toy_{part}.csv", from_series(series, ["up", "down"] * 4))
    return folder / "Toy_TRAIN.csv"


def make_config(*overrides, members=2, **settings):
    flags = {"network.name": "tcn", "members": members, **settings}
    return load_config(overrides=(*TINY, *overrides), settings=flags)


def weights(run):
    return [path.read_bytes() for path in sorted((run / "members").glob("*.safetensors"))]


def test_a_set_becomes_a_finished_run_whose_test_part_was_evaluated(tmp_path):
    data = make_toy_set(tmp_path)

    result = train(data, make_config(), out=tmp_path / "run")

    directory = RunDir(tmp_path / "run")
    assert directory.done.exists()
    assert result.missing == ()
    metrics = json.loads(directory.metrics.read_text())
    assert metrics["metrics"] == result.test.evaluation.metrics
    assert metrics["n_instances"] == 8
    assert metrics["selected_by"] == ["last", "last"]
    predictions = pd.read_csv(directory.predictions)
    assert list(predictions) == ["row", "label", "prediction", "down", "up"]
    assert predictions["label"].tolist() == ["up", "down"] * 4
    history = pd.read_csv(directory.history)
    assert sorted(set(history["member"])) == [0, 1]


def test_without_a_test_part_there_is_nothing_to_evaluate(tmp_path):
    result = train(make_toy_set(tmp_path, test=False), make_config(), out=tmp_path / "run")

    assert result.test is None
    assert RunDir(tmp_path / "run").done.exists()
    assert not RunDir(tmp_path / "run").metrics.exists()


def test_the_test_part_gives_the_same_numbers_again(tmp_path):
    data = make_toy_set(tmp_path)
    result = train(data, make_config(), out=tmp_path / "run")

    again = evaluate(tmp_path / "run", tmp_path / "Toy_TEST.csv")

    assert again.evaluation.metrics == pytest.approx(result.test.evaluation.metrics, abs=1e-6)


def test_one_member_alone_is_that_member_of_all(tmp_path):
    data = make_toy_set(tmp_path)
    train(data, make_config(members=5), out=tmp_path / "all")

    result = train(data, make_config(members=5), out=tmp_path / "one", member=2)

    assert result.missing == (0, 1, 3, 4)
    assert not RunDir(tmp_path / "one").done.exists()
    assert weights(tmp_path / "one") == [weights(tmp_path / "all")[2]]


def test_members_trained_one_by_one_finish_the_run_with_the_last(tmp_path):
    data, config = make_toy_set(tmp_path), make_config()
    train(data, config, out=tmp_path / "together")

    train(data, config, out=tmp_path / "apart", member=1)
    result = train(data, config, out=tmp_path / "apart", member=0)

    assert result.missing == ()
    assert RunDir(tmp_path / "apart").done.exists()
    assert weights(tmp_path / "apart") == weights(tmp_path / "together")


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path):
    data, config = make_toy_set(tmp_path), make_config(members=3)
    train(data, config, out=tmp_path / "whole")

    def interrupt(member, step, n_steps):
        if (member, step) == (1, 2):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, config, out=tmp_path / "run", watch=Watch(on_step=interrupt))
    trained = []
    watch = Watch(on_step=lambda member, step, n_steps: trained.append(member))
    train(data, config, out=tmp_path / "run", watch=watch)

    assert set(trained) == {1, 2}
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    assert RunDir(tmp_path / "run").done.exists()


def test_a_finished_run_is_given_as_it_was(tmp_path):
    data = make_toy_set(tmp_path)
    first = train(data, make_config(), out=tmp_path / "run")
    before = RunDir(tmp_path / "run").done.stat().st_mtime_ns

    again = train(data, make_config(), out=tmp_path / "run")

    assert again.test.to_dict() == first.test.to_dict()
    assert again.members == first.members
    assert RunDir(tmp_path / "run").done.stat().st_mtime_ns == before
    with pytest.raises(RunError, match="holds a run with members = 2, now asked for 3"):
        train(data, make_config(members=3), out=tmp_path / "run")


def test_a_test_part_is_seen_once_by_processes_that_end_together(tmp_path, monkeypatch):
    data, out = make_toy_set(tmp_path), tmp_path / "run"
    held = conclude.held

    def held_by_another_first(*locks, patience):
        monkeypatch.setattr(conclude, "held", held)
        train(data, make_config(), out=out)  # finishes it while we wait for our turn
        monkeypatch.setattr(conclude, "evaluate_part", None)
        return held(*locks, patience=patience)

    monkeypatch.setattr(conclude, "held", held_by_another_first)

    assert train(data, make_config(), out=out).test is not None


@pytest.mark.parametrize("killed_at", range(2, 7))
def test_a_run_half_cleared_lends_its_members_to_no_other(tmp_path, monkeypatch, killed_at):
    data, directory = make_toy_set(tmp_path), RunDir(tmp_path / "run")
    train(data, make_config(), out=directory.path)
    unlink, removed = Path.unlink, []

    def unlink_until_killed(path, missing_ok=False):
        removed.append(path)
        if len(removed) == killed_at:
            raise KeyboardInterrupt
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink_until_killed)
        with pytest.raises(KeyboardInterrupt):
            clear(directory)

    assert not directory.done.exists()
    if list(directory.members.glob("*")):
        with pytest.raises(RunError, match="seed = 0, now asked for 1"):
            train(data, make_config(seed=1), out=directory.path)


def test_changed_data_do_not_take_up_a_run(tmp_path):
    data = make_toy_set(tmp_path)
    train(data, make_config(), out=tmp_path / "run", member=0)
    text = data.read_text().splitlines()
    data.write_text("\n".join(text[:-1]) + "\n")

    with pytest.raises(RunError, match="training data have changed"):
        train(data, make_config(), out=tmp_path / "run")


def test_a_validation_file_selects_the_weights_and_is_recorded(tmp_path):
    data = make_toy_set(tmp_path)
    config = make_config("training.select=valid_loss")

    result = train(data, config, out=tmp_path / "run", valid=tmp_path / "Toy_TEST.csv")

    assert all(member.selected_by == "valid_loss" for member in result.members)
    assert all(member.valid_loss is not None for member in result.members)
    document = json.loads(RunDir(tmp_path / "run").classifier.read_text())
    assert document["data"]["valid"] is not None


def test_two_validation_parts_are_one_too_many(tmp_path):
    data = make_toy_set(tmp_path)

    with pytest.raises(ConfigError, match="expected one of them"):
        train(data, make_config(valid_fraction=0.5), valid=data, out=tmp_path / "run")


def test_a_member_that_the_ensemble_does_not_have_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--member 2: expected 0 to 1"):
        train(make_toy_set(tmp_path), make_config(), member=2)


def test_a_mistyped_network_is_refused_before_data_are_looked_for():
    config = load_config(settings={"network.name": "inceptoin"})

    with pytest.raises(UnknownNameError, match="did you mean 'inception'"):
        train("nowhere.csv", config)


def test_a_test_label_unseen_in_training_is_refused(tmp_path):
    data = make_toy_set(tmp_path)
    test = tmp_path / "Toy_TEST.csv"
    test.write_text(test.read_text().replace("up", "sideways"))

    with pytest.raises(DataError, match="found label 'sideways'"):
        train(data, make_config(), out=tmp_path / "run")


def test_the_default_place_is_named_by_data_network_and_seed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = train(make_toy_set(tmp_path), make_config(seed=4), member=0)

    assert result.run.as_posix() == "runs/Toy/tcn/seed-4"


def test_what_was_trained_loads_in_python(tmp_path):
    data = make_toy_set(tmp_path)
    train(data, make_config(), out=tmp_path / "run")

    classifier = load(tmp_path / "run")

    assert classifier.predict_proba(read(data)).shape == (8, 2)
    assert set(classifier.predict(read(data))) <= {"up", "down"}


def test_what_was_fitted_in_memory_is_saved_as_a_run(tmp_path):
    dataset = read(make_toy_set(tmp_path))
    classifier = fit(dataset, make_config())

    save(classifier, tmp_path / "run")

    assert np.array_equal(load(tmp_path / "run").predict(dataset), classifier.predict(dataset))
    assert evaluate(tmp_path / "run", tmp_path / "Toy_TEST.csv").evaluation.n_instances == 8
    with pytest.raises(RunError, match="holds a finished run"):
        save(classifier, tmp_path / "run")


def test_channels_are_known_by_their_names_in_whatever_order_a_file_has_them(tmp_path):
    generator = np.random.default_rng(0)
    levels = np.array([[[0.0], [9.0]], [[9.0], [0.0]]] * 8)
    X = (generator.normal(size=(16, 2, 12)) + levels).astype(np.float32)
    y, there = np.array(["up", "down"] * 8), {"a": 0, "b": 1}
    for part, channels in (("TRAIN", ["a", "b"]), ("TEST", ["b", "a"])):
        order = [there[name] for name in channels]
        np.savez(tmp_path / f"Toy_{part}.npz", X=X[:, order], y=y, channels=np.array(channels))

    result = train(
        tmp_path / "Toy_TRAIN.npz", make_config("training.steps=60"), out=tmp_path / "run"
    )

    assert result.test.evaluation.metrics["accuracy"] == 1.0
    series = read(tmp_path / "Toy_TEST.npz")
    assert load(tmp_path / "run").predict(series).tolist() == y.tolist()


@pytest.mark.parametrize(
    ("steps", "says"),
    [(4, ["Toy: 4 steps of 2 see each of 8 training series 1.0 times; for 5 times"]), (20, [])],
)
def test_too_few_steps_to_see_the_series_some_times_are_warned_of(tmp_path, caplog, steps, says):
    data = make_toy_set(tmp_path)
    config = make_config("training.batch_size=2", f"training.steps={steps}", members=1)

    train(data, config, out=tmp_path / "run")
    found = inspect(data, config)

    warned = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert [text.partition(" --set training.steps=20")[0] for text in warned] == says
    assert [f"Toy: {each}" for each in found.warnings if "steps" in each] == warned
