import dataclasses
import json

import numpy as np
import pytest
from toy import fit_member

from tsconv.classifier import prepare
from tsconv.config import load_config
from tsconv.data.dataset import from_series
from tsconv.data.format import Schema
from tsconv.errors import RunError
from tsconv.runs.paths import RunDir, default_run
from tsconv.runs.store import (
    DataRecord,
    clear,
    finish,
    load_run,
    open_run,
    save_classifier,
    save_member,
    save_preparation,
)

TINY = (
    "training.steps=2",
    "training.precision=float32",
    "network.options.width=4",
    "network.options.levels=2",
)


def make_toy_dataset(seed=0):
    generator = np.random.default_rng(seed)
    series = [generator.normal(k % 2, 1, size=(1, 12)) for k in range(8)]
    return from_series(series, ["a", "b [red]"] * 4, name="toy")


def make_preparation(*overrides, members=2):
    settings = {"network.name": "tcn", "members": members}
    config = load_config(overrides=(*TINY, *overrides), settings=settings)
    return prepare(make_toy_dataset(), config, schema=Schema(layout="wide", series=("t0", "t1")))


def make_record():
    return DataRecord(name="toy", train=make_toy_dataset().fingerprint())


def make_finished_run(path):
    directory, preparation = RunDir(path), make_preparation()
    save_preparation(directory, preparation, make_record())
    for k in range(2):
        save_member(directory, fit_member(preparation, k), preparation)
    finish(directory)
    return directory, preparation


def test_a_finished_run_is_free_of_what_killed_writers_left(tmp_path):
    directory, preparation = RunDir(tmp_path), make_preparation(members=1)
    save_preparation(directory, preparation, make_record())
    save_member(directory, fit_member(preparation, 0), preparation)
    written = (*directory.files, directory.weights(0), directory.record(0))
    for path in (*written, *directory.checkpoints(0)):
        path.with_name(f".{path.name}-0.tmp").touch()
    waiting = directory.members / ".0.lock-0.tmp"  # of who may be about to take its turn
    waiting.touch()
    directory.progress.touch()

    finish(directory)

    assert list(tmp_path.rglob(".*")) == [waiting]
    assert not directory.progress.exists()


def test_a_run_loads_as_the_classifier_that_was_saved(tmp_path):
    directory, preparation = make_finished_run(tmp_path / "run")
    members = tuple(fit_member(preparation, k) for k in range(2))
    expected = preparation.classifier(members)

    loaded = load_run(directory)

    dataset = make_toy_dataset(seed=1)
    assert np.array_equal(loaded.member_proba(dataset), expected.member_proba(dataset))
    for name in ("classes", "channels", "preprocessing", "config", "schema"):
        assert getattr(loaded, name) == getattr(expected, name)
    for k in range(2):
        assert loaded.members[k].selected == members[k].selected
        assert len(loaded.members[k].history) == len(members[k].history)


def test_a_run_holds_these_files_and_no_others(tmp_path):
    directory, _ = make_finished_run(tmp_path / "run")

    found = {path.relative_to(directory.path).as_posix() for path in directory.path.rglob("*")}

    assert found == {
        "DONE",
        "classifier.json",
        "config.json",
        "environment.json",
        "history.csv",
        "members",
        "members/0.json",
        "members/0.safetensors",
        "members/1.json",
        "members/1.safetensors",
    }


def test_a_run_tells_where_it_was_trained(tmp_path):
    directory, _ = make_finished_run(tmp_path / "run")

    environment = json.loads(directory.environment.read_text())

    assert {"versions", "device", "precision", "reason", "threads", "hostname", "command"} <= set(
        environment
    )
    assert environment["started"] <= environment["finished"]


def test_a_classifier_fitted_in_memory_is_saved_and_loaded(tmp_path):
    preparation = make_preparation(members=1)
    classifier = preparation.classifier((fit_member(preparation, 0),))

    save_classifier(RunDir(tmp_path / "run"), classifier)

    dataset = make_toy_dataset()
    loaded = load_run(RunDir(tmp_path / "run"))
    assert np.array_equal(loaded.predict_proba(dataset), classifier.predict_proba(dataset))


def test_a_finished_run_is_refused_unless_it_may_be_overwritten(tmp_path):
    directory, preparation = make_finished_run(tmp_path / "run")

    assert save_preparation(directory, preparation, make_record()).missing == ()
    with pytest.raises(RunError, match="holds a finished run"):
        save_classifier(directory, load_run(directory))

    run = save_preparation(directory, preparation, make_record(), overwrite=True)
    assert run.missing == (0, 1)
    assert not directory.done.exists()


def test_an_unfinished_run_keeps_the_members_it_has(tmp_path):
    directory, preparation = RunDir(tmp_path / "run"), make_preparation()
    save_preparation(directory, preparation, make_record())
    save_member(directory, fit_member(preparation, 1), preparation)

    run = save_preparation(directory, preparation, make_record())

    assert (run.saved, run.missing) == ((1,), (0,))
    with pytest.raises(RunError, match=r"unfinished, 1 of 2 members are there \(missing 0\)"):
        load_run(directory)
    with pytest.raises(RunError, match="unfinished"):
        finish(directory)


