r"""Weka's ARFF: attributes, then an instance a line, the nominal class last.

One channel: a numeric attribute a time point. More: one relational attribute whose quoted value
holds a channel a line, the line ends written as ``\n``. Missing values are ``?``; those that reach
the end of a series in every channel are padding, as in the archives.
https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path

import numpy as np

from tsconv.data.dataset import TimeSeriesDataset
from tsconv.data.format import FORMATS, Schema, without_columns
from tsconv.data.series_text import (
    BOM,
    SeriesText,
    check_labels,
    check_padding,
    check_values,
    excerpt,
    format_series,
    read_texts,
)
from tsconv.data.series_values import as_dataset, parse_chunks, trim_padding
from tsconv.errors import FormatError

QUOTED = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
ATTRIBUTE = re.compile(rf"@attribute\s+({QUOTED}|[^\s'\"]\S*)\s+(.*)", re.IGNORECASE)
NUMERIC = re.compile(rb"(?:@attribute [\w.+-]++ (?:numeric|real)\r?\n)++", re.IGNORECASE)
"""Most lines of most headers."""
NOMINAL = re.compile(rf"\s*({QUOTED}|[^\s,'\"][^,'\"]*?)\s*(?:,|$)")
LAST_QUOTED = re.compile(rf"\s*({QUOTED})\s*".encode())
LABEL = re.compile(r"(?!\?$)[^\r\n]+")
(BRACE,) = b"{"
QUOTES = b"'\""
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What the attributes of an ARFF file declare.

    Attributes:
        n_values: numeric attributes, time points of a series.
        is_relational: whether the series are quoted channels.
        has_labels: whether a nominal or string attribute follows them.
        classes: the labels of a nominal one, sorted.
    """

    n_values: int
    is_relational: bool
    has_labels: bool
    classes: tuple[str, ...] | None


def unquote(text: str) -> str:
    """A name or label without its quotes and escapes."""
    if text[:1] not in ("'", '"'):
        return text
    return re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), text[1:-1])


def read_header(path: Path, file: BufferedReader) -> tuple[Header, int]:
    """Read ``file`` up to @data; the header, and the number of the line after it.

    Raises:
        FormatError: no @data, a line that is no declaration, or attributes that are no series.
    """
    kinds: list[str] = []
    line_no = 0
    while raw := file.readline():
        line_no += 1
        line = raw.removeprefix(BOM).strip()
        if not line or line.startswith(b"%"):
            continue
        word = line.split(None, 1)[0].lower()
        if word == b"@data":
            return make_header(path, line_no, kinds), line_no + 1
        if word == b"@attribute":
            kinds.append(attribute_kind(path, line_no, line))
            if found := NUMERIC.match(file.peek()):
                n_lines = file.read(found.end()).count(b"\n")
                kinds += ["numeric"] * n_lines
                line_no += n_lines
        elif word == b"@end":
            kinds.append("end")
        elif word != b"@relation":
            raise FormatError(
                f"{path}:{line_no}: expected @relation, @attribute, @end, @data or a comment (%), "
                f"found {excerpt(line)}"
            )
    place = f"{path}:{max(1, line_no)}"
    raise FormatError(f"{place}: expected @data and series after it, found the file's end")


def attribute_kind(path: Path, line_no: int, line: bytes) -> str:
    """The type of one attribute: 'numeric', 'relational', 'string' or '{label,label}'."""
    try:
        found = ATTRIBUTE.fullmatch(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}:{line_no}: expected UTF-8; save the file as UTF-8") from error
    kind = found[2].strip() if found else ""
    if kind.startswith("{") and kind.endswith("}"):
        return kind
    name = kind.split()[0].lower() if kind else ""
    if name in ("numeric", "real", "integer"):
        return "numeric"
    if name in ("relational", "string"):
        return name
    raise FormatError(
        f"{path}:{line_no}: expected '@attribute name type' of type numeric, real, integer, "
        f"relational, string or {{label,label}}, found {excerpt(line)}"
    )


def make_header(path: Path, line_no: int, kinds: list[str]) -> Header:
    """What the attributes mean together: a series, then perhaps a class."""
    last = kinds[-1] if kinds else ""
    has_labels = last == "string" or last.startswith("{")
    series = kinds[:-1] if has_labels else kinds
    is_relational = series[:1] == ["relational"] and series[-1] == "end"
    values = series[1:-1] if is_relational else series
    if not values or set(values) != {"numeric"}:
        raise FormatError(
            f"{path}:{line_no}: expected numeric attributes, or one relational attribute of them, "
            f"and a nominal class as the last attribute; found {len(kinds)} attributes otherwise"
        )
    classes = None
    if last.startswith("{"):
        labels, position = set(), 0
        inner = last[1:-1].strip()
        while position < len(inner):
            found = NOMINAL.match(inner, position)
            if not found:
                raise FormatError(
                    f"{path}:{line_no}: expected class labels apart by ',' and quoted where they "
                    f"hold one, found {excerpt(inner[position:].encode())}"
                )
            labels.add(unquote(found[1]))
            position = found.end()
        classes = tuple(sorted(labels))
    return Header(
        n_values=len(values),
        is_relational=is_relational,
        has_labels=has_labels,
        classes=classes,
    )


