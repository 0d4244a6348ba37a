"""Runs in tsml-eval's results layout, and its results as a table."""

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tsconv.errors import RunError
from tsconv.evaluation.metrics import score
from tsconv.evaluation.tsml import TsmlResult, dump_result, load_result, path_of
from tsconv.runs.atomic import write_bytes
from tsconv.runs.paths import RunDir
from tsconv.runs.store import open_run
from tsconv.workflows.collect import find_runs, tabulate

Row = Mapping[Hashable, Any]
"""Of a table that collect makes."""


def write_results(folders: Sequence[Path], out: Path) -> int:
    """A results file for each finished run with a labelled test part; how many were written.

    Args:
        folders: with runs anywhere below them.
        out: the folder of results.

    Raises:
        RunError: two runs have the same place in the layout.
    """
    found: dict[Path, tuple[Path, Row]] = {}
    for folder in folders:
        table = tabulate((run, folder) for run in find_runs(folder))
        for row in table[table["accuracy"].notna()].to_dict(orient="records"):
            path = path_of(out, _method(row), row["dataset"], int(row["resample"]))
            run = folder / row["run"]
            if path in found:
                raise RunError(
                    f"{path}: expected the result of one run, found those of {found[path][0]} and "
                    f"{run}; collect them into folders of their own"
                )
            found[path] = run, row
    for path, (run, about) in found.items():
        write_bytes(path, dump_result(_result(RunDir(run), about)).encode())
    return len(found)


def read_results(folder: Path) -> pd.DataFrame:
    """Results below a folder as rows of the columns dataset, network, resample and the metrics.

    Raises:
        RunError: no results file is there.
        FormatError: a file is none of tsml-eval.
    """
    paths = sorted(folder.rglob("testResample*.csv"))
    if not paths:
        raise RunError(f"{folder}: expected tsml-eval's testResample*.csv below it, found none")
    rows: list[dict[str, Any]] = []
    for path in paths:
        result = load_result(path)
        rows.append(
            {
                "dataset": result.dataset,
                "network": result.classifier,
                "resample": result.resample,
                "n_test": len(result.y_true),
                **score(result.y_true, result.proba),
                "train_seconds": result.fit_milliseconds / 1000,
                "predict_seconds": result.predict_milliseconds / 1000,
            }
        )
    return pd.DataFrame(rows)


def _method(row: Row) -> str:
    seed = f"-seed-{int(row['seed'])}" if row["seed"] else ""
    return f"{row['network']}-{row['recipe']}-x{int(row['members'])}{seed}"


def _result(directory: RunDir, row: Row) -> TsmlResult:
    run = open_run(directory)
    classes = list(run.classifier.classes)
    predictions = pd.read_csv(
        directory.predictions, dtype={"label": str, "prediction": str}, keep_default_na=False
    )
    position = {label: k for k, label in enumerate(classes)}
    memory = row["peak_memory_mb"]
    return TsmlResult(
        dataset=row["dataset"],
        classifier=_method(row),
        resample=int(row["resample"]),
        y_true=np.array([position[label] for label in predictions["label"]], dtype=np.int64),
        proba=predictions[predictions.columns[-len(classes) :]].to_numpy(dtype=np.float64),
        fit_milliseconds=round(1000 * row["train_seconds"]),
        predict_milliseconds=round(1000 * row["predict_seconds"]),
        memory_bytes=-1 if pd.isna(memory) else round(memory * 2**20),
        comment=f"tsconv {row['version']}",
    )
