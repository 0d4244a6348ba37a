import os
from pathlib import Path

import pytest

from tsconv.data.catalogue import (
    ARCHIVES,
    TRAITS,
    find_entries,
    find_entry,
    groups,
    read_catalogue,
    select,
)
from tsconv.data.layouts import PREFERENCE, DataSource, find_set, find_test_part
from tsconv.data.verify import differences
from tsconv.errors import UnknownNameError


def test_the_catalogue_holds_both_archives_whole():
    assert {name: len(groups()[name]) for name in ARCHIVES} == {"ucr": 128, "uea": 30}


@pytest.mark.parametrize(
    ("group", "size"),
    [("ucr85", 85), ("ucr112", 112), ("ucr128", 128), ("uea26", 26), ("uea30", 30)],
)
def test_the_usual_lists_of_sets_are_groups(group, size):
    assert len(set(groups()[group])) == size


def test_sets_of_ucr112_and_uea26_have_equal_lengths_and_no_gaps():
    for entry in find_entries(["ucr112", "uea26"]):
        assert not {"unequal", "missing"} & set(entry.traits), entry.name
        assert entry.n_timepoints is not None


def test_no_spelling_belongs_to_two_sets():
    spellings = [each.lower() for entry in read_catalogue() for each in entry.spellings]

    assert len(spellings) == len(set(spellings))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gunpoint", "GunPoint"),
        ("Gun_Point", "GunPoint"),
        ("50words", "FiftyWords"),
        ("SonyAIBORobotSurface", "SonyAIBORobotSurface1"),
        ("NonInvasiveFatalECG_Thorax2", "NonInvasiveFetalECGThorax2"),
        ("Phoneme", "Phoneme"),
        ("phonemespectra", "PhonemeSpectra"),
    ],
)
def test_a_set_is_found_by_older_names_and_in_any_case(name, meant):
    assert find_entry(name).name == meant


def test_sizes_are_those_of_the_archives():
    gunpoint, vowels = find_entry("GunPoint"), find_entry("JapaneseVowels")

    assert (gunpoint.n_train, gunpoint.n_test, gunpoint.n_timepoints) == (50, 150, 150)
    assert gunpoint.traits == ("univariate", "binary")
    assert (vowels.n_train, vowels.n_test, vowels.n_channels, vowels.n_classes) == (270, 370, 12, 9)
    assert vowels.traits == ("unequal", "multivariate")


def test_names_and_groups_give_each_set_once():
    entries = find_entries(["Coffee", "missing", "DodgerLoopDay", "coffee"])

    assert [entry.name for entry in entries] == [
        "Coffee",
        "DodgerLoopDay",
        "DodgerLoopGame",
        "DodgerLoopWeekend",
        "MelbournePedestrian",
    ]


def test_unknown_names_are_guessed():
    with pytest.raises(UnknownNameError, match="did you mean 'Coffee'"):
        find_entries(["Cofee"])
    with pytest.raises(UnknownNameError, match="did you mean 'unequal'"):
        select(read_catalogue(), traits=["unequel"])
    with pytest.raises(UnknownNameError, match="unknown archive 'ucl', did you mean 'ucr'"):
        select(read_catalogue(), archive="ucl")


def test_traits_must_all_hold():
    chosen = select(read_catalogue(), archive="uea", traits=["unequal", "multivariate"])

    assert len(chosen) == 4
    assert chosen == select(read_catalogue(), archive="uea", traits=["Unequal,multivariate"])
    assert select(read_catalogue(), traits=["missing", "multivariate"]) == ()
    assert all(trait in TRAITS for entry in read_catalogue() for trait in entry.traits)


def test_a_trait_may_be_asked_to_be_lacking():
    whole = select(find_entries(["ucr128"]), traits=["no-missing", "no-unequal"])

    assert {entry.name for entry in whole} >= set(groups()["ucr112"])
    assert not any({"missing", "unequal"} & set(entry.traits) for entry in whole)
    with pytest.raises(UnknownNameError, match="unknown trait 'missin', did you mean 'missing'"):
        select(whole, traits=["no-missin"])


def test_every_set_at_hand_is_as_catalogued_in_every_format():
    folder = os.environ.get("TSCONV_DATA")
    if not folder:
        pytest.skip("TSCONV_DATA names no folder of archive sets")
    sources = {entry: find_set(entry.name, [Path(folder)]) for entry in read_catalogue()}
    found = {entry: source for entry, source in sources.items() if source is not None}
    assert found

    for entry, source in found.items():
        for suffix in PREFERENCE:
            train = source.train.with_suffix(suffix)
            if train.is_file():
                same = DataSource(name=entry.name, train=train, test=find_test_part(train))
                assert differences(entry, same) == [], train