def split_label(text: SeriesText, row: int, line: bytes) -> tuple[bytes, bytes]:
    """A row's series, and its label, which stands in quotes, without them."""
    quote, start = line[-1:], len(line) - 1
    while (start := line.rfind(quote, 0, start)) > 0:
        before = line[:start].rstrip()
        if before.endswith(b",") and LAST_QUOTED.fullmatch(line, start):
            return before[:-1], unquote(line[start:].decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            )
    raise text.error(row, f"expected ',' and a label at the end, found {excerpt(line[-40:])}")


def split_channels(text: SeriesText, row: int, series: bytes) -> bytes:
    r"""A relational value, quoted and with \n between channels, as channels apart by ':'."""
    series = series.strip()
    if len(series) < 2 or series[:1] not in (b"'", b'"') or series[:1] != series[-1:]:
        raise text.error(row, f"expected a quoted series, found {excerpt(series)}")
    first, *rest = series[1:-1].strip().removesuffix(b"\\n").split(b"\\")  # a byte is found sooner
    channels = [part[1:] if part.startswith(b"n") else b"\\" + part for part in rest]
    return b":".join([first, *channels])


def split_texts(texts: Iterable[SeriesText], header: Header) -> Iterator[SeriesText]:
    """The same instances with labels cut off and channels apart by ':'."""
    for text in texts:
        for row, start in enumerate(text.starts):
            if text.block[start] == BRACE:
                raise text.error(
                    row, "found sparse data ({index value, ...}); expected every value"
                )
        split = split_labels(text) if header.has_labels else text
        if header.is_relational:
            lines = [split_channels(text, row, line) for row, line in enumerate(split.lines)]
            yield split.with_lines(lines)
        else:
            yield split.without_padding(b",?")


def split_labels(text: SeriesText) -> SeriesText:
    """The same instances with labels cut off."""
    block, spans = text.block, list(zip(text.starts, text.stops, strict=True))
    ends = [max(block.rfind(b",", start, stop), start - 1) for start, stop in spans]
    labels = [block[end + 1 : stop].strip() for end, stop in zip(ends, text.stops, strict=True)]
    if not {block[stop - 1] for stop in text.stops}.isdisjoint(QUOTES):
        for row, (start, stop) in enumerate(spans):
            if block[stop - 1] in QUOTES:
                series, labels[row] = split_label(text, row, block[start:stop])
                ends[row] = start + len(series)
    return replace(text, stops=ends, labels=labels)


class ArffFormat:
    """Reads and writes Weka's ARFF."""

    suffixes: tuple[str, ...] = (".arff",)
    summary: str = "Weka: any channels, '?' pads short series"

    def resolve(self, path: Path, schema: Schema) -> Schema:
        """``schema`` as it is: the file says all itself."""
        return without_columns(path, schema, "the header says what is the label")

    def read_chunks(
        self, path: Path, schema: Schema, chunk_size: int | None
    ) -> Iterator[TimeSeriesDataset]:
        """Datasets of at most ``chunk_size`` instances; classes are those the header declares."""
        with path.open("rb") as file:
            header, line_no = read_header(path, file)
            texts = split_texts(read_texts(path, file, line_no, comments=b"%"), header)
            n_channels = None if header.is_relational else 1
            found = False
            for chunk in parse_chunks(texts, n_channels, chunk_size):
                found = True
                widths = chunk.widths
                for row in np.flatnonzero(widths != header.n_values)[:1]:
                    raise chunk.error(
                        row,
                        f"expected {header.n_values} values a channel, one an attribute, found "
                        f"{widths[row]}",
                    )
                X, lengths = trim_padding(chunk.arranged(), chunk.lengths)
                yield as_dataset(chunk, X, lengths, header.classes)
            if not found:
                raise FormatError(f"{path}: expected series after @data, found none")

    def write(self, path: Path, dataset: TimeSeriesDataset) -> None:
        """Write ``dataset``; without labels there is no class attribute.

        Raises:
            FormatError: a missing last value, infinite values, or a label that holds a line end.
        """
        check_values(path, dataset)
        check_padding(path, dataset)
        labels = dataset.labels
        if labels is not None:
            check_labels(path, dataset.classes, LABEL, "line ends, no text or a lone '?'")
        quoted = {label: quote(label) for label in dataset.classes}
        width = int(dataset.lengths.max())
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(header_text(dataset, list(quoted.values())))
            for row, channels in enumerate(format_series(dataset)):
                padded = [",".join(words + ["?"] * (width - len(words))) for words in channels]
                line = padded[0] if len(padded) == 1 else "'" + "\\n".join(padded) + "'"
                file.write(f"{line}\n" if labels is None else f"{line},{quoted[labels[row]]}\n")


def quote(label: str) -> str:
    """A label as ARFF writes it: in quotes where it holds more than letters and digits."""
    if re.fullmatch(r"[\w.+-]+", label, re.ASCII):
        return label
    return "'" + re.sub(r"(['\\])", r"\\\1", label) + "'"


def header_text(dataset: TimeSeriesDataset, labels: list[str]) -> str:
    """The header of an ARFF file."""
    values = [f"@attribute t{k + 1} numeric" for k in range(int(dataset.lengths.max()))]
    if dataset.n_channels > 1:
        values = ["@attribute series relational", *values, "@end series"]
    label = [] if dataset.y is None else ["@attribute class {" + ",".join(labels) + "}"]
    relation = re.sub(r"[^\w.+-]", "_", dataset.name, flags=re.ASCII) or "data"
    return "\n".join([f"@relation {relation}", *values, *label, "@data", ""])


FORMATS.register("arff")(ArffFormat())
