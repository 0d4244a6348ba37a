"""Figures of a comparison hold what they are given, whatever it is called and however much."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from tsconv.evaluation.comparison import cliques, mean_ranks, pairwise
from tsconv.plots.comparison_matrix import draw_matrix
from tsconv.plots.critical_difference import draw_critical_difference
from tsconv.plots.pairwise_scatter import draw_scatter
from tsconv.plots.style import SUFFIXES, to_bytes


def make_scores(n_methods, name="method"):
    generator = np.random.default_rng(0)
    columns = [f"{name} {k}" for k in range(n_methods)]
    values = generator.normal(0, 0.05, (20, n_methods)) + np.linspace(0.7, 0.8, n_methods)
    return pd.DataFrame(values, columns=columns)


def figures(scores):
    pairs, ranks = pairwise(scores), mean_ranks(scores)
    ordered = scores[list(ranks.index)]
    return [
        draw_critical_difference(ranks, cliques(ranks, pairs)),
        draw_matrix(pd.DataFrame({"mean": ordered.mean()}), pairs, "accuracy"),
        draw_scatter(ordered.iloc[:, 0], ordered.iloc[:, 1], "accuracy"),
    ]


def cut_texts(figure):
    """Texts that reach over the figure's edge."""
    canvas = FigureCanvasAgg(figure)  # the figure's own does not lay it out
    canvas.draw()
    width, height = canvas.get_width_height()
    boxes = [
        (text.get_text(), text.get_window_extent())
        for axes in figure.axes
        for text in [*axes.texts, axes.title, axes.xaxis.label, axes.yaxis.label]
        if text.get_text()
    ]
    return [
        words
        for words, box in boxes
        if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]


@pytest.mark.parametrize("n_methods", [2, 5, 12])
@pytest.mark.parametrize("name", ["m", "a method of a very long name $x$ [red] <script>"])
def test_no_text_is_cut_off(n_methods, name):
    for figure in figures(make_scores(n_methods, name)):
        assert cut_texts(figure) == []


def test_names_of_sets_that_lie_close_do_not_lie_on_each_other():
    sets = ["BeetleFly", "Adiac", "PhalangesOutlinesCorrect", "Wine", "Fungi"]
    first = pd.Series([0.800, 0.803, 0.806, 0.99, 1.0], index=sets, name="inception")
    second = pd.Series([0.700, 0.705, 0.710, 1.0, 0.99], index=sets, name="tcn")

    figure = draw_scatter(first, second, "accuracy")

    FigureCanvasAgg(figure).draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 4
    assert not [a for k, a in enumerate(boxes) if any(a.overlaps(b) for b in boxes[:k])]


def test_no_difference_has_no_sign_of_its_own():
    scores = pd.DataFrame({"one": [0.8, 0.6, 0.7], "other": [0.6, 0.8, 0.7 + 1e-6]})

    figure = draw_matrix(pd.DataFrame({"mean": scores.mean()}), pairwise(scores), "accuracy")

    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert sum("+0.0000" in each for each in words) == 2


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_figure_is_written_in_every_format(suffix):
    for figure in figures(make_scores(3)):
        content = to_bytes(figure, suffix)
        assert len(content) > 1000
        if suffix == ".png":
            assert imread(io.BytesIO(content)).std() > 0.01  # not blank


def test_methods_that_never_differ_are_drawn():
    scores = pd.DataFrame({"a": [0.5] * 6, "b": [0.5] * 6})

    for figure in figures(scores):
        assert to_bytes(figure, ".svg")


def test_labels_name_each_method_and_its_rank():
    scores = make_scores(4)
    figure = draw_critical_difference(mean_ranks(scores), [])

    words = " ".join(text.get_text() for text in figure.axes[0].texts)

    for name, rank in mean_ranks(scores).items():
        assert name in words
        assert f"{rank:.3f}" in words


def test_a_bar_crosses_the_lines_of_its_own_methods_alone():
    ranks = pd.Series({"a": 1.0, "b": 2.05, "c": 2.15, "d": 4.0, "e": 6.0})

    figure = draw_critical_difference(ranks, [["a", "b"], ["c", "d"], ["d", "e"]])

    bars = [line.get_xdata() for line in figure.axes[0].lines if line.get_linewidth() == 4]
    crossed = [ranks[(ranks > min(bar)) & (ranks < max(bar))].index.tolist() for bar in bars]
    assert crossed == [["a", "b"], ["c", "d"], ["d", "e"]]


def test_a_scatters_title_counts_the_sets_on_either_side():
    first, second = pd.Series([0.9, 0.8, 0.7, 0.6]), pd.Series([0.8, 0.8, 0.8, 0.5])

    figure = draw_scatter(first.rename("a"), second.rename("b"), "accuracy")

    assert figure.axes[0].get_title() == "4 sets: 2 above the line, 1 on it, 1 below"
