"""Endings of files that commands write: what is written must be what the name says."""

from collections.abc import Sequence
from pathlib import Path

from tsconv.errors import ConfigError


def refuse_ending(out: Path, endings: Sequence[str], *, instead: str = "") -> None:
    """Raise ConfigError where a file to write has none of the endings, in whatever case.

    Args:
        out: the file.
        endings: with their dots.
        instead: what else ``--out`` may be.
    """
    if out.suffix.lower() not in endings:
        *most, last = endings
        listed = f"{', '.join(most)} or {last}" if most else last
        raise ConfigError(f"--out {out}: expected a file that ends in {listed}{instead}")
