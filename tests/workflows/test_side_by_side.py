"""Members side by side: the run that one process makes, and what becomes of errors."""

import dataclasses
import json
import logging
import os
import sys
from contextlib import ExitStack, suppress

import numpy as np
import pandas as pd
import pytest
import torch
from test_train_workflow import make_config, make_toy_set, weights

from tsconv.classifier import resolve_network
from tsconv.config import load_config
from tsconv.data.format import Schema
from tsconv.data.preprocessing import Preprocessing
from tsconv.errors import ConfigError, FormatError, RunError, TrainingError
from tsconv.runs.lock import held
from tsconv.runs.paths import RunDir
from tsconv.runs.store import open_run
from tsconv.stopping import Stop
from tsconv.training.batches import Batch, LazyTensor
from tsconv.training.distributed import Group
from tsconv.training.loop import Watch
from tsconv.training.precision import choose_arithmetic
from tsconv.worker import do
from tsconv.workflows import run_member, side_by_side
from tsconv.workflows.job import Order, describe_member
from tsconv.workflows.members import make_ready
from tsconv.workflows.read import load
from tsconv.workflows.side_by_side import share_out
from tsconv.workflows.train import train

TWO = 2

needs_two_cores = pytest.mark.skipif(
    len(os.sched_getaffinity(0)) < TWO, reason="two processes side by side need two cores"
)


def make_order(data, config, out):
    return Order(data=str(data), config=config, out=out, schema=Schema(), valid=None, resample=0)


def files(run):
    return sorted(str(path.relative_to(run)) for path in run.rglob("*"))


@needs_two_cores
def test_members_side_by_side_make_the_run_that_one_process_makes(tmp_path):
    data, config = make_toy_set(tmp_path), make_config(members=3)
    alone = train(data, config, out=tmp_path / "alone")
    steps = []
    watch = Watch(on_step=lambda *step: steps.append(step))

    apart = train(data, config, out=tmp_path / "apart", processes=TWO, watch=watch)

    assert weights(tmp_path / "apart") == weights(tmp_path / "alone")
    assert files(tmp_path / "apart") == files(tmp_path / "alone")
    assert apart.missing == ()
    assert apart.test.evaluation.metrics == alone.test.evaluation.metrics
    assert {step for step in steps if step[1] == step[2]} == {(0, 2, 2), (1, 2, 2), (2, 2, 2)}


@needs_two_cores
def test_members_that_are_there_are_kept(tmp_path):
    data, config = make_toy_set(tmp_path), make_config(members=3)
    train(data, config, out=tmp_path / "run", member=1)
    before = RunDir(tmp_path / "run").weights(1).stat().st_mtime_ns

    result = train(data, config, out=tmp_path / "run", processes=TWO)

    assert result.missing == ()
    assert RunDir(tmp_path / "run").weights(1).stat().st_mtime_ns == before


@needs_two_cores
def test_a_run_in_the_way_is_taken_away_once(tmp_path):
    data = make_toy_set(tmp_path)
    train(data, make_config(seed=1), out=tmp_path / "run")
    train(data, make_config(), out=tmp_path / "fresh")

    train(data, make_config(), out=tmp_path / "run", processes=TWO, overwrite=True)

    assert weights(tmp_path / "run") == weights(tmp_path / "fresh")


@needs_two_cores
def test_a_table_is_read_as_this_process_was_told(tmp_path):
    data, valid = make_toy_set(tmp_path), tmp_path / "Toy_TEST.csv"
    for path in (data, valid):  # a second column that could be the label, and would be taken for it
        table = pd.read_csv(path).rename(columns={"label": "target"})
        table.assign(label=["odd", "even"] * 4).to_csv(path, index=False)
    told = {"schema": Schema(label="target"), "valid": valid}

    result = train(data, make_config(), out=tmp_path / "run", processes=TWO, **told)

    train(data, make_config(), out=tmp_path / "alone", **told)
    assert result.missing == ()
    assert weights(tmp_path / "run") == weights(tmp_path / "alone")
    assert load(tmp_path / "run").classes == ("down", "up")


@needs_two_cores
def test_an_error_of_a_member_is_raised_here_as_it_was_there(tmp_path):
    config = make_config("training.lr=1e30", "training.steps=20", members=2)

    with pytest.raises(TrainingError, match=r"member \d, epoch .*: the training loss is"):
        train(make_toy_set(tmp_path), config, out=tmp_path / "run", processes=TWO)


