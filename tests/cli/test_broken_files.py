"""Every format, broken in every way: the one-line error of that file, or the right answer.

`python -m pytest tests/cli/test_broken_files.py -s` shows what each is told.
"""

import io

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tsconv.cli.main import app

TINY = [
    *("--network", "tcn", "--members", "1", "--precision", "float32", "--set", "training.steps=1"),
    *("--set", "network.options.width=2", "--set", "network.options.levels=1"),
]
N, L = 8, 6
HUGE = "x" * 2**20

Rows = list[list[str]]


def ts(rows: Rows, labels: list[str]) -> bytes:
    classes = " ".join(sorted(set(labels)))
    head = f"@problemName Toy\n@univariate true\n@equalLength true\n@classLabel true {classes}\n"
    lines = [",".join(row) + f":{label}" for row, label in zip(rows, labels, strict=True)]
    return (head + "@data\n" + "\n".join(lines) + "\n").encode()


def tsv(rows: Rows, labels: list[str], separator: str = "\t") -> bytes:
    lines = [separator.join([label, *row]) for row, label in zip(rows, labels, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def txt(rows: Rows, labels: list[str]) -> bytes:
    return tsv(rows, labels, separator=",")


def arff(rows: Rows, labels: list[str]) -> bytes:
    attributes = "".join(f"@attribute t{k} numeric\n" for k in range(min(map(len, rows))))
    head = f"@relation toy\n{attributes}@attribute target {{{','.join(sorted(set(labels)))}}}\n"
    lines = [",".join([*row, label]) for row, label in zip(rows, labels, strict=True)]
    return (head + "@data\n" + "\n".join(lines) + "\n").encode()


def csv(rows: Rows, labels: list[str]) -> bytes:
    head = ",".join(["label", *(f"t{k}" for k in range(min(map(len, rows))))])
    lines = [",".join([label, *row]) for row, label in zip(rows, labels, strict=True)]
    return ("\n".join([head, *lines]) + "\n").encode()


def long_csv(rows: Rows, labels: list[str]) -> bytes:
    lines = ["id,time,value,label"]
    for k, (row, label) in enumerate(zip(rows, labels, strict=True)):
        lines += [f"{k},{time},{value},{label}" for time, value in enumerate(row)]
    return ("\n".join(lines) + "\n").encode()


def parquet(rows: Rows, labels: list[str]) -> bytes:
    table = pd.DataFrame(rows).add_prefix("t")
    for column in table:
        numbers = pd.to_numeric(table[column].replace("NaN", None), errors="coerce")
        if not (numbers.isna() & (table[column] == "abc")).any():
            table[column] = numbers.astype(float)
    table.insert(0, "label", labels)
    return table.to_parquet(index=False)


def npz(rows: Rows, labels: list[str]) -> bytes:
    file = io.BytesIO()
    even = {len(row) for row in rows} == {L} or len(rows[0]) == 1
    numeric = all(value != "abc" for row in rows for value in row)
    X = np.array([row[:L] for row in rows], dtype=float if numeric else str)
    np.savez(file, X=X, y=np.array(labels if even else labels[:-1]))
    return file.getvalue()


WRITERS = {
    "ts": ts,
    "tsv": tsv,
    "txt": txt,
    "arff": arff,
    "csv": csv,
    "long.csv": long_csv,
    "parquet": parquet,
    "npz": npz,
}


def healthy(n: int = N, length: int = L) -> tuple[Rows, list[str]]:
    numbers = np.random.default_rng(0).normal(size=(n, length)).round(3)
    return [[str(value) for value in row] for row in numbers], ["up", "down"] * (n // 2)


def truncated(name):
    content = WRITERS[name](*healthy())
    if name in ("parquet", "npz"):
        return content[: len(content) * 2 // 3]
    return content[: content.rstrip().rfind(b"," if b"," in content else b"\t")]  # in the last row


def wrong_count(name):
    rows, labels = healthy()
    rows[3] = [*rows[3], "0.5", "0.25"]
    return WRITERS[name](rows, labels)


def no_number(name):
    rows, labels = healthy()
    rows[3][2] = "abc"
    return WRITERS[name](rows, labels)


def empty(name):
    return b""


def binary(name):
    return bytes(range(256)) * 64


def huge_header(name):
    content = WRITERS[name](*healthy())
    comment = {"ts": f"# {HUGE}\n", "arff": f"% {HUGE}\n"}.get(name, f"{HUGE}\n")
    return comment.encode() + content


def one_class(name):
    rows, labels = healthy()
    return WRITERS[name](rows, ["up"] * len(labels))


def one_instance(name):
    rows, _ = healthy()
    return WRITERS[name](rows[:1], ["up"])


def length_one(name):
    return WRITERS[name](*healthy(length=1))


def all_missing(name):
    rows, labels = healthy()
    missing = "?" if name in ("ts", "arff") else "NaN"
    rows[3] = [missing] * L
    return WRITERS[name](rows, labels)


BREAKS = [
    truncated,
    wrong_count,
    no_number,
    empty,
    binary,
    huge_header,
    one_class,
    one_instance,
    length_one,
    all_missing,
]
ANSWERS = {
    # A comment may be as long as it likes.
    *(("huge_header", name) for name in ("ts", "arff")),
    *(("length_one", name) for name in WRITERS),
    # A table with more or fewer rows of one instance holds series of unequal length.
    *((kind, "long.csv") for kind in ("wrong_count",)),
    # Columns of a parquet file have one length, so its series have too.
    ("wrong_count", "parquet"),
    # Zip archives may have anything before them.
    ("huge_header", "npz"),
}


def train(path, run):
    arguments = ["train", path, *TINY, "--out", run]
    return CliRunner().invoke(app, [str(each) for each in arguments])


def told(result) -> list[str]:
    return [line for line in result.stderr.splitlines() if "error:" in line]


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("broken", BREAKS, ids=lambda each: each.__name__)
def test_a_broken_file_is_told_in_one_line_or_answered_rightly(name, broken, tmp_path):
    path = tmp_path / f"toy.{name}"
    path.write_bytes(broken(name))

    result = train(path, tmp_path / "run")

    if (broken.__name__, name) in ANSWERS:
        assert result.exit_code == 0, result.output
    else:
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        (line,) = told(result)
        assert "toy" in line
        assert len(line) < 500
        assert "Traceback" not in result.stderr
        assert not (tmp_path / "run").exists()
    shown = (told(result) or ["answered"])[0].replace(str(tmp_path) + "/", "")
    print(f"\n{broken.__name__:13s} {name:9s} {shown}")


@pytest.mark.parametrize("name", WRITERS)
def test_a_test_label_unseen_in_training_is_told_in_one_line(name, tmp_path):
    suffix = name.removeprefix("long.")
    rows, labels = healthy()
    (tmp_path / f"Toy_TRAIN.{suffix}").write_bytes(WRITERS[name](rows, labels))
    (tmp_path / f"Toy_TEST.{suffix}").write_bytes(WRITERS[name](rows, [*labels[1:], "sideways"]))

    result = train(tmp_path, tmp_path / "run")

    (line,) = told(result)
    assert result.exit_code == 2
    assert "'sideways'" in line
    assert "down, up" in line
    print(f"\nunknown_label {name:9s} {line}")
