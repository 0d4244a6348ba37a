"""A comparison as text for a paper: its methods in CSV, Markdown or LaTeX."""

from collections.abc import Iterable, Sequence

from tsconv.workflows.compare import Comparison

HEADINGS = {"mean": "mean", "median": "median", "mean_rank": "mean rank", "wins": "wins"}
ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def typeset(comparison: Comparison, form: str) -> str:
    """A row a method, best rank first: mean, median, mean rank, wins.

    Args:
        comparison: to be told.
        form: csv, markdown, or latex, which needs the package booktabs.
    """
    if form == "csv":
        return comparison.summary.to_csv()
    cells = [
        (str(name), f"{mean:.4f}", f"{median:.4f}", f"{rank:.3f}", f"{wins:.0f}")
        for name, mean, median, rank, wins in comparison.summary.itertuples()
    ]
    headings = ("method", *HEADINGS.values())
    return _markdown(headings, cells) if form == "markdown" else _latex(headings, cells)


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rule = ["---", *["---:"] * (len(headings) - 1)]
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in (headings, rule, *rows))
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def _latex(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = [" & ".join(cell.translate(ESCAPES) for cell in row) + r" \\" for row in rows]
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}",
        r"\toprule",
        " & ".join(headings) + r" \\",
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"
