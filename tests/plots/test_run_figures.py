"""Figures of a run hold what they are given: any classes, channels, lengths, names."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from tsconv.evaluation.calibration import reliability_table
from tsconv.plots.accuracy_time import draw_accuracy_time, spread
from tsconv.plots.activation_map import draw_activation
from tsconv.plots.confusion import draw_confusion
from tsconv.plots.hardest import draw_hardest
from tsconv.plots.learning_curve import draw_learning_curve
from tsconv.plots.reliability import draw_reliability
from tsconv.plots.series import MOST_CHANNELS, Series
from tsconv.plots.size_curve import draw_size_curve
from tsconv.plots.style import SUFFIXES, shown, to_bytes

STRANGE = ["$x$ & <script>", "心电图", "a class of a very long name indeed, too long to be shown"]


def make_counts(names):
    """Every label sometimes taken for the first, the last class never predicted."""
    counts = np.diag(np.full(len(names), 5)) + np.eye(len(names), dtype=int)[0]
    counts[-1, -1] = 0
    return pd.DataFrame(counts, index=names, columns=names)


def make_series(n_channels=1, n_timepoints=40, **changes):
    values = np.random.default_rng(0).normal(size=(n_channels, n_timepoints))
    parts = {
        "name": "7",
        "values": values,
        "label": "up",
        "prediction": "down",
        "shares": {"down": 0.7, "up": 0.3},
    }
    return Series(**{**parts, **changes})


def make_history(n_epochs, **changes):
    rows = [
        {"member": m, "epoch": e, "train_loss": 2.0 ** -(e + m), "valid_loss": float("nan")}
        for m in range(3)
        for e in range(1, n_epochs + 1)
    ]
    return pd.DataFrame(rows).assign(**changes)


def picture(figure):
    return imread(io.BytesIO(to_bytes(figure, ".png")))


def overlapping_ticks(axis):
    """Neighbouring names of ticks that touch each other."""
    FigureCanvasAgg(axis.figure).draw()
    labels = [label for label in axis.get_ticklabels() if label.get_text()]
    boxes = [label.get_window_extent() for label in labels]
    return [
        (one.get_text(), other.get_text())
        for one, other, a, b in zip(labels, labels[1:], boxes, boxes[1:], strict=False)
        if a.overlaps(b)
    ]


def cut_off(figure):
    """Inches by which anything drawn reaches over the figure's edge."""
    FigureCanvasAgg(figure).draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    return max(0, -box.x0, -box.y0, box.x1 - width, box.y1 - height)


@pytest.mark.parametrize("n_classes", [2, 5, 37, 60])
def test_every_class_of_a_confusion_matrix_can_be_told(n_classes):
    figure = draw_confusion(make_counts([str(k) for k in range(n_classes)]))

    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        str(k) for k in range(n_classes)
    ]
    assert overlapping_ticks(axes.xaxis) == []
    assert overlapping_ticks(axes.yaxis) == []
    assert min(text.get_fontsize() for text in axes.get_xticklabels()) >= 8


def test_a_confusion_matrix_shows_long_and_strange_names_in_full_or_without_their_middle():
    figure = draw_confusion(make_counts(STRANGE))

    with pytest.warns(UserWarning, match="Glyph"):
        assert cut_off(figure) < 0.02
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert names[0] == r"\$x\$ & <script>"
    assert names[2].startswith("a class o")
    assert names[2].endswith("be shown")
    assert "…" in names[2]


def test_cells_tell_their_counts_in_ink_that_can_be_read_on_them():
    figure = draw_confusion(pd.DataFrame([[9, 1], [0, 0]], index=["a", "b"], columns=["a", "b"]))

    texts = {text.get_text(): text.get_color() for text in figure.axes[0].texts}
    assert set(texts) == {"9", "1"}
    assert texts["9"] != texts["1"]


@pytest.mark.parametrize("n_channels", [1, 3, MOST_CHANNELS + 20])
@pytest.mark.parametrize("n_timepoints", [1, 2, 150])
def test_series_of_any_shape_are_drawn_beside_their_probabilities_and_maps(
    n_channels, n_timepoints
):
    cases = [make_series(n_channels, n_timepoints), make_series(n_channels, max(1, n_timepoints))]
    maps = [np.linspace(-1, 1, n_timepoints), np.zeros(n_timepoints)]

    for figure in (draw_hardest(cases), draw_activation(cases, maps)):
        assert cut_off(figure) < 0.02
        assert picture(figure).std() > 0.01


