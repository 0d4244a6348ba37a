"""Collect: the runs below a folder as one long table, a row a run."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tsconv.errors import RunError
from tsconv.evaluation.metrics import METRICS
from tsconv.evaluation.report import plain
from tsconv.runs.atomic import read_json, replacing
from tsconv.runs.paths import RunDir
from tsconv.runs.store import Run, open_run
from tsconv.workflows.ending import refuse_ending

logger = logging.getLogger(__name__)

KEYS = ("dataset", "network", "recipe", "members", "resample", "seed")
COLUMNS = (
    *KEYS,
    "selection",
    "n_test",
    *METRICS,
    "train_seconds",
    "predict_seconds",
    "steps",
    "peak_memory_mb",
    "device",
    "precision",
    "threads",
    "version",
    "commit",
    "failure",
    "run",
)
"""What is known of each run; empty where it is not."""
ENDINGS = (".csv", ".parquet")
"""Of files that hold the table."""


def collect(folders: Sequence[Path], *, out: Path | None = None) -> pd.DataFrame:
    """A row for each run below the folders, by dataset, network and so on.

    An unfinished run is a row too: its column ``failure`` says why, or that it is unfinished.

    Args:
        folders: with runs anywhere below them.
        out: a .csv or .parquet file for the table.

    Raises:
        ConfigError: ``out`` has another ending; nothing is read then.
        RunError: a folder that is not there, no run in any of them, or ``out`` cannot be written.
    """
    if out is not None:
        refuse_ending(out, ENDINGS)
    places: list[tuple[RunDir, Path]] = []
    for folder in folders:
        if not folder.is_dir():
            raise RunError(f"{folder}: expected a folder of runs, found none")
        places.extend((directory, folder) for directory in find_runs(folder))
    if not places:
        where = ", ".join(map(str, folders))
        raise RunError(f"{where}: expected runs below it, found none")
    table = tabulate(places)
    if out is not None:
        write_table(table, out)
    return table


def tabulate(places: Iterable[tuple[RunDir, Path]]) -> pd.DataFrame:
    """A row for each of these runs, each with the folder that it is told to lie in."""
    rows = [_row(directory, folder) for directory, folder in places]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.sort_values([*KEYS, "run"], kind="stable").reset_index(drop=True)


def find_runs(folder: Path) -> Iterator[RunDir]:
    """Run directories below a folder, those that failed before they began too."""
    places = {path.parent for name in _MARKS for path in folder.rglob(name)}
    yield from (RunDir(place) for place in sorted(places))


def to_records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows in JSON's types, what is empty as None."""
    records: list[dict[str, Any]] = plain(table.astype(object).to_dict(orient="records"))
    return records


def write_tables(table: pd.DataFrame, stem: Path) -> tuple[Path, ...]:
    """The table as CSV and as parquet, each whole or not there."""
    written = []
    for suffix in ENDINGS:
        path = stem.with_suffix(suffix)
        write_table(table, path)
        written.append(path)
    return tuple(written)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """The table in the format of the file's ending.

    Raises:
        ConfigError: it is none of :data:`ENDINGS`.
        RunError: the file cannot be written.
    """
    refuse_ending(path, ENDINGS)
    with replacing(path) as file:
        if path.suffix.lower() == ".parquet":
            table.to_parquet(file, index=False)
        else:
            table.to_csv(file, index=False)


_MARKS = tuple(each.name for each in (RunDir(Path()).classifier, RunDir(Path()).failure))


def _row(directory: RunDir, folder: Path) -> dict[str, Any]:
    place = directory.path.relative_to(folder).as_posix()
    row: dict[str, Any] = {**_from_place(place), "run": place}
    failure = read_json(directory.failure)["message"] if directory.failure.exists() else None
    if not directory.classifier.exists():
        return {**row, "failure": failure or "not begun"}
    try:
        run = open_run(directory)
        row |= _described(run)
        if directory.done.exists():
            row |= _measured(run)
        else:
            done = f"{len(run.saved)} of {run.classifier.config.members} members are there"
            row["failure"] = failure or f"unfinished: {done}"
    except RunError as error:
        row["failure"] = str(error)
    return row


def _from_place(place: str) -> dict[str, Any]:
    """What the folders of a benchmark's cell say of a run that says nothing itself."""
    parts = place.split("/")[-5:]
    if len(parts) < 5:
        return {}
    recipe, _, members = parts[2].rpartition("-x")
    numbers = (members, parts[3].removeprefix("resample-"), parts[4].removeprefix("seed-"))
    if not all(number.isdigit() for number in numbers):
        return {}
    return dict(zip(KEYS, (parts[0], parts[1], recipe, *map(int, numbers)), strict=True))


def _described(run: Run) -> dict[str, Any]:
    config = run.classifier.config
    environment = read_json(run.directory.environment)
    return {
        "dataset": run.data.name,
        "network": config.network.name,
        "recipe": config.recipe,
        "members": config.members,
        "resample": run.data.resample,
        "seed": config.seed,
        "device": environment.get("device"),
        "precision": environment.get("precision"),
        "threads": environment.get("threads"),
        "version": environment["versions"]["tsconv"],
        "commit": environment.get("git_commit"),
        "peak_memory_mb": environment.get("peak_memory_mb"),
    }


def _measured(run: Run) -> dict[str, Any]:
    records = [read_json(run.directory.record(k)) for k in run.saved]
    known: dict[str, Any] = {
        "selection": "+".join(sorted({record["selected"]["by"] for record in records})),
        "train_seconds": _total(record["seconds"] for record in records),
        "steps": _total(record["history"][-1]["step"] for record in records if record["history"]),
    }
    if run.directory.metrics.exists():
        report = read_json(run.directory.metrics)
        known |= {name: report["metrics"].get(name) for name in METRICS}
        known |= {"n_test": report["n_instances"], "predict_seconds": report["seconds"]}
    return known


def _total(values: Iterable[float | None]) -> float:
    return sum(value for value in values if value is not None)
