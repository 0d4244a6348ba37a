"""A report in headless Chromium: no complaint, no request, no blank figure, no overflow."""

import pytest
from browser import CHROMIUM, see
from runs_of_toys import make_table, train_toy

from tsconv.workflows.report.write import report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs the program chromium")
LONG = "a class whose name is so long that no phone shows it in one line, "


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Reports of a usual run, of one with many classes of long names, and of a comparison."""
    folder = tmp_path_factory.mktemp("pages")
    many = [f"{LONG * (k < 2)}class_{k}" for k in range(60)]
    (folder / "many").mkdir()
    sources = {
        "run": train_toy(folder),
        "many": train_toy(folder / "many", classes=many, n_channels=3, unequal=True),
        "comparison": make_table(folder / "table.csv"),
    }
    for name, source in sources.items():
        report([source], folder / f"{name}.html")
    return folder


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize(("name", "figures"), [("run", 6), ("many", 6), ("comparison", 4)])
def test_a_report_is_shown_whole_at_any_width_and_asks_for_nothing(pages, name, figures, width):
    seen = see(pages / f"{name}.html", width=width)

    assert seen.console == []
    assert seen.requests == []
    assert seen.width <= width
    assert len(seen.images) == figures
    for image in seen.images:
        assert min(image.shape[:2]) > 40
        assert image[..., :3].std() > 0.01
    assert "Repeat it" in seen.text


def test_the_browser_tells_of_complaints_requests_overflow_and_blank_figures(tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!DOCTYPE html><script>console.error('no good')</script><img src='missing.png'>"
        "<div style='width:2000px'>wide</div>"
        "<figure><div class='scroll'><svg width='90' height='90'></svg></div></figure>"
    )

    seen = see(bad, width=360)

    assert any("no good" in line for line in seen.console)
    assert any(request.endswith("missing.png") for request in seen.requests)
    assert seen.width >= 2000
    assert seen.images[0][..., :3].std() == 0
