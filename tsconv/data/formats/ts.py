"""The .ts format of sktime, aeon and the UEA archive: a header of @tags, then an instance a line.

Values are apart by ``,``, channels by ``:``, and the label stands after the last ``:``. Series may
have different lengths. https://www.sktime.net/en/stable/api_reference/file_specifications/ts.html
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import FORMATS, Schema, without_columns
from tsconv.data.series_text import (
    BOM,
    SeriesText,
    check_labels,
    check_values,
    excerpt,
    format_series,
    read_texts,
)
from tsconv.data.series_values import SeriesValues, as_dataset, parse_chunks
from tsconv.errors import FormatError

PAIR = rb"\([^()]*,\s*([^(),]*)\)"  # (time, value); times may hold : and , but values do not
PAIRS = re.compile(rb"(?:" + PAIR + rb"\s*[,:]?\s*)+")
NO_LABEL = "expected ':' and a label at the end, found none"
LABEL = re.compile(r"(?!\?$)[^\s:](?:[^:\n]*[^\s:])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What the tags of a .ts file declare; None where they are silent."""

    n_channels: int | None = None
    length: int | None = None
    equal_length: bool | None = None
    has_labels: bool | None = None
    classes: tuple[str, ...] | None = None
    has_times: bool | None = None


class Tags:
    """The header's tags, lower case, each with its line and words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, tuple[int, list[bytes]]] = {}

    def flag(self, name: str) -> bool | None:
        """A tag that is true or false, or None where it is absent."""
        if name not in self.entries:
            return None
        line_no, words = self.entries[name]
        word = words[0].lower() if words else b"nothing"
        if word not in (b"true", b"false"):
            raise FormatError(
                f"{self.path}:{line_no}: @{name}: expected true or false, found {excerpt(word)}"
            )
        return word == b"true"

    def count(self, name: str) -> int | None:
        """A tag that is a number from 1, or None where it is absent."""
        if name not in self.entries:
            return None
        line_no, words = self.entries[name]
        if not words or not words[0].isdigit() or int(words[0][:18]) < 1:
            found = excerpt(b" ".join(words)) if words else "nothing"
            raise FormatError(
                f"{self.path}:{line_no}: @{name}: expected a whole number from 1, found {found}"
            )
        return int(words[0][:18])

    def classes(self) -> tuple[str, ...] | None:
        """The labels that @classLabel declares, sorted, or None."""
        line_no, words = self.entries.get("classlabel", (0, []))
        try:
            return tuple(sorted({word.decode("utf-8") for word in words[1:]})) or None
        except UnicodeDecodeError as error:
            raise FormatError(
                f"{self.path}:{line_no}: expected class labels in UTF-8; save the file as UTF-8"
            ) from error


def read_header(path: Path, lines: Iterable[bytes]) -> tuple[Header, int]:
    """Take ``lines`` up to @data; the header, and the number of the line after it.

    Raises:
        FormatError: no @data, a line that is neither tag nor comment, a tag with a bad value, or
            a regression set.
    """
    tags = Tags(path)
    line_no = 1
    for line_no, raw in enumerate(lines, 1):
        line = raw.removeprefix(BOM).strip()
        if not line or line[:1] in b"#%":
            continue
        if not line.startswith(b"@"):
            raise FormatError(
                f"{path}:{line_no}: expected a header line that starts with '@' or '#', and @data "
                f"before the series, found {excerpt(line)}"
            )
        tag, *words = line[1:].split() or [b""]
        if tag.lower() == b"data":
            return make_header(path, tags), line_no + 1
        tags.entries[tag.lower().decode("utf-8", errors="replace")] = (line_no, words)
    raise FormatError(f"{path}:{line_no}: expected @data and series after it, found the file's end")


def make_header(path: Path, tags: Tags) -> Header:
    """What the tags mean together."""
    if tags.flag("targetlabel"):
        raise FormatError(
            f"{path}:{tags.entries['targetlabel'][0]}: found a regression set (@targetLabel); "
            "expected class labels (@classLabel true, then the labels)"
        )
    dimensions = tags.count("dimensions") or tags.count("dimension")
    has_labels = tags.flag("classlabel")
    equal_length = tags.flag("equallength")
    return Header(
        n_channels=1 if tags.flag("univariate") else dimensions,
        length=None if equal_length is False else tags.count("serieslength"),
        equal_length=equal_length,
        has_labels=has_labels,
        classes=tags.classes() if has_labels else None,
        has_times=tags.flag("timestamps"),
    )


def drop_times(text: SeriesText, row: int, line: bytes) -> tuple[bytes, bytes | None]:
    """A line of (time, value) pairs as plain values, and what follows them: the label, if any."""
    pairs = PAIRS.match(line)
    if not pairs:
        raise text.error(row, f"expected (time,value) pairs, found {excerpt(line)}")
    series, rest = pairs.group().rstrip(), line[pairs.end() :]
    if rest and not series.endswith(b":"):
        raise text.error(row, f"expected ':' and a label after the pairs, found {excerpt(rest)}")
    has_label = series.endswith(b":")
    return re.sub(PAIR, rb"\1", series.removesuffix(b":")), rest if has_label else None


def split_times(text: SeriesText, has_labels: bool) -> SeriesText:
    """The same instances with labels cut off and times dropped."""
    pairs = [drop_times(text, row, line) for row, line in enumerate(text.lines)]
    labels = [label for _, label in pairs]
    if has_labels and None in labels:
        raise text.error(labels.index(None), NO_LABEL)
    known = [label or b"" for label in labels] if has_labels else None
    return replace(text.with_lines([series for series, _ in pairs]), labels=known)


def split_labels(text: SeriesText) -> SeriesText:
    """The same instances with labels cut off."""
    block = text.block
    spans = zip(text.starts, text.stops, strict=True)
    colons = [block.rfind(b":", start, stop) for start, stop in spans]
    if -1 in colons:
        raise text.error(colons.index(-1), NO_LABEL)
    ends = zip(colons, text.stops, strict=True)
    labels = [block[colon + 1 : stop].strip() for colon, stop in ends]
    return replace(text, stops=colons, labels=labels)


def split_texts(texts: Iterable[SeriesText], header: Header) -> Iterator[SeriesText]:
    """The same instances with labels cut off and times dropped."""
    has_labels = header.has_labels
    for text in texts:
        if has_labels is None:
            has_labels = guess_has_labels(header, text.lines[0])
        if header.has_times or b"(" in {text.block[start : start + 1] for start in text.starts}:
            yield split_times(text, has_labels)
        else:
            yield split_labels(text) if has_labels else text


def guess_has_labels(header: Header, line: bytes) -> bool:
    """Whether the first instance ends in a label, where @classLabel does not say."""
    if line.startswith(b"("):
        pairs = PAIRS.match(line)
        return pairs is not None and pairs.end() < len(line)
    return b":" in line and line.count(b":") + 1 != header.n_channels


def check_lengths(chunk: SeriesValues, expected: int | None) -> None:
    """Raise FormatError at the first series that is not as long as the header says."""
    if expected is None:
        return
    for row in np.flatnonzero(chunk.lengths != expected)[:1]:
        raise chunk.error(
            row,
            f"expected {expected} values a channel as the header says, found {chunk.lengths[row]}; "
            "if series differ in length, write '@equalLength false'",
        )


class TsFormat:
    """Reads and writes .ts files."""

    suffixes: tuple[str, ...] = (".ts",)
    summary: str = "sktime, aeon and UEA archive: any channels, any lengths, missing values"

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` as it is: the file says all itself."""
        return without_columns(path, schema, "the header says what is the label")

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """Datasets of at most ``chunk_size`` instances; classes are those the header declares."""
        with path.open("rb") as file:
            header, line_no = read_header(path, file)
            texts = split_texts(read_texts(path, file, line_no, comments=b"#%"), header)
            length, found = header.length, False
            for chunk in parse_chunks(texts, header.n_channels, chunk_size):
                found = True
                if header.equal_length and length is None:
                    length = int(chunk.lengths[0])
                check_lengths(chunk, length)
                yield as_dataset(chunk, chunk.arranged(), chunk.lengths, header.classes)
            if not found:
                raise FormatError(f"{path}: expected series after @data, found none")

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """Write ``dataset``.

        Raises:
            FormatError: infinite values, or a label that holds a ':' or cannot be told from none.
        """
        check_values(path, dataset)
        labels = dataset.labels
        if labels is not None:
            check_labels(path, dataset.classes, LABEL, "':', line ends, outer spaces or a lone '?'")
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(header_text(dataset))
            for row, channels in enumerate(format_series(dataset)):
                line = ":".join(",".join(words) for words in channels)
                file.write(f"{line}\n" if labels is None else f"{line}:{labels[row]}\n")


def header_text(dataset: TimeSeriesDataset) -> str:
    """The header of a .ts file; labels with spaces in them cannot be declared, only used."""
    univariate = dataset.n_channels == 1
    equal = bool((dataset.lengths == dataset.lengths[0]).all())
    declared = [] if any(re.search(r"\s", each) for each in dataset.classes) else dataset.classes
    labelled = dataset.y is not None
    lines = [
        f"@problemName {re.sub(r'[^!-~]', '_', dataset.name) or 'data'}",
        "@timeStamps false",
        f"@missing {str(bool(dataset.missing().any())).lower()}",
        f"@univariate {str(univariate).lower()}",
        *([] if univariate else [f"@dimensions {dataset.n_channels}"]),
        f"@equalLength {str(equal).lower()}",
        *([f"@seriesLength {dataset.lengths[0]}"] if equal else []),
        " ".join(["@classLabel true", *declared]) if labelled else "@classLabel false",
        "@data",
    ]
    return "\n".join(lines) + "\n"


FORMATS.register("ts")(TsFormat())
