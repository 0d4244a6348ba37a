"""A comparison as text, for a terminal or a paper."""

from collections.abc import Iterable, Sequence

from tsconv.workflows.compare import Comparison

METHOD = ("method", "mean", "median", "mean rank", "wins")
PAIR = ("first", "second", "W/D/L", "difference", "95 %", "effect", "95 %", "p", "p, Holm")
SHARES = ("better", "equal", "worse")
LEAST_P = 0.0001
"""Below it a probability is written with an exponent."""
ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def typeset(comparison: Comparison, form: str) -> str:
    """Methods, pairs, Friedman's test and cliques; in CSV one table.

    Args:
        comparison: to be told.
        form: markdown; latex, which needs the package booktabs; csv, a row a method with the
            numbers of its cliques; or csv-pairs, a row a pair.
    """
    if form == "csv-pairs":
        return comparison.pairs.to_csv(index=False)
    if form == "csv":
        return comparison.summary.assign(cliques=_numbers(comparison)).to_csv()
    methods = [
        (str(name), f"{mean:.4f}", f"{median:.4f}", f"{rank:.3f}", f"{wins:.0f}")
        for name, mean, median, rank, wins in comparison.summary.itertuples()
    ]
    pairs = pair_cells(comparison)
    if form == "markdown":
        parts = [_markdown(METHOD, methods, 1), _markdown(*pairs, 2), *_sentences(comparison)]
    else:
        words = [each.translate(ESCAPES) for each in _sentences(comparison)]
        parts = [_latex(METHOD, methods, 1), _latex(*pairs, 2), *words]
    return "\n\n".join(parts) + "\n"


def pair_cells(comparison: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Headings and rows of the table of all pairs; the first two columns name methods."""
    headings = PAIR if comparison.rope is None else (*PAIR, *SHARES)
    rows = []
    for row in comparison.pairs.to_dict(orient="records"):
        rows.append(
            (
                *(row["first"], row["second"], f"{row['wins']}/{row['draws']}/{row['losses']}"),
                f"{row['difference']:+z.4f}",
                f"{row['low']:.4f} to {row['high']:.4f}",
                f"{row['effect']:+z.2f}",
                f"{row['effect_low']:.2f} to {row['effect_high']:.2f}",
                *(_probability(row[name]) for name in ("p", "p_holm")),
                *(f"{row[f'p_{name}']:.4f}" for name in headings[len(PAIR) :]),
            )
        )
    return headings, rows


def share_words(rope: float) -> str:
    """What the columns of Bayesian probabilities are."""
    return (
        "Better, equal, worse: probabilities that the first is so, by the Bayesian signed-rank "
        f"test; differences of at most {rope:g} are equal."
    )


def _sentences(comparison: Comparison) -> list[str]:
    """What the tables leave unsaid."""
    said = [
        f"{comparison.metric} over {len(comparison.scores)} sets; of a pair the first has the "
        "better mean rank. W/D/L: sets that it won, drew, lost; effect: matched-pairs "
        "rank-biserial correlation; intervals: bootstrap over sets; p: two-sided Wilcoxon "
        "signed-rank test, before and after Holm's correction."
    ]
    if comparison.rope is not None:
        said.append(share_words(comparison.rope))
    if (test := comparison.friedman) is not None:
        said.append(
            f"Friedman's test: chi-square {test.chi_square:.3f}, p {test.p_chi_square:.2g}; Iman "
            f"and Davenport's F {test.f:.3f}, p {test.p_f:.2g}."
        )
    alike = "; ".join(map(", ".join, comparison.cliques)) or "none"
    said.append(f"No significant difference (alpha {comparison.alpha:g}) within: {alike}.")
    return said


def _numbers(comparison: Comparison) -> list[str]:
    """The cliques that each method is in, counted from 1."""
    return [
        " ".join(str(k) for k, clique in enumerate(comparison.cliques, 1) if method in clique)
        for method in comparison.summary.index
    ]


def _probability(p: float) -> str:
    return f"{p:.4f}" if p >= LEAST_P else f"{p:.0e}"


def _markdown(headings: Sequence[str], rows: Iterable[Sequence[str]], n_texts: int) -> str:
    rule = [*["---"] * n_texts, *["---:"] * (len(headings) - n_texts)]
    escaped = ([cell.replace("|", r"\|") for cell in row] for row in (headings, rule, *rows))
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def _latex(headings: Sequence[str], rows: Iterable[Sequence[str]], n_texts: int) -> str:
    head, *body = [
        " & ".join(cell.translate(ESCAPES) for cell in row) + r" \\" for row in (headings, *rows)
    ]
    lines = [
        rf"\begin{{tabular}}{{{'l' * n_texts}{'r' * (len(headings) - n_texts)}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines)
