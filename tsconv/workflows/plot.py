"""Plot: one figure of a run or of a comparison as a file, or all of a comparison's."""

from collections.abc import Sequence
from pathlib import Path

from tsconv.errors import ConfigError, DataError, UnknownNameError
from tsconv.plots import Figure
from tsconv.plots.style import SUFFIXES, to_bytes
from tsconv.registry import did_you_mean
from tsconv.runs.atomic import write_bytes
from tsconv.workflows.compare import Comparison, Terms
from tsconv.workflows.ending import refuse_ending
from tsconv.workflows.figures import COMPARISON_FIGURES, RUN_FIGURES
from tsconv.workflows.outcome import read_outcome


def plot(
    kind: str,
    sources: Sequence[Path],
    out: Path,
    *,
    data: str | Path | None = None,
    terms: Terms | None = None,
) -> None:
    """Draw one figure.

    Args:
        kind: of :data:`RUN_FIGURES`, or of :data:`COMPARISON_FIGURES`.
        sources: a run directory, or tables of results.
        out: a .png, .svg or .pdf file.
        data: of a run: labelled series to classify now, its own test part unless given.
        terms: of a comparison, the usual ones unless given.

    Raises:
        UnknownNameError: no figure of that name.
        ConfigError: another ending, or an option that the figure does not take.
        DataError: the run or the table does not hold what the figure shows.
        TSConvError: the sources cannot be read.
    """
    refuse_ending(out, SUFFIXES)
    if kind in COMPARISON_FIGURES:
        if data is not None:
            raise ConfigError(f"--data {data}: {kind} is drawn of tables and takes none")
        figure = COMPARISON_FIGURES[kind]((terms or Terms()).compare(sources))
    else:
        figure = _draw_run(kind, sources, data, terms or Terms())
    write_bytes(out, to_bytes(figure, out.suffix.lower()))


def draw_comparison(comparison: Comparison, folder: Path) -> tuple[Path, ...]:
    """All figures of a comparison as .png and .svg in a folder, but those it cannot give."""
    written = []
    for kind, draw in COMPARISON_FIGURES.items():
        try:
            figure = draw(comparison)
        except DataError:  # such as that of accuracy against time, without times
            continue
        for suffix in (".png", ".svg"):
            path = folder / f"{kind}{suffix}"
            write_bytes(path, to_bytes(figure, suffix))
            written.append(path)
    return tuple(written)


def _draw_run(kind: str, sources: Sequence[Path], data: str | Path | None, terms: Terms) -> Figure:
    if kind not in RUN_FIGURES:
        known = (*RUN_FIGURES, *COMPARISON_FIGURES)
        hint = did_you_mean(kind, known)
        raise UnknownNameError(f"unknown figure {kind!r}{hint}; known: {', '.join(known)}")
    if len(sources) != 1:
        raise ConfigError(f"{kind} is drawn of one run, found {len(sources)}")
    terms.refuse_for_run(sources[0])
    return RUN_FIGURES[kind](read_outcome(sources[0], data))
