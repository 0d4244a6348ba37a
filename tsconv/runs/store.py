"""A classifier as a directory of JSON, CSV and tensors, and back; nothing that needs pickle.

A file is written beside its place and moved into it, a member's record after its weights, DONE
last. So a directory is at any moment a finished run, or one that the same command takes up again,
also while several processes train different members into it.
"""

import csv
import dataclasses
import hashlib
import io
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from tsconv.classifier import Classifier, Member, Preparation, restore_member
from tsconv.config import Config, from_dict, to_dict
from tsconv.data.format import Schema
from tsconv.data.preprocessing import Preprocessing
from tsconv.errors import RunError, TSConvError
from tsconv.runs import difference
from tsconv.runs.atomic import read_json, sweep, write_bytes, write_json
from tsconv.runs.environment import describe_arithmetic, describe_environment
from tsconv.runs.host import now, peak_memory_mb
from tsconv.runs.paths import RunDir
from tsconv.runs.shelf import RunShelf

FORMAT_VERSION = 1

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class DataRecord:
    """What a run was trained on.

    Attributes:
        name: of the set.
        given: how it was asked for, a name, a file or a folder; None for series in memory.
        train: fingerprint of the training part as it was read, None where it is not known.
        valid: fingerprint of a validation part given by itself, None without one.
        resample: 0 for the set's own split, else the seed that drew another.
    """

    name: str
    given: str | None = None
    train: str | None = None
    valid: str | None = None
    resample: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A run directory as far as it goes: all but the weights, which may be unfinished."""

    directory: RunDir
    classifier: Classifier  # without members
    data: DataRecord
    saved: tuple[int, ...]

    @property
    def missing(self) -> tuple[int, ...]:
        """The members that are still to be trained."""
        return tuple(k for k in range(self.classifier.config.members) if k not in self.saved)


def refuse_finished(directory: RunDir) -> None:
    """Raise RunError where there is a finished run, which nothing but an overwrite touches."""
    if directory.done.exists():
        raise RunError(f"{directory.path}: holds a finished run; overwrite it, or take another")


def refuse_foreign_files(directory: RunDir) -> None:
    """Raise RunError where a folder without a run holds other things."""
    if directory.classifier.exists():
        return
    if directory.path.exists() and not directory.path.is_dir():
        raise RunError(f"{directory.path}: expected a folder for the run, found a file")
    known = {*directory.files, directory.members}
    found = directory.path.iterdir() if directory.path.exists() else ()
    foreign = [each.name for each in found if each not in known and not each.name.startswith(".")]
    if foreign:
        raise RunError(
            f"{directory.path}: expected a new folder or a run, found {len(foreign)} other files "
            f"such as {sorted(foreign)[0]}; give another --out"
        )


def save_preparation(
    directory: RunDir,
    ensemble: Preparation | Classifier,
    data: DataRecord,
    *,
    overwrite: bool = False,
) -> Run:
    """Begin a run, or take up the one that the directory holds, which may be finished.

    Raises:
        RunError: the directory holds a run of other settings or other data, or files of another
            kind.
    """
    if overwrite:
        clear(directory)
    if directory.classifier.exists():
        run = open_run(directory)
        refuse_other_settings(run, ensemble.config, data)
        return run
    refuse_foreign_files(directory)
    write_json(directory.config, to_dict(ensemble.config))
    write_json(directory.environment, describe_environment(ensemble))
    write_json(directory.classifier, _describe_classifier(ensemble, data))
    return open_run(directory)


def save_member(directory: RunDir, member: Member, ensemble: Preparation | Classifier) -> None:
    """Add one trained member to a run that was begun."""
    state = {name: each.detach().cpu() for name, each in member.network.state_dict().items()}
    content = save({name: each.contiguous() for name, each in state.items()})
    seconds = member.history[-1].seconds if member.history else None
    record = {
        "member": member.index,
        "selected": dataclasses.asdict(member.selected),
        "seconds": seconds,
        "taken_up": member.taken_up,
        **describe_arithmetic(ensemble),
        "peak_memory_mb": peak_memory_mb(),
        "finished": now(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "history": [_finite(dataclasses.asdict(epoch)) for epoch in member.history],
    }
    write_bytes(directory.weights(member.index), content)
    write_json(directory.record(member.index), record)
    RunShelf(directory).drop(member.index)


def finish(directory: RunDir, metrics: Mapping[str, Any] | None = None) -> None:
    """Write what is known once all members are there, and DONE."""
    run = open_run(directory)
    if run.missing:
        raise RunError(f"{directory.path}: {_unfinished(run)}")
    records = [read_json(directory.record(k)) for k in run.saved]
    write_bytes(directory.history, _history_csv(record["history"] for record in records))
    if metrics is not None:
        write_json(directory.metrics, metrics)
    environment = read_json(directory.environment)
    known = {
        "finished": now(),
        "training_seconds": sum(record["seconds"] or 0.0 for record in records),
        "taken_up": sum(record.get("taken_up", 0) for record in records),
        "threads": _common(record.get("threads") for record in records),
        "peak_memory_mb": max(
            filter(None, (peak_memory_mb(), *(each.get("peak_memory_mb") for each in records))),
            default=None,
        ),
    }
    write_json(directory.environment, {**environment, **known})
    for each in (directory.failure, directory.progress):  # of tries that were killed
        each.unlink(missing_ok=True)
    drop_logs(directory)
    for folder in (directory.path, directory.members):
        sweep(folder)  # all members are there: nobody else writes
    write_bytes(directory.done, b"")


def save_classifier(
    directory: RunDir, classifier: Classifier, *, name: str = "data", overwrite: bool = False
) -> None:
    """A classifier fitted in memory as a finished run.

    Raises:
        RunError: there is a finished run in the way, or as :func:`save_preparation`.
    """
    if not overwrite:
        refuse_finished(directory)
    save_preparation(directory, classifier, DataRecord(name=name), overwrite=overwrite)
    for member in classifier.members:
        save_member(directory, member, classifier)
    finish(directory)


def load_run(directory: RunDir) -> Classifier:
    """The classifier that a finished run holds.

    Raises:
        RunError: there is no run, it is unfinished or written by a newer version, or a file in it
            is damaged; the message names the file.
    """
    run = open_run(directory)
    if run.missing:
        raise RunError(
            f"{directory.path}: {_unfinished(run)}; the command that began it takes it up again"
        )
    return with_members(run)


def with_members(run: Run) -> Classifier:
    """The classifier of all members saved so far."""
    members = tuple(load_member(run, k) for k in run.saved)
    return dataclasses.replace(run.classifier, members=members)


def load_member(run: Run, index: int) -> Member:
    """One member from its two files.

    Raises:
        RunError: one of them is damaged.
    """
    record_path = run.directory.record(index)
    record = read_json(record_path)
    weights = _load_weights(run.directory, index, record)
    try:
        return restore_member(
            run.classifier,
            index,
            weights,
            selected=record["selected"],
            history=record["history"],
        )
    except RuntimeError as error:
        path = run.directory.weights(index)
        first = str(error).partition("\n")[0]
        raise RunError(f"{path}: expected the weights of this run's network; {first}") from error
    except (KeyError, TypeError) as error:
        raise RunError(f"{record_path}: expected a member's record; {error!r}") from error


def open_run(directory: RunDir) -> Run:
    """What a directory says of its run, without reading weights.

    Raises:
        RunError: there is no run, a newer version wrote it, or a file is damaged.
    """
    if not directory.classifier.exists():
        found = "no such folder" if not directory.path.is_dir() else "no classifier.json in it"
        if directory.path.is_file():
            found = "a file; the run comes first and the data after it"
        raise RunError(f"{directory.path}: expected a run directory, found {found}")
    document = read_json(directory.classifier)
    _refuse_newer(directory, document)
    config = _parsed(directory.config, _parse_config)
    classifier, data = _parsed(directory.classifier, lambda each: _parse_classifier(each, config))
    saved = (k for k in range(config.members) if directory.record(k).exists())
    return Run(directory=directory, classifier=classifier, data=data, saved=tuple(saved))


def clear(directory: RunDir) -> None:
    """Take away the run in a directory, and no other file.

    Members before the settings that they were trained with: a run of others never takes them for
    its own, wherever this is killed.
    """
    directory.done.unlink(missing_ok=True)
    for path in directory.members.glob("*"):
        if path.suffix in (".json", ".safetensors"):
            path.unlink(missing_ok=True)
    for path in directory.files:
        path.unlink(missing_ok=True)
    drop_logs(directory)
    for folder in (directory.path, directory.members):
        sweep(folder)


def drop_logs(directory: RunDir) -> None:
    """Take away what processes said that trained members side by side."""
    for path in directory.logs.glob("worker-*.log"):
        path.unlink(missing_ok=True)
    with suppress(OSError):  # it is not there, or somebody put something into it
        directory.logs.rmdir()


def _describe_classifier(ensemble: Preparation | Classifier, data: DataRecord) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "classes": list(ensemble.classes),
        "channels": list(ensemble.channels),
        "n_channels": ensemble.preprocessing.n_channels,
        "n_classes": len(ensemble.classes),
        "preprocessing": dataclasses.asdict(ensemble.preprocessing),
        "schema": dataclasses.asdict(ensemble.schema),
        "data": dataclasses.asdict(data),
    }


def _parse_config(document: Any) -> Config:
    return from_dict(Config, document)


def _parse_classifier(document: Any, config: Config) -> tuple[Classifier, DataRecord]:
    schema = {**document["schema"], "series": tuple(document["schema"]["series"])}
    classifier = Classifier(
        members=(),
        classes=tuple(document["classes"]),
        channels=tuple(document["channels"]),
        preprocessing=Preprocessing.from_dict(document["preprocessing"]),
        config=config,
        schema=Schema(**schema),
    )
    return classifier, DataRecord(**document["data"])


def _parsed(path: Path, parse: Callable[[Any], T]) -> T:
    """The document at ``path`` as what it describes."""
    document = read_json(path)
    try:
        return parse(document)
    except KeyError as error:
        raise RunError(f"{path}: expected the entry {error}, found none") from error
    except (TypeError, AttributeError, ValueError, TSConvError) as error:
        raise RunError(f"{path}: not as this version of tsconv writes it; {error}") from error


def _load_weights(directory: RunDir, index: int, record: Any) -> dict[str, Tensor]:
    path = directory.weights(index)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror})") from error
    expected = record.get("sha256") if isinstance(record, dict) else None
    if hashlib.sha256(content).hexdigest() != expected:
        raise RunError(
            f"{path}: found {len(content)} bytes that are not those that were written; is the file "
            "cut off? take the run's copy, or delete the member's two files and train it again"
        )
    try:
        weights: dict[str, Tensor] = load(content)
    except SafetensorError as error:
        raise RunError(f"{path}: expected safetensors; {error}") from error
    return weights


def _common(values: Iterable[T]) -> T | None:
    """The value that all have, None where they differ."""
    first, *others = {*values}
    return None if others else first


def _history_csv(histories: Iterable[list[dict[str, Any]]]) -> bytes:
    epochs = [epoch for history in histories for epoch in history]
    text = io.StringIO()
    if epochs:
        writer = csv.DictWriter(text, fieldnames=list(epochs[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(epochs)
    return text.getvalue().encode()


def _finite(epoch: dict[str, Any]) -> dict[str, Any]:
    """JSON has no word for a loss that is not finite."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in epoch.items()
    }


def _unfinished(run: Run) -> str:
    missing = ", ".join(map(str, run.missing))
    return (
        f"unfinished, {len(run.saved)} of {run.classifier.config.members} members are there "
        f"(missing {missing})"
    )


def _refuse_newer(directory: RunDir, document: Any) -> None:
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise RunError(f"{directory.classifier}: expected a format_version, found {version!r}")
    if version > FORMAT_VERSION:
        raise RunError(
            f"{directory.classifier}: written by a newer tsconv (format {version}; this one reads "
            f"up to {FORMAT_VERSION}); update tsconv"
        )


def refuse_other_settings(run: Run, config: Config, data: DataRecord) -> None:
    """Raise RunError where a run has other settings or data than are asked for."""
    state = "an unfinished run" if run.missing else "a run"
    found = difference.of_settings(run.classifier.config, config) or difference.of_data(
        run.data, data
    )
    if found:
        raise RunError(
            f"{run.directory.path}: holds {state} {found}; use the same settings and data to go on "
            "with it, --overwrite to start anew, or another --out"
        )
