"""Save: a classifier that was fitted in memory as a run directory, which every command takes."""

from pathlib import Path

from tsconv.classifier import Classifier
from tsconv.runs.paths import RunDir
from tsconv.runs.store import save_classifier


def save(classifier: Classifier, run: str | Path, *, overwrite: bool = False) -> None:
    """Write what :func:`tsconv.fit` gave, for :func:`tsconv.load` and the command line.

    Args:
        classifier: all its members.
        run: a new folder.
        overwrite: take away the run that the folder holds.

    Raises:
        RunError: there is a run in the way, or other files, or it cannot be written.
    """
    save_classifier(RunDir(Path(run)), classifier, overwrite=overwrite)
