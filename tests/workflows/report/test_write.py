"""Every finished run has a report, and what it cannot show it says."""

import json
import re
from html.parser import HTMLParser

import pytest
from runs_of_toys import make_table, train_toy

from tsconv.errors import ConfigError, DataError
from tsconv.workflows.compare import Terms
from tsconv.workflows.report.write import report

RUN_SECTIONS = [
    *("summary", "metrics", "learning-curve", "confusion", "classes", "reliability"),
    *("size-curve", "hardest", "cam", "repeat"),
]
STRANGE = ("<script>alert(1)</script>", "$x$ & 'y'", "心电图")


class Links(HTMLParser):
    """All that a page would fetch or lead to."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.tags = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for key, value in attrs if key in ("src", "href", "srcset", "data")]


def written(result):
    return result.report.read_text("utf-8")


def test_the_report_of_a_run_has_every_section_and_needs_nothing_else(tmp_path):
    result = report([train_toy(tmp_path)], tmp_path / "new" / "folder" / "report.html")

    assert list(result.sections) == RUN_SECTIONS
    assert result.left_out == {}
    links = Links(written(result))
    assert all(link.startswith(("#", "data:")) for link in links.found)
    assert "script" not in links.tags
    assert not re.search(r"url\((?!#)|@import", written(result))
    assert len(re.findall("<svg", written(result))) == 6


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"members": 1}, ["size-curve"]),
        ({"n_channels": 3, "unequal": True}, []),
        ({"classes": tuple(f"class {k}" for k in range(60))}, []),
        ({"classes": STRANGE}, []),
        (
            {"test": False},
            [s for s in RUN_SECTIONS if s not in ("summary", "learning-curve", "repeat")],
        ),
    ],
)
def test_unusual_runs_have_reports_too(tmp_path, changes, left_out):
    result = report([train_toy(tmp_path, **changes)], tmp_path / "report.html")

    assert list(result.left_out) == left_out
    for reason in result.left_out.values():
        assert reason in written(result)
    assert "<script" not in written(result)


def test_without_its_test_series_a_run_is_reported_on_from_its_records(tmp_path):
    run = train_toy(tmp_path)
    (tmp_path / "Toy_TEST.ts").unlink()

    result = report([run], tmp_path / "report.html")

    assert list(result.left_out) == ["cam"]
    assert "are not to be had" in written(result)


def test_a_run_without_a_test_part_is_tested_for_its_report(tmp_path):
    (tmp_path / "other").mkdir()
    run = train_toy(tmp_path, test=False)
    train_toy(tmp_path / "other")

    result = report([run], tmp_path / "r.html", data=tmp_path / "other" / "Toy_TEST.ts")

    assert list(result.sections) == RUN_SECTIONS
    assert "for this report, not when the run was trained" in written(result)


def test_the_report_of_a_table_compares_its_methods(tmp_path):
    table = make_table(tmp_path / "table.csv")

    result = report([table], tmp_path / "report.html")

    assert result.left_out == {}
    assert len(re.findall("<svg", written(result))) == 4
    assert f"tsconv compare {table}" in written(result)
    assert json.dumps(result.to_dict())


def test_a_report_on_terms_tells_probabilities_and_its_own_command(tmp_path):
    table = make_table(tmp_path / "table.csv")

    result = report([table], tmp_path / "report.html", terms=Terms(rope=0.02))

    assert f"tsconv report {table} --rope 0.02" in written(result)
    assert "differences of at most 0.02 are equal" in written(result)


def test_a_folder_that_is_no_run_is_one_of_results_as_compare_takes_it(tmp_path):
    folder = tmp_path / "benchmark"
    folder.mkdir()
    make_table(folder / "results.csv")

    result = report([folder], tmp_path / "report.html")

    assert result.left_out == {}
    assert f"tsconv report {folder}" in written(result)


def test_a_table_without_times_lacks_the_figure_of_times(tmp_path):
    (tmp_path / "wide.csv").write_text("dataset,a,b\nX,0.5,0.6\nY,0.7,0.9\n")

    result = report([tmp_path / "wide.csv"], tmp_path / "report.html")

    assert set(result.left_out) == {"time", "runs"}


@pytest.mark.parametrize(
    ("source", "out", "named", "error", "words"),
    [
        ("run", "report.pdf", {}, ConfigError, "ends in .html"),
        ("run", "report.html", {"terms": Terms(metric="auroc")}, ConfigError, "--metric auroc"),
        ("run", "report.html", {"terms": Terms(rope=0.01)}, ConfigError, "--rope 0.01"),
        ("table.csv", "report.html", {"data": "x"}, ConfigError, "takes none"),
        ("nowhere", "report.html", {}, DataError, "nowhere"),
        ("typo.csv", "report.html", {}, DataError, "typo.csv"),
        ("table.csv", "report.html", {"terms": Terms(metric="typo")}, DataError, "typo"),
    ],
)
def test_what_cannot_be_reported_on_is_told(tmp_path, source, out, named, error, words):
    make_table(tmp_path / "table.csv")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "classifier.json").touch()

    with pytest.raises(error, match=words):
        report([tmp_path / source], tmp_path / out, **named)
    assert not (tmp_path / out).exists()
