import sys

import pytest

from tsconv.errors import UnknownNameError
from tsconv.registry import Registry, did_you_mean


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of two files that register their stems, and count how often they are imported."""
    folder = tmp_path / "shapes_for_test"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        "from tsconv.registry import Registry\nSHAPES = Registry('shape', __name__)\n"
    )
    for stem in ("circle", "square"):
        (folder / f"{stem}.py").write_text(
            f"from shapes_for_test import SHAPES\nSHAPES.register('{stem}')('a {stem}')\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    yield folder.name
    for name in [each for each in sys.modules if each.startswith(folder.name)]:
        del sys.modules[name]


@pytest.fixture
def shapes(package):
    import importlib

    return importlib.import_module(package).SHAPES


def test_names_are_those_of_the_files_sorted(shapes):
    assert shapes.names() == ("circle", "square")


def test_get_imports_only_the_file_of_that_name(shapes, package):
    found = shapes.get("square")

    assert found == "a square"
    assert f"{package}.square" in sys.modules
    assert f"{package}.circle" not in sys.modules


def test_unknown_name_lists_what_exists_and_guesses(shapes):
    with pytest.raises(UnknownNameError) as caught:
        shapes.get("Squre")

    expected = "unknown shape 'Squre', did you mean 'square'; known: circle, square"
    assert str(caught.value) == expected


def test_unknown_name_far_from_all_is_not_guessed(shapes):
    with pytest.raises(UnknownNameError, match="unknown shape 'zzz'; known"):
        shapes.get("zzz")


def test_name_is_given_once(shapes):
    shapes.get("circle")

    with pytest.raises(ValueError, match="shape 'circle' is registered twice"):
        shapes.register("circle")(object())


def test_register_gives_back_what_it_decorates_and_works_from_outside(shapes):
    @shapes.register("star")
    class Star:
        pass

    assert shapes.get("star") is Star
    assert shapes.names() == ("circle", "square", "star")


def test_registries_do_not_share_names(shapes, package):
    other = Registry("other", package)

    shapes.register("star")(1)

    with pytest.raises(UnknownNameError):
        other.get("star")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gunpont", ", did you mean 'GunPoint'"), ("coffee", ""), ("", ""), ("ECG200", "")],
)
def test_guess_is_made_without_regard_to_case(name, hint):
    assert did_you_mean(name, ["GunPoint", "ECG200"]) == hint