def test_missing_values_and_channels_that_do_not_move_are_drawn():
    values = np.array([[np.nan] * 5, [1, np.nan, 2, 3, 4], [7] * 5])

    figure = draw_hardest([make_series(values=values)])

    assert picture(figure).std() > 0.01


def test_names_of_any_length_leave_room_for_the_figure():
    long = "a name that is much too long to stand in a title of such a figure"
    case = make_series(name=long, label=long, prediction=STRANGE[0], shares={long: 1.0})

    assert cut_off(draw_hardest([case])) < 0.02


def test_a_title_says_whether_the_prediction_is_right():
    assert make_series().title == "instance 7: label up, taken for down"
    assert make_series(prediction="up").title == "instance 7: label up, recognised"


def test_a_learning_curve_has_a_thin_line_a_member_and_one_for_their_mean():
    axes = draw_learning_curve(make_history(40)).axes[0]

    assert len(axes.lines) == 4
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "training, mean of 3 members"
    ]


def test_a_learning_curve_of_losses_of_zero_or_below_is_linear():
    assert draw_learning_curve(make_history(4, train_loss=0.0)).axes[0].get_yscale() == "linear"


def test_a_learning_curve_shows_validation_and_a_single_epoch():
    figure = draw_learning_curve(make_history(1, valid_loss=0.5))

    assert len(figure.axes[0].get_legend().get_texts()) == 2
    assert picture(figure).std() > 0.01


def test_a_learning_curve_without_any_finite_loss_is_empty_and_no_error():
    assert to_bytes(draw_learning_curve(make_history(2, train_loss=np.nan)), ".svg")


def test_a_reliability_diagram_leaves_empty_bins_out():
    y_true, proba = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])

    figure = draw_reliability(reliability_table(y_true, proba))

    top, below = figure.axes
    assert len(top.patches) == 2
    assert sum(bar.get_height() for bar in below.patches) == 3
    assert cut_off(figure) < 0.02


def test_a_size_curve_of_equal_values_is_a_level_line_with_room_around():
    table = pd.DataFrame({"size": [1, 2, 3], "mean": 1.0, "sd": 0.0})

    low, high = draw_size_curve(table).axes[0].get_ylim()

    assert low < 1 < high
    assert high - low >= 0.05


def test_no_bar_of_a_size_curve_tells_of_an_accuracy_above_one():
    table = pd.DataFrame({"size": [1, 2], "mean": [0.99, 0.995], "sd": [0.02, 0.002]})

    (bars,) = draw_size_curve(table).axes[0].collections

    ends = [segment[:, 1] for segment in bars.get_segments()]
    assert ends[0] == pytest.approx([0.97, 1.0])
    assert ends[1] == pytest.approx([0.993, 0.997])


def test_accuracy_against_time_marks_known_times_and_draws_lines_for_others():
    means = pd.Series({"ours": 0.9, "slow": 0.8, "published": 0.85, "near": 0.851})
    seconds = pd.Series({"ours": 60.0, "slow": 6000.0, "published": np.nan, "near": np.nan})

    figure = draw_accuracy_time(means, seconds, "accuracy")

    words = [text.get_text() for text in figure.axes[0].texts]
    assert sorted(words) == ["near", "ours", "published", "slow"]
    assert cut_off(figure) < 0.02


def test_heights_are_spread_downwards_until_apart():
    placed = spread(pd.Series({"a": 0.5, "b": 0.9, "c": 0.89}), 0.1)

    assert placed.round(9).to_dict() == {"b": 0.9, "c": 0.8, "a": 0.5}


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_strange_characters_are_written_in_every_format(suffix):
    assert len(to_bytes(draw_confusion(make_counts(STRANGE)), suffix)) > 1000


def test_equal_figures_are_equal_files():
    counts = make_counts(["a", "b"])

    assert to_bytes(draw_confusion(counts), ".svg") == to_bytes(draw_confusion(counts), ".svg")


def test_a_text_keeps_its_ends_when_its_middle_is_left_out():
    assert shown("abcdefghij", 5) == "ab…ij"
    assert shown("abcde", 5) == "abcde"


@pytest.mark.parametrize(("metric", "most"), [("accuracy", 1.01), ("log_loss", 1.06)])
def test_the_axis_of_a_level_size_curve_ends_where_the_metric_does(metric, most):
    table = pd.DataFrame({"size": [1, 2], "mean": [1.0, 1.0], "sd": [0.0, 0.0]})

    low, high = draw_size_curve(table, metric).axes[0].get_ylim()

    assert low < 1.0 < high < most