@needs_two_cores
def test_a_member_of_another_process_is_left_to_it(tmp_path, caplog):
    data, config, run = make_toy_set(tmp_path), make_config(members=3), RunDir(tmp_path / "run")
    taken = ExitStack()

    def take(members):  # after this process has looked, before a worker comes
        taken.enter_context(held(run.member_lock(1)))

    with taken:
        result = train(data, config, out=run.path, processes=TWO, watch=Watch(on_begin=take))

    assert result.missing == (1,)
    assert "member 1 is left to another process" in caplog.text
    train(data, config, out=run.path)
    train(data, config, out=tmp_path / "alone")
    assert weights(run.path) == weights(tmp_path / "alone")
    assert files(run.path) == files(tmp_path / "alone")


@needs_two_cores
def test_what_workers_say_is_said_here(tmp_path, caplog):
    data, config, run = make_toy_set(tmp_path), make_config(), RunDir(tmp_path / "run")
    caplog.set_level(logging.INFO, logger="tsconv")
    run.members.mkdir(parents=True)
    run.checkpoints(1)[0].write_bytes(b"torn")

    train(data, config, out=run.path, processes=TWO)

    warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert any("1.checkpoint.safetensors" in each for each in warnings)
    for k in range(config.members):
        assert sum(f"member {k}: trained in" in each.getMessage() for each in caplog.records) == 1


@needs_two_cores
def test_modules_of_the_working_folder_are_not_taken_for_others(tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise RuntimeError('not that one')")
    monkeypatch.chdir(tmp_path)

    assert train(make_toy_set(tmp_path), make_config(), processes=TWO).missing == ()


@needs_two_cores
def test_a_run_says_with_what_its_members_were_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)  # of this process

    train(make_toy_set(tmp_path), make_config(), out=tmp_path / "run", processes=TWO)

    environment = json.loads(RunDir(tmp_path / "run").environment.read_text())
    assert environment["threads"] == 1
    record = json.loads(RunDir(tmp_path / "run").record(1).read_text())
    assert environment["peak_memory_mb"] >= record["peak_memory_mb"] > 0


@needs_two_cores
def test_a_damaged_member_keeps_none_of_the_others_from_being_trained(tmp_path):
    data, config, run = make_toy_set(tmp_path), make_config(members=3), RunDir(tmp_path / "run")
    train(data, config, out=run.path, member=0)
    run.weights(0).write_bytes(b"torn")

    with pytest.raises(RunError, match=r"0\.safetensors"):
        train(data, config, out=run.path, processes=TWO)

    assert open_run(run).saved == (0, 1, 2)


@needs_two_cores
def test_what_kills_left_is_taken_away_and_what_others_put_there_is_not(tmp_path):
    data, config, run = make_toy_set(tmp_path), make_config(members=3), RunDir(tmp_path / "run")
    train(data, config, out=run.path, member=0)
    run.checkpoints(0)[0].write_bytes(b"of a member that is there")
    run.logs.mkdir()
    (run.logs / "worker-7.log").touch()
    (run.logs / "of-somebody.txt").touch()

    train(data, config, out=run.path, processes=TWO)

    assert not run.checkpoints(0)[0].exists()
    assert [path.name for path in run.logs.iterdir()] == ["of-somebody.txt"]


def test_a_member_is_trained_without_the_test_part(tmp_path):
    data = make_toy_set(tmp_path)
    (tmp_path / "Toy_TEST.csv").write_text("not read")
    order = make_order(data, make_config(), tmp_path / "run")

    assert make_ready(order, Group(), for_training=True).test is None
    with pytest.raises(FormatError):
        make_ready(order, Group())


def test_a_worker_whose_parent_is_gone_saves_what_is_under_way(tmp_path, monkeypatch):
    data, run = make_toy_set(tmp_path), RunDir(tmp_path / "run")
    order = make_order(data, make_config("training.steps=20"), run.path)
    monkeypatch.setattr(run_member, "SECONDS_BETWEEN_WORDS", 0.0)
    reader, writer = os.pipe()
    os.close(reader)
    with suppress(BrokenPipeError), os.fdopen(writer, "w") as nobody_reads:
        do(describe_member(order, 0), nobody_reads, Stop())

    assert run.record(0).exists()


