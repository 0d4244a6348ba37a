"""Report: a run, or tables of results compared, as one HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsconv.errors import ConfigError
from tsconv.runs.atomic import write_bytes
from tsconv.runs.paths import RunDir
from tsconv.workflows.compare import Terms
from tsconv.workflows.ending import refuse_ending
from tsconv.workflows.report.comparison_report import comparison_report
from tsconv.workflows.report.page import Page, render
from tsconv.workflows.report.run_report import run_report


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """What :func:`report` did.

    Attributes:
        report: the file.
        sections: names of those that are there.
        left_out: by name of the others, why.
    """

    report: Path
    sections: tuple[str, ...]
    left_out: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, fit for JSON."""
        return {
            "report": str(self.report),
            "sections": list(self.sections),
            "left_out": self.left_out,
        }


def report(
    sources: Sequence[Path],
    out: Path,
    *,
    data: str | Path | None = None,
    terms: Terms | None = None,
) -> Reported:
    """Write a page.

    Args:
        sources: a finished run directory, or tables and folders of results as compare takes them.
        out: an .html file.
        data: of a run: labelled series to classify now, its own test part unless given.
        terms: of tables: how they are compared.

    Raises:
        ConfigError: ``out`` has another ending, or an option is not for what is reported on.
        RunError: no finished run, or the file cannot be written.
        TSConvError: what is reported on cannot be read.
    """
    refuse_ending(out, (".html", ".htm"))
    page = build_page(sources, data, terms or Terms())
    write_bytes(out, render(page).encode())
    return Reported(
        report=out,
        sections=tuple(each.name for each in page.sections if not each.left_out),
        left_out={each.name: each.left_out for each in page.sections if each.left_out},
    )


def build_page(sources: Sequence[Path], data: str | Path | None, terms: Terms) -> Page:
    """The page about whatever the sources are: one run, or tables."""
    if not any(RunDir(source).classifier.exists() for source in sources):
        if data is not None:
            raise ConfigError(f"--data {data}: a report on tables takes none; leave it out")
        return comparison_report(sources, terms)
    if len(sources) > 1:
        listed = ", ".join(map(str, sources))
        raise ConfigError(
            f"{listed}: expected one run directory, or tables; to compare runs, make a table of "
            "them by tsconv collect"
        )
    terms.refuse_for_run(sources[0])
    return run_report(sources[0], data)
