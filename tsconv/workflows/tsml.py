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


def write_results(table: pd.DataFrame, folders: Sequence[Path], out: Path) -> int:
    """A results file for each finished run with a labelled test part; how many were written.

    Args:
        table: of :func:`tsconv.workflows.collect.collect`.
        folders: that it was collected from.
        out: the folder of results.
    """
    n_written = 0
    for row in table[table["accuracy"].notna()].to_dict(orient="records"):
        place = next(folder / row["run"] for folder in folders if (folder / row["run"]).is_dir())
        result = _result(RunDir(place), row)
        path = path_of(out, result.classifier, result.dataset, result.resample)
        write_bytes(path, dump_result(result).encode())
        n_written += 1
    return n_written


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


def _result(directory: RunDir, row: Mapping[Hashable, Any]) -> TsmlResult:
    run = open_run(directory)
    classes = list(run.classifier.classes)
    predictions = pd.read_csv(
        directory.predictions, dtype={"label": str, "prediction": str}, keep_default_na=False
    )
    position = {label: k for k, label in enumerate(classes)}
    seed = f"-seed-{row['seed']}" if row["seed"] else ""
    memory = row["peak_memory_mb"]
    return TsmlResult(
        dataset=row["dataset"],
        classifier=f"{row['network']}-{row['recipe']}-x{row['members']}{seed}",
        resample=int(row["resample"]),
        y_true=np.array([position[label] for label in predictions["label"]], dtype=np.int64),
        proba=predictions[predictions.columns[-len(classes) :]].to_numpy(dtype=np.float64),
        fit_milliseconds=round(1000 * row["train_seconds"]),
        predict_milliseconds=round(1000 * row["predict_seconds"]),
        memory_bytes=-1 if pd.isna(memory) else round(memory * 2**20),
        comment=f"tsconv {row['version']}",
    )
