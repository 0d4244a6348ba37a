import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from runs_of_toys import train_toy

from tsconv.config import load_config
from tsconv.data.dataset import from_series
from tsconv.data.format import write_file
from tsconv.errors import ConfigError, DataError, RunError, RunHeldError, UnknownNameError
from tsconv.executors.local import Local
from tsconv.runs.lock import held
from tsconv.runs.paths import BenchmarkDir, RunDir
from tsconv.workflows.benchmark import Progress, make_executor, run, schedule
from tsconv.workflows.collect import COLUMNS, collect, write_table
from tsconv.workflows.cost import CORE, GPU, Shape, correction, estimate_seconds
from tsconv.workflows.job import describe_cell
from tsconv.workflows.plan import Plan, make_cells, read_plan
from tsconv.workflows.run_cell import run_cell
from tsconv.workflows.schedule import recall, remember, share_of
from tsconv.workflows.tsml import read_results, write_results

SETTINGS = {"training": {"steps": 3}, "network": {"options": {"levels": 2, "width": 4}}}
MEASURED = ["accuracy", "balanced_accuracy", "macro_f1", "auroc", "log_loss", "brier", "ece"]


def make_set(folder, name="Toy", n_instances=8, seed=0):
    generator = np.random.default_rng(seed)
    for part in ("TRAIN", "TEST"):
        series = [generator.normal(k % 2, 1, size=(1, 12)) for k in range(n_instances)]
        labels = ["up", "down"] * (n_instances // 2)
        write_file(folder / name / f"{name}_{part}.csv", from_series(series, labels))
    return str(folder / name)


@pytest.fixture
def data(tmp_path):
    for name in ("Toy", "Other"):
        (tmp_path / name).mkdir()
    return (make_set(tmp_path), make_set(tmp_path, "Other", seed=1))


def make_plan(data, **values):
    return Plan(
        **{
            "datasets": tuple(data),
            "networks": ("tcn",),
            "members": (2,),
            "settings": SETTINGS,
            **values,
        }
    )


def benchmark(plan, folder, processes=2, **options):
    return run(schedule(plan, folder), Local(processes=processes), **options)


def begin(plan, folder):
    """What a benchmark leaves that was stopped as soon as all its cells had begun."""
    planned = schedule(plan, folder)
    remember(planned)
    for task in planned.tasks:
        directory = task.cell.directory(folder)
        directory.path.mkdir(parents=True)
        directory.classifier.touch()


def numbers(table):
    """What does not depend on the clock or the machine's state."""
    return table[["dataset", "network", "members", "resample", "seed", "steps", *MEASURED]]


def test_every_combination_is_a_cell_once(data):
    cells = make_cells(make_plan(data, resamples=(0, 1), seeds=(0, 1, 2), members=(1, 2)))

    assert len(cells) == len({cell.name for cell in cells}) == 2 * 2 * 3 * 2
    assert cells[0].name == "Toy/tcn/fast-x1/resample-0/seed-0"


def test_a_plan_is_read_from_toml_and_flags_replace_its_entries(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text('datasets = "A"\nmembers = 3\n[settings]\ntraining.steps = 2\n')

    plan = read_plan(file, {"datasets": ["B", "C"], "seeds": None})

    assert plan.datasets == ("B", "C")
    assert plan.members == (3,)
    assert plan.settings == {"training": {"steps": 2}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dataset = ['A']", "did you mean 'datasets'"),
        ("datasets = ['A']\nseeds = [-1]", "expected whole numbers from 0, found -1"),
        ("datasets = ['A']\nmembers = [true]", "found True"),
        ("datasets = [1]", "expected names, found 1"),
        ("datasets = [", "expected TOML"),
        ("seeds = [1]", "expected datasets"),
        ("datasets = []", "expected datasets, found none"),
        ("datasets = ['A']\nnetworks = []", "networks: expected names, found none; name some"),
        ("datasets = ['A']\nrecipes = []", "recipes: expected names, found none"),
        ("datasets = ['A']\nmembers = []", "members: expected whole numbers from 1, found none"),
        ("datasets = ['A']\nresamples = []", "resamples: expected whole .* found none"),
        ("datasets = ['A']\nseeds = []", "seeds: expected whole numbers from 0, found none"),
        ("datasets = ['A']\nmembers = [0]", "members: expected whole numbers from 1, found 0"),
        ("datasets = ['A']\nsettings = 3", "expected a table"),
        ("datasets = ['A']\nsettings.training.stps = 3", r"settings: unknown .* training\.stps"),
        ("datasets = ['A']\nsettings.training.lr = 'a'", r"settings: training\.lr: expected a num"),
        ("datasets = ['A']\nsettings.recipe = 'paper'", r"settings\.recipe: is .* recipes = "),
        ("datasets = ['A']\nsettings.members = 1", r"settings\.members: is .* members = "),
        ("datasets = ['A']\nsettings.seed = 1", r"settings\.seed: is .* seeds = "),
        ("datasets = ['A']\nsettings.network.name = 'tcn'", r"settings\.network\.name: is .* net"),
        ("datasets = ['A']\nsettings.'network.name' = 'a'", r"settings\.network\.name: is .* net"),
        ("datasets = ['A']\nsettings.network = 'tcn'", r"settings\.network: is .* networks = "),
    ],
)
def test_a_plan_that_does_not_hold_says_why(tmp_path, text, words):
    file = tmp_path / "plan.toml"
    file.write_text(text)

    with pytest.raises(ConfigError, match=words) as told:
        read_plan(file)

    assert str(file) in str(told.value)


def test_names_that_are_not_there_are_refused_before_anything_runs(data, tmp_path):
    for values in ({"networks": ("tnc",)}, {"recipes": ("fsat",)}, {"datasets": ("Nowhere",)}):
        with pytest.raises(UnknownNameError):
            schedule(make_plan(data, **values), tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_a_benchmark_is_a_table_of_runs(data, tmp_path):
    plan = make_plan(data, resamples=(0, 3))

    result = benchmark(plan, tmp_path / "out")

    assert tuple(result.table) == COLUMNS
    assert len(result.table) == 4
    assert result.table["failure"].isna().all()
    assert (result.table["steps"] == 6).all()
    assert result.table["accuracy"].between(0, 1).all()
    assert (result.table["peak_memory_mb"] > 10).all()
    by_csv, by_parquet = (pd.read_csv(result.files[0]), pd.read_parquet(result.files[1]))
    pd.testing.assert_frame_equal(numbers(by_csv), numbers(by_parquet), check_dtype=False)


def test_finished_cells_are_skipped_and_others_added(data, tmp_path):
    first = benchmark(make_plan(data[:1]), tmp_path / "out")
    done = RunDir(tmp_path / "out" / "runs" / "Toy/tcn/fast-x2/resample-0/seed-0").done
    before = done.stat().st_mtime_ns
    events = []

    second = benchmark(
        make_plan(data), tmp_path / "out", on_event=lambda event, progress: events.append(event)
    )

    assert {event.job for event in events} == {"Other/tcn/fast-x2/resample-0/seed-0"}
    assert done.stat().st_mtime_ns == before
    assert (len(first.table), len(second.table)) == (1, 2)


def test_settings_that_have_changed_since_a_run_began_are_refused(data, tmp_path):
    begin(make_plan(data[:1]), tmp_path / "out")
    changed = make_plan(data[:1], settings={**SETTINGS, "training": {"steps": 4}})

    with pytest.raises(ConfigError, match="give another --out") as told:
        schedule(changed, tmp_path / "out")

    cell = "Toy/tcn/fast-x2/resample-0/seed-0"
    assert f"holds {cell} with training.steps = 3, now asked for 4" in str(told.value)
    options = {"training": SETTINGS["training"], "network": {"options": {"levels": 2}}}
    with pytest.raises(ConfigError, match=r"options = \{.*\}, now asked for \{.*'levels': 2\}"):
        schedule(make_plan(data[:1], settings=options), tmp_path / "out")
    assert schedule(changed, tmp_path / "another").left


def test_other_data_of_the_same_name_are_refused_another_path_to_the_same_is_not(
    data, tmp_path, monkeypatch
):
    begin(make_plan(data[:1]), tmp_path / "out")
    (tmp_path / "elsewhere" / "Toy").mkdir(parents=True)
    other = make_set(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match=f"with data = {data[0]}, now asked for {other}"):
        schedule(make_plan([other]), tmp_path / "out")
    monkeypatch.chdir(tmp_path)
    assert schedule(make_plan(["Toy/Toy_TRAIN.csv"]), tmp_path / "out").tasks


def test_a_set_by_its_name_may_lie_elsewhere_on_another_machine(tmp_path, monkeypatch):
    begin(make_plan(["GunPoint"]), tmp_path / "out")
    (tmp_path / "archive" / "GunPoint").mkdir(parents=True)
    make_set(tmp_path / "archive", "GunPoint")
    monkeypatch.setenv("TSCONV_DATA", str(tmp_path / "archive"))

    assert schedule(make_plan(["GunPoint"]), tmp_path / "out").tasks


def test_a_cell_that_was_never_begun_may_change(data, tmp_path):
    remember(schedule(make_plan(data), tmp_path / "out"))
    changed = make_plan(data, settings={**SETTINGS, "training": {"steps": 4}})

    remember(schedule(changed, tmp_path / "out"))

    assert {task.cell.config.training.steps for task in recall(tmp_path / "out").tasks} == {4}


def test_who_does_a_share_remembers_all_cells(data, tmp_path):
    share = share_of(schedule(make_plan(data), tmp_path / "out"), "2", 0)

    run(share, Local(processes=1))

    known = recall(tmp_path / "out").tasks
    assert len(known) == 2
    assert [task.cell for task in known if task.finished] == [share.tasks[0].cell]
    with pytest.raises(ConfigError, match="now asked for 4"):
        schedule(make_plan(data, settings={**SETTINGS, "training": {"steps": 4}}), tmp_path / "out")


def test_cells_that_are_remembered_already_are_not_written_again(data, tmp_path):
    plan = schedule(make_plan(data), tmp_path / "out")
    remember(plan)

    with held(BenchmarkDir(tmp_path / "out").lock):  # who would write waits for this
        remember(share_of(plan, "2", 1))


def test_a_cell_of_which_nothing_can_be_written_is_a_failure(data, tmp_path):
    share = share_of(schedule(make_plan(data), tmp_path / "out"), "2", 0)
    place = share.tasks[0].cell.directory(tmp_path / "out").path
    place.parent.mkdir(parents=True)
    place.write_text("no folder")

    result = run(share, Local(processes=1))

    assert list(result.failed) == [share.tasks[0].cell.name]
    assert result.table["failure"].item() == "not begun"


def test_a_cell_that_fails_is_a_row_and_stops_nothing_and_is_tried_again(data, tmp_path):
    path = Path(data[1]) / "Other_TEST.csv"
    good = path.read_text()
    path.write_text(good.replace("down", "sideways"))

    failed = benchmark(make_plan(data), tmp_path / "out")
    alone = benchmark(make_plan(data[:1]), tmp_path / "out")
    path.write_text(good)
    mended = benchmark(make_plan(data), tmp_path / "out")

    assert list(failed.failed) == ["Other/tcn/fast-x2/resample-0/seed-0"]
    rows = failed.table[failed.table["failure"].notna()]
    assert rows["dataset"].tolist() == ["Other"]
    assert "sideways" in rows["failure"].item()
    assert failed.table["accuracy"].notna().sum() == 1
    assert (len(alone.failed), len(alone.table)) == (0, 2)
    assert mended.table["failure"].isna().all()
    assert not list((tmp_path / "out").rglob("failure.json"))


def test_a_mistake_of_ours_is_a_row_too(data, tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.workflows.run_cell.train", lambda *_, **__: 1 / 0)
    cell = make_cells(make_plan(data))[0]

    with pytest.raises(ZeroDivisionError):
        run_cell(describe_cell(cell, tmp_path / "out"), lambda values: None)

    row = collect([tmp_path / "out"]).iloc[0]
    assert (row["dataset"], row["failure"]) == ("Toy", "division by zero")
    record = json.loads((cell.directory(tmp_path / "out").failure).read_text())
    assert "Traceback" in record["traceback"]


def test_killed_at_random_moments_a_benchmark_ends_with_the_same_table(data, tmp_path):
    expected = numbers(benchmark(make_plan(data, seeds=(0, 1)), tmp_path / "whole").table)
    plan = tmp_path / "plan.toml"
    plan.write_text(
        f"datasets = {json.dumps(data)}\nnetworks = ['tcn']\nmembers = 2\nseeds = [0, 1]\n"
        "[settings]\ntraining.steps = 3\nnetwork.options.levels = 2\nnetwork.options.width = 4\n"
    )
    command = [sys.executable, "-m", "tsconv", "benchmark", str(plan), "--out"]
    generator = np.random.default_rng(0)
    for _ in range(3):
        process = subprocess.Popen(
            [*command, str(tmp_path / "out")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(generator.uniform(2, 8))
        process.send_signal(signal.SIGKILL)
        process.wait()

    ran = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, check=False)

    assert ran.returncode == 0, ran.stderr
    pd.testing.assert_frame_equal(numbers(collect([tmp_path / "out"])), expected)


def test_a_cell_that_another_process_trains_is_left_to_it(data, tmp_path, monkeypatch):
    monkeypatch.setattr("tsconv.workflows.members.held", partial(held, patience=0))
    cell = make_cells(make_plan(data))[0]
    directory = cell.directory(tmp_path / "out")

    with held(directory.member_lock(1)), pytest.raises(RunHeldError, match="at work on this"):
        run_cell(describe_cell(cell, tmp_path / "out"), lambda values: None)

    assert not directory.failure.exists()
    assert not directory.classifier.exists()


def test_a_cell_that_another_process_finished_meanwhile_is_no_failure(data, tmp_path):
    cell = make_cells(make_plan(data))[0]
    first = run_cell(describe_cell(cell, tmp_path / "out"), lambda values: None)

    again = run_cell(describe_cell(cell, tmp_path / "out"), lambda values: None)

    assert again["accuracy"] == first["accuracy"]
    assert not cell.directory(tmp_path / "out").failure.exists()


def test_resamples_differ_from_the_archives_split_and_repeat(data, tmp_path):
    plan = make_plan(data[:1], resamples=(0, 1))

    tables = [numbers(benchmark(plan, tmp_path / name).table) for name in ("one", "two")]

    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["log_loss"].nunique() == 2


def test_resampling_needs_a_test_part(data, tmp_path):
    cell = make_cells(make_plan(data[:1], resamples=(1,)))[0]
    (Path(data[0]) / "Toy_TEST.csv").unlink()

    with pytest.raises(ConfigError, match="needs a test part"):
        run_cell(describe_cell(cell, tmp_path / "out"), lambda values: None)


def test_results_in_tsmls_layout_read_back_as_they_were(data, tmp_path):
    table = benchmark(make_plan(data, resamples=(0, 2)), tmp_path / "out").table

    n_written = write_results([tmp_path / "out"], tmp_path / "tsml")

    assert n_written == 4
    path = tmp_path / "tsml/tcn-fast-x2/Predictions/Toy/testResample0.csv"
    first, second, third, fourth = path.read_text().splitlines()[:4]
    assert first.startswith("Toy,tcn-fast-x2,TEST,0,MILLISECONDS,")
    assert second == ""
    assert float(third.split(",")[0]) == table["accuracy"][table["dataset"] == "Toy"].iloc[0]
    assert len(fourth.split(",")) == 5
    back = read_results(tmp_path / "tsml").sort_values(["dataset", "resample"])
    np.testing.assert_allclose(back["accuracy"], table["accuracy"])
    np.testing.assert_allclose(back["log_loss"], table["log_loss"], rtol=1e-6)


def test_runs_at_one_place_of_two_folders_give_a_result_each(tmp_path):
    methods = {"tcn-fast-x2": tmp_path / "a", "tcn-fast-x2-seed-1": tmp_path / "b"}
    for seed, folder in enumerate(methods.values()):
        folder.mkdir()
        train_toy(folder, seed=seed)

    write_results(list(methods.values()), tmp_path / "tsml")

    back = read_results(tmp_path / "tsml").set_index("network")["log_loss"]
    own = {method: collect([folder])["log_loss"].item() for method, folder in methods.items()}
    assert back.to_dict() == pytest.approx(own, rel=1e-6)
    assert back.nunique() == 2


def test_two_runs_that_would_be_one_result_are_refused(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        train_toy(tmp_path / name)

    with pytest.raises(RunError, match=f"{tmp_path}/a/run and {tmp_path}/b/run"):
        write_results([tmp_path / "a", tmp_path / "b"], tmp_path / "tsml")

    assert not (tmp_path / "tsml").exists()


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(RunError, match="expected runs below it"):
        collect([tmp_path])
    with pytest.raises(RunError, match="expected a folder"):
        collect([tmp_path / "absent"])


@pytest.mark.parametrize("name", ["t.xlsx", "t.json", "t"])
def test_a_table_of_another_ending_is_refused_before_anything_is_read(tmp_path, name):
    with pytest.raises(ConfigError, match=r"--out .*t.*: expected .* ends in \.csv or \.parquet"):
        collect([tmp_path / "absent"], out=tmp_path / name)
    with pytest.raises(ConfigError, match=r"ends in \.csv or \.parquet"):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / name)

    assert not list(tmp_path.iterdir())


def test_a_damaged_run_is_a_row_with_its_reason(data, tmp_path):
    benchmark(make_plan(data[:1]), tmp_path / "out")
    path = next((tmp_path / "out").rglob("config.json"))
    path.write_text("{")

    row = collect([tmp_path / "out"]).iloc[0]

    assert str(path) in row["failure"]
    assert row["dataset"] == "Toy"


def test_a_table_is_csv_or_parquet_by_its_ending(tmp_path):
    table = pd.DataFrame({"a": [1]})

    for name in ("t.csv", "t.parquet"):
        write_table(table, tmp_path / name)

    assert pd.read_csv(tmp_path / "t.csv")["a"].item() == 1
    assert pd.read_parquet(tmp_path / "t.parquet")["a"].item() == 1


def test_cost_grows_with_what_it_takes():
    config = load_config(settings={"training.steps": 10})
    small = Shape(n_train=50, n_channels=1, n_timepoints=100, n_classes=2)
    long = Shape(n_train=50, n_channels=1, n_timepoints=1000, n_classes=2)

    assert estimate_seconds(config, long) > 5 * estimate_seconds(config, small)


@pytest.mark.parametrize(
    ("size", "milliseconds"),  # of a step of five members: benchmarks/results/gpu.md
    [
        ((50, 1, 150), 1.95),
        ((67, 1, 24), 1.75),
        ((390, 1, 176), 2.12),
        ((180, 24, 51), 1.71),
        ((1000, 1, 500), 6.05),
        ((100, 1, 1000), 8.99),
    ],
)
def test_estimates_for_a_gpu_are_near_what_was_measured(size, milliseconds):
    config = load_config("paper", settings={"training.steps": 1000})
    names = ("n_train", "n_channels", "n_timepoints")
    shape = Shape(**dict(zip(names, size, strict=True)), n_classes=2)

    seconds = estimate_seconds(config, shape, GPU)

    assert seconds - GPU.seconds_once == pytest.approx(milliseconds, rel=0.27)


@pytest.mark.parametrize(
    ("network", "size", "milliseconds"),  # of a step of one member on one core with AMX
    [
        ("inception", (50, 1, 150), 84),
        ("inception", (390, 1, 176), 113),
        ("tcn", (50, 1, 150), 42),
        ("tcn", (390, 1, 176), 59),
        ("tcn", (50, 1, 361), 121),
        ("tcn", (20, 1, 512), 80),
    ],
)
def test_estimates_for_a_core_are_near_what_was_measured(network, size, milliseconds):
    settings = {"network.name": network, "members": 1, "training.steps": 1000}
    names = ("n_train", "n_channels", "n_timepoints")
    shape = Shape(**dict(zip(names, size, strict=True)), n_classes=2)

    seconds = estimate_seconds(load_config(settings=settings), shape, CORE)

    assert seconds == pytest.approx(milliseconds, rel=0.25)


@pytest.mark.parametrize(
    ("device", "seen", "processor"),
    [
        ("auto", (), CORE),
        ("auto", ("0",), GPU),
        ("cpu", ("0",), CORE),
        ("cuda", (), GPU),
        ("cuda:1", (), GPU),
    ],
)
def test_estimates_are_for_the_device_that_cells_are_trained_on(
    data, tmp_path, monkeypatch, device, seen, processor
):
    monkeypatch.setattr("tsconv.workflows.cost.visible_gpus", lambda: seen)

    (task,) = schedule(make_plan(data[:1], settings={"training.device": device}), tmp_path).tasks

    shape = Shape(n_train=8, n_channels=1, n_timepoints=12, n_classes=2)
    assert task.seconds == estimate_seconds(task.cell.config, shape, processor)


def test_estimates_are_corrected_by_what_was_measured():
    assert correction([]) == 1
    assert correction([(10, 30), (10, 10)]) == 2


def test_time_left_counts_what_is_running(data, tmp_path):
    plan = schedule(make_plan(data), tmp_path)
    progress = Progress(schedule=plan)
    assert progress.seconds_left is None

    first, second = (task.cell.name for task in plan.tasks)
    progress.finished[first] = (plan.tasks[0].seconds, 2 * plan.tasks[0].seconds)
    half = {"member": 1, "members": 2, "step": 0, "n_steps": 3, "loss": None}
    progress.running[0] = (second, half)

    assert progress.seconds_left == pytest.approx(plan.tasks[1].seconds)


def test_time_left_is_known_once_a_cell_trains(data, tmp_path):
    plan = schedule(make_plan(data), tmp_path)
    progress = Progress(schedule=plan)
    half = {"member": 1, "members": 2, "step": 0, "n_steps": 3, "loss": None}

    progress.running[0] = (plan.tasks[0].cell.name, {**half, "seconds_left": None})
    assert progress.seconds_left is None
    progress.running[0] = (plan.tasks[0].cell.name, {**half, "seconds_left": 30.0})

    of_one = 2 * 30.0  # half of it takes 30 s
    other = plan.tasks[1].seconds / plan.tasks[0].seconds
    assert progress.seconds_left == pytest.approx(max(30 + other * of_one, other * of_one))


def test_labels_that_train_lacks_are_refused_in_a_resample(tmp_path):
    (tmp_path / "Odd").mkdir()
    data = make_set(tmp_path, "Odd")
    path = Path(data) / "Odd_TEST.csv"
    path.write_text(path.read_text().replace("up", "sideways"))
    cell = make_cells(make_plan([data], resamples=(1,)))[0]

    with pytest.raises(DataError, match="sideways"):
        run_cell(describe_cell(cell, tmp_path / "out"), lambda values: None)


@pytest.mark.parametrize(
    ("device", "given", "used"),
    [
        ("auto", (), {"0", "1"}),
        ("cuda", ("1",), {"1"}),
        ("cuda:1", (), {None}),
        ("cpu", (), {None}),
    ],
)
def test_cells_are_spread_over_the_gpus_unless_they_name_one(
    data, tmp_path, monkeypatch, device, given, used
):
    monkeypatch.setattr("tsconv.workflows.benchmark.visible_gpus", lambda: ("0", "1"))
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(4)))
    plan = schedule(make_plan(data, settings={"training.device": device}), tmp_path)

    places = make_executor(plan, devices=given).places

    assert {place.device for place in places} == used
    assert len(places) == (4 if used == {None} else len(used))