def test_a_member_without_its_record_counts_as_missing(tmp_path):
    directory, preparation = RunDir(tmp_path / "run"), make_preparation()
    save_preparation(directory, preparation, make_record())
    save_member(directory, fit_member(preparation, 0), preparation)
    directory.record(0).unlink()

    assert open_run(directory).missing == (0, 1)


def test_other_settings_or_data_do_not_take_up_a_run(tmp_path):
    directory, preparation = RunDir(tmp_path / "run"), make_preparation()
    save_preparation(directory, preparation, make_record())

    with pytest.raises(RunError, match=r"training\.lr = 0\.003, now asked for 0\.1.*--overwrite"):
        save_preparation(directory, make_preparation("training.lr=0.1"), make_record())
    other = dataclasses.replace(make_record(), train="0" * 64)
    with pytest.raises(RunError, match="an unfinished run whose training data have changed since;"):
        save_preparation(directory, preparation, other)
    for changes, words in (
        ({"name": "Else"}, "with data = .*, now asked for Else"),
        ({"resample": 3}, "with resample = 0, now asked for 3"),
    ):
        with pytest.raises(RunError, match=words):
            save_preparation(directory, preparation, dataclasses.replace(other, **changes))
    validated = dataclasses.replace(make_record(), valid="0" * 64)
    with pytest.raises(RunError, match="without a validation file of its own, now"):
        save_preparation(directory, preparation, validated)


def test_a_setting_that_only_one_run_has_parts_of_is_told_whole(tmp_path):
    directory = RunDir(tmp_path / "run")
    weights = ("training.class_weight.a=5", "training.class_weight.b [red]=1")
    save_preparation(directory, make_preparation("training.class_weight=balanced"), make_record())

    with pytest.raises(RunError, match=r"class_weight = balanced, now asked for \{'a': 5"):
        save_preparation(directory, make_preparation(*weights), make_record())


def test_a_folder_of_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(RunError, match=r"thesis\.txt.*another --out"):
        save_preparation(RunDir(tmp_path), make_preparation(), make_record(), overwrite=True)

    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_clearing_takes_away_nothing_but_the_run(tmp_path):
    directory, _ = make_finished_run(tmp_path / "run")
    (directory.path / "notes.txt").write_text("mine")

    clear(directory)

    files = [path.name for path in directory.path.rglob("*") if path.is_file()]
    assert files == ["notes.txt"]


@pytest.mark.parametrize(
    "name", ["config.json", "classifier.json", "members/1.json", "members/1.safetensors"]
)
@pytest.mark.parametrize("damage", ["truncated", "empty", "binary", "gone"])
def test_a_damaged_file_is_named(tmp_path, name, damage):
    directory, _ = make_finished_run(tmp_path / "run")
    path = directory.path / name
    content = path.read_bytes()
    contents = {"truncated": content[: len(content) // 2], "empty": b"", "binary": b"\x80\x00\xff"}
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(contents[damage])

    with pytest.raises(RunError) as caught:
        load_run(directory)

    is_missing_member = damage == "gone" and name == "members/1.json"
    is_no_run = damage == "gone" and name == "classifier.json"
    assert ("unfinished" if is_missing_member else path.name) in str(caught.value)
    assert is_no_run or is_missing_member or str(path) in str(caught.value)


def test_one_flipped_byte_in_the_weights_is_noticed(tmp_path):
    directory, _ = make_finished_run(tmp_path / "run")
    content = bytearray(directory.weights(0).read_bytes())
    content[-1] ^= 1
    directory.weights(0).write_bytes(content)

    with pytest.raises(RunError, match=r"0\.safetensors"):
        load_run(directory)


@pytest.mark.parametrize("entry", ["classes", "schema", "preprocessing", "data"])
def test_a_missing_entry_is_named(tmp_path, entry):
    directory, _ = make_finished_run(tmp_path / "run")
    document = json.loads(directory.classifier.read_text())
    del document[entry]
    directory.classifier.write_text(json.dumps(document))

    with pytest.raises(RunError, match=f"classifier.json.*'{entry}'"):
        load_run(directory)


def test_a_run_of_a_newer_version_is_refused_politely(tmp_path):
    directory, _ = make_finished_run(tmp_path / "run")
    document = json.loads(directory.classifier.read_text())
    directory.classifier.write_text(json.dumps({**document, "format_version": 99, "new": []}))

    with pytest.raises(
        RunError, match=r"newer tsconv \(format 99; this one reads up to 1\); update"
    ):
        load_run(directory)


def test_no_run_at_all_is_said_so(tmp_path):
    with pytest.raises(RunError, match="expected a run directory, found no such folder"):
        load_run(RunDir(tmp_path / "nowhere"))


def test_runs_lie_by_data_network_and_seed():
    assert default_run("GunPoint", "tcn", 3).path.as_posix() == "runs/GunPoint/tcn/seed-3"
