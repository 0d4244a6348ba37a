"""Convert: the series of one file into another format; .npz in memory that stays bounded."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsconv.data.archive import find_data
from tsconv.data.format import Schema, find_format, write_file
from tsconv.data.layouts import TEST, TRAIN
from tsconv.data.spool import spool
from tsconv.errors import ConfigError, RunError
from tsconv.workflows.predict import read_bounded


@dataclass(frozen=True, kw_only=True, slots=True)
class Converted:
    """What :func:`convert` did.

    Attributes:
        out: the file written.
        n_instances: N.
        n_channels: C.
        n_timepoints: of the longest series.
        classes: () without labels.
        seconds: of this call.
    """

    out: Path
    n_instances: int
    n_channels: int
    n_timepoints: int
    classes: tuple[str, ...]
    seconds: float


def convert_data(
    data: str | Path, out: Path, *, schema: Schema | None = None
) -> Iterator[Converted]:
    """Write what ``data`` names: a file to ``out``, the parts of a set to names made of it.

    Args:
        data: a file, a folder with one set or an archive set's name.
        out: a file; for a set, ``x.npz`` stands for ``x_TRAIN.npz`` and ``x_TEST.npz``.
        schema: as for :func:`convert`.

    Raises:
        DataError: a folder with no set or with several.
        TSConvError: as for :func:`convert`, and what :func:`tsconv.data.archive.find_data` raises.
    """
    path = Path(data).expanduser()
    if path.is_file():
        yield convert(path, out, schema=schema)
        return
    find_format(out)
    source = find_data(data)
    for part, file in ((TRAIN, source.train), (TEST, source.test)):
        if file is not None:
            yield convert(file, out.with_name(f"{out.stem}{part}{out.suffix}"), schema=schema)


def convert(source: Path, out: Path, *, schema: Schema | None = None) -> Converted:
    """Write the series of ``source`` to ``out``, in the format of its ending.

    Until they are all there they lie in a folder beside ``out``, which needs room for them twice.
    ``out`` is there when it is whole; a file of that name is replaced.

    Args:
        source: a file of any format.
        out: a file; as .npz the set can be trained on without being held in memory.
        schema: which column of a table means what, as far as it is not to be found out.

    Raises:
        FormatError: the source is not what its format says, or the other cannot hold it.
        UnknownNameError: an ending belongs to no format.
        ConfigError: both are the same file, or columns are named of a file that is no table.
        RunError: ``out`` cannot be written.
    """
    started = time.monotonic()
    find_format(out)
    if out.exists() and source.exists() and out.samefile(source):
        raise ConfigError(f"{out}: is the file to convert; give another name")
    if schema not in (None, Schema()) and source.is_file():
        find_format(source).resolve(source, schema)
    chunks = read_bounded(source, schema or Schema())
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            dataset = spool(chunks, Path(folder) / "series")
            whole = Path(folder) / out.name
            write_file(whole, dataset)
            whole.replace(out)
            return Converted(
                out=out,
                n_instances=dataset.n_instances,
                n_channels=dataset.n_channels,
                n_timepoints=dataset.n_timepoints,
                classes=dataset.classes,
                seconds=time.monotonic() - started,
            )
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"{out}: cannot be written ({reason}); is there room, and permission?"
        ) from error
