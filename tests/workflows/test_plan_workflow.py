"""Which sets a plan comes to: groups, traits, sets that are not here yet."""

import numpy as np
import pytest

from tsconv.data.dataset import from_series
from tsconv.data.format import Schema, write_file
from tsconv.errors import ConfigError, FormatError, UnknownNameError
from tsconv.workflows.benchmark import schedule
from tsconv.workflows.convert import convert
from tsconv.workflows.cost import find_shape
from tsconv.workflows.plan import Plan, choose_data, make_cells, read_plan


@pytest.fixture(autouse=True)
def no_roots(monkeypatch):
    monkeypatch.delenv("TSCONV_DATA", raising=False)


def make_set(folder):
    folder.mkdir(parents=True)
    write_file(folder / "Mine_TRAIN.csv", from_series([np.ones((1, 4))] * 2, ["a", "b"]))
    return str(folder)


def test_a_group_stands_for_its_sets_each_once():
    data = choose_data(Plan(datasets=("Wine", "UCR112", "BasicMotions")))

    assert len(data) == 113
    assert data[0] == "Wine"
    assert data[-1] == "BasicMotions"


def test_traits_choose_among_the_sets():
    data = choose_data(Plan(datasets=("uea", "PLAID"), traits=("unequal", "no-missing")))

    assert data == (
        "CharacterTrajectories",
        "InsectWingbeat",
        "JapaneseVowels",
        "SpokenArabicDigits",
        "PLAID",
    )


@pytest.mark.parametrize(
    ("datasets", "traits", "error", "words"),
    [
        (("uea",), ("unequel",), UnknownNameError, "did you mean 'unequal'"),
        (("uea",), ("missing",), ConfigError, "expected a set that has missing, found none"),
        (("mine.csv",), ("missing",), UnknownNameError, "unknown archive set 'mine.csv'"),
    ],
)
def test_traits_that_choose_nothing_are_refused(datasets, traits, error, words):
    with pytest.raises(error, match=words):
        choose_data(Plan(datasets=datasets, traits=traits))


def test_traits_are_read_from_a_plan(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text('datasets = ["ucr85"]\ntraits = ["binary"]\n')

    assert read_plan(file).traits == ("binary",)
    assert read_plan(file, {"traits": ["missing"]}).traits == ("missing",)


def test_what_a_plan_costs_is_told_before_its_sets_are_here(monkeypatch, tmp_path):
    monkeypatch.delenv("TSCONV_OFFLINE")

    tasks = schedule(Plan(datasets=("uea30",), networks=("tcn",)), tmp_path).tasks

    assert len(tasks) == 30
    assert all(task.seconds > 0 for task in tasks)
    assert not list(tmp_path.iterdir())


def test_a_table_that_needs_a_label_is_told_to_be_converted_which_helps(tmp_path):
    table, converted = tmp_path / "mine.csv", tmp_path / "x.npz"
    table.write_text("kind,note,t0,t1\na,c,1,2\nb,d,3,4\n")

    with pytest.raises(FormatError, match="no --label, make a file that needs none") as told:
        schedule(Plan(datasets=(str(table),)), tmp_path / "out")
    assert f"`tsconv convert {table} x.npz --label COLUMN`" in str(told.value)
    convert(table, converted, schema=Schema(label="kind"))

    assert find_shape(str(converted)).n_classes == 2


def test_the_shape_of_a_set_that_is_not_here_is_the_catalogues(monkeypatch):
    here = find_shape("ArrowHead")
    monkeypatch.setattr("tsconv.data.archive.FINDERS", ())
    monkeypatch.delenv("TSCONV_OFFLINE")

    assert find_shape("ArrowHead") == here
    assert 100 < find_shape("GesturePebbleZ1").n_timepoints < 1000  # no length is catalogued


def test_all_sets_that_are_not_here_are_told_at_once_when_offline():
    with pytest.raises(UnknownNameError) as caught:
        make_cells(Plan(datasets=("GunPoint", "uea26")))

    assert "not here: ArticularyWordRecognition, AtrialFibrillation," in str(caught.value)
    assert "tsconv datasets fetch NAMES, or --plan PLAN.toml" in str(caught.value)


def test_two_sets_of_one_name_are_refused_and_one_set_twice_is_one(tmp_path):
    one, other = make_set(tmp_path / "a" / "Mine"), make_set(tmp_path / "b" / "Mine")

    with pytest.raises(ConfigError, match="are both called Mine"):
        make_cells(Plan(datasets=(one, other)))
    assert len(make_cells(Plan(datasets=("GunPoint", "gunpoint", "Gun_Point")))) == 1


@pytest.mark.parametrize(
    ("flags", "where"),
    [({}, r"^.*plan\.toml: unknown recipe 'fats'"), ({"recipes": ["fats"]}, "^unknown recipe")],
)
def test_an_unknown_recipe_is_told_with_the_plan_that_names_it(tmp_path, flags, where):
    plan = tmp_path / "plan.toml"
    plan.write_text("datasets = ['GunPoint']\nrecipes = ['fats']\n")

    with pytest.raises(UnknownNameError, match=where):
        read_plan(plan, flags)
