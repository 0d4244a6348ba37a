"""Every figure by its name, as a file of any kind that can be drawn."""

import pytest
from runs_of_toys import make_table, train_toy

from tsconv.errors import ConfigError, DataError, UnknownNameError
from tsconv.plots.style import SUFFIXES
from tsconv.workflows.compare import Terms, compare
from tsconv.workflows.figures import COMPARISON_FIGURES, RUN_FIGURES
from tsconv.workflows.plot import draw_comparison, plot

BEGINNINGS = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    return {"run": train_toy(folder), "table": make_table(folder / "table.csv")}


@pytest.mark.parametrize("kind", [*RUN_FIGURES, *COMPARISON_FIGURES])
def test_every_figure_is_drawn(sources, tmp_path, kind):
    source = sources["run" if kind in RUN_FIGURES else "table"]

    plot(kind, [source], tmp_path / "new" / "figure.png")

    assert (tmp_path / "new" / "figure.png").stat().st_size > 3000


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_figure_is_of_the_kind_that_its_name_says(sources, tmp_path, suffix):
    out = tmp_path / f"figure{suffix.upper()}"

    plot("confusion", [sources["run"]], out)

    assert out.read_bytes().startswith(BEGINNINGS[suffix])


@pytest.mark.parametrize(
    ("kind", "source", "out", "named", "error", "words"),
    [
        ("confusoin", "run", "f.png", {}, UnknownNameError, "confusion"),
        ("confusion", "run", "f.gif", {}, ConfigError, "ends in .*svg"),
        ("confusion", "table", "f.png", {}, Exception, "table.csv"),
        ("cd", "run", "f.png", {}, DataError, "run"),
        ("cd", "table", "f.png", {"data": "x"}, ConfigError, "takes none"),
        (
            "confusion",
            "run",
            "f.png",
            {"terms": Terms(alpha=7)},
            ConfigError,
            "--alpha 7: compares",
        ),
        (
            "cam",
            "run",
            "f.png",
            {"terms": Terms(datasets=("y",))},
            ConfigError,
            "--datasets y: comp",
        ),
        (
            "hardest",
            "run",
            "f.png",
            {"terms": Terms(metric="z")},
            ConfigError,
            "--metric z: compares",
        ),
    ],
)
def test_what_cannot_be_drawn_is_told(sources, tmp_path, kind, source, out, named, error, words):
    with pytest.raises(error, match=words):
        plot(kind, [sources[source]], tmp_path / out, **named)
    assert not (tmp_path / out).exists()


def test_a_comparison_is_drawn_with_accuracy_against_time(sources, tmp_path):
    written = draw_comparison(compare([sources["table"]]), tmp_path)

    names = [f"{kind}{suffix}" for kind in COMPARISON_FIGURES for suffix in (".png", ".svg")]
    assert [path.name for path in written] == names