@needs_two_cores
def test_a_worker_that_dies_is_told_of_with_its_log(tmp_path, monkeypatch):
    dying = (sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    monkeypatch.setattr(side_by_side, "WORKER", dying)

    with pytest.raises(TrainingError, match=r"member \d: .* signal 9; .*worker-\d.log"):
        train(make_toy_set(tmp_path), make_config(), out=tmp_path / "run", processes=TWO)


def test_one_member_is_not_shared_out(tmp_path):
    with pytest.raises(ConfigError, match="--member 1 and processes"):
        train(make_toy_set(tmp_path), make_config(), member=1, processes=TWO)


def test_one_process_trains_one_member(tmp_path):
    result = train(
        make_toy_set(tmp_path), make_config(), out=tmp_path / "run", member=1, processes=1
    )

    assert result.missing == (0,)


def test_a_processor_and_gpus_are_not_asked_for_together(tmp_path):
    config = make_config("training.device=cpu")

    with pytest.raises(ConfigError, match="device cpu and GPUs"):
        train(make_toy_set(tmp_path), config, out=tmp_path / "run", devices=("0",))


class Prepared:
    """As much of a preparation as is looked at."""

    def __init__(self, n_instances=50, **settings):
        settings = [f"training.{key}={value}" for key, value in settings.items()]
        self.config = resolve_network(load_config(settings=None, overrides=settings), 150)
        self.data = Batch(x=torch.zeros(n_instances, 1, 150))
        self.arithmetic = choose_arithmetic("cpu")
        self.preprocessing = Preprocessing(scale="none", mean=(0.0,), std=(1.0,))
        self.classes = ("down", "up")
        self.group = Group()


@pytest.mark.parametrize(
    ("gpus", "members", "device", "expected"),
    [
        (2, 5, "auto", 2),
        (2, 5, "cuda:1", 0),
        (2, 2, "auto", 0),  # one takes both at once
        (1, 5, "auto", 0),
        (0, 5, "auto", 0),
    ],
)
def test_several_gpus_are_used_where_one_cannot_take_all(
    monkeypatch, gpus, members, device, expected
):
    monkeypatch.setattr(side_by_side, "visible_gpus", lambda: tuple(map(str, range(gpus))))
    monkeypatch.setattr(side_by_side, "most_together", lambda data, batch_size: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})

    executor = share_out(Prepared(device=device), members, None, ())

    devices = [place.device for place in executor.places] if executor else []
    assert devices == ["0", "1"][:expected]


def test_no_more_processes_than_members_share_out_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(8)})

    executor = share_out(Prepared(device="cpu"), 3, 8, ())

    assert [place.n_cores for place in executor.places] == [2, 2, 2]


@pytest.mark.parametrize(
    ("n_threads", "members", "settings", "n_processes"),
    [
        (2, 5, {}, 2),
        (64, 5, {}, 5),
        (1, 5, {}, 0),  # OMP_NUM_THREADS=1: as asked for
        (4, 5, {}, 4),  # OMP_NUM_THREADS=4
        (64, 1, {}, 0),
        (64, 5, {"steps": 10}, 0),  # done before processes have started
        (64, 5, {"n_instances": 2**20}, 0),  # each process would hold them
    ],
)
def test_long_trainings_on_processors_have_a_process_a_member(
    monkeypatch, n_threads, members, settings, n_processes
):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(64)})
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)

    executor = share_out(Prepared(device="cpu", **settings), members, None, ())

    assert (executor.processes if executor else 0) == n_processes
    assert executor is None or sum(each.n_cores for each in executor.places) <= n_threads


def test_one_core_is_not_shared_out(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    monkeypatch.setattr(side_by_side, "visible_gpus", lambda: ("0", "1"))
    monkeypatch.setattr(side_by_side, "most_together", lambda data, batch_size: 2)

    assert share_out(Prepared(), 5, None, ()) is None


def test_a_set_on_disk_is_read_by_one_process(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(64)})
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    prepared = Prepared(device="cpu")
    series = np.zeros((50, 1, 150), dtype=np.float32)
    prepared.data = Batch(x=LazyTensor(series, torch.device("cpu")))

    assert share_out(prepared, 5, None, ()) is None


def test_how_long_it_takes_is_told_by_the_series_that_are_trained_on(monkeypatch):
    fractions = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)
    monkeypatch.setattr(
        side_by_side,
        "estimate_seconds",
        lambda config, shape: fractions.append(config.valid_fraction) or 0.0,
    )
    prepared = Prepared(device="cpu")
    prepared.config = dataclasses.replace(prepared.config, valid_fraction=0.5)

    share_out(prepared, 5, None, ())

    assert fractions == [0.0]  # the validation part has been taken out of them


def test_one_process_is_this_one(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 64)

    assert share_out(Prepared(device="cpu"), 5, 1, ()) is None


def test_an_order_is_the_same_after_its_way_through_json(tmp_path):
    order = Order(
        data="GunPoint",
        config=make_config(),
        out=tmp_path,
        schema=Schema(label="y", series=("a", "b")),
        valid=tmp_path / "valid.csv",
        resample=3,
    )

    assert Order.from_dict(json.loads(json.dumps(describe_member(order, 1)))) == order
