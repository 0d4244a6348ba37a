import subprocess
import sys

import pytest

import tsconv

NAMES = [
    "Classifier",
    "ConvClassifier",
    "InceptionTimeClassifier",
    "TCNClassifier",
    "TimeSeriesDataset",
    "fit",
    "load",
    "load_config",
    "read",
    "save",
]


def test_the_package_names_its_public_api_and_no_more():
    assert sorted(tsconv.__all__) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert name in dir(tsconv)
    assert callable(getattr(tsconv, name))
    assert getattr(tsconv, name).__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tsconv.no_such_name


def test_importing_tsconv_loads_nothing_slow():
    program = (
        "import sys, tsconv; print(*{'torch', 'sktime', 'pandas', 'sklearn'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.split() == []
