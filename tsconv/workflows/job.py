"""What a worker process is told to do, in JSON's types: one cell of a benchmark, or one member."""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsconv.config import Config, from_dict, to_dict
from tsconv.data.format import Schema
from tsconv.workflows.cell import Cell

WORKER = (sys.executable, "-P", "-m", "tsconv.worker")
"""The program; see :mod:`tsconv.executors.executor` for what it reads and writes. Modules of the
working folder are not for it (-P): somebody's ``queue.py`` there is no part of Python."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A run that is asked for: what to train on, how, and where it goes.

    Attributes:
        data: a file, a folder with one set, or the name of an archive set.
        config: what to train and how.
        out: the run directory.
        schema: which column of a table means what, as far as it is not to be found out.
        valid: a labelled file to select weights by.
        resample: 0 for the set's own train and test parts, else the seed that draws others.
    """

    data: str
    config: Config
    out: Path
    schema: Schema
    valid: Path | None
    resample: int

    def to_dict(self) -> dict[str, Any]:
        """Nested plain values, fit for JSON."""
        return {
            "data": self.data,
            "config": to_dict(self.config),
            "out": str(self.out),
            "schema": dataclasses.asdict(self.schema),
            "valid": None if self.valid is None else str(self.valid),
            "resample": self.resample,
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Order":
        """What :meth:`to_dict` made plain, and perhaps more."""
        schema, valid = document["schema"], document["valid"]
        return cls(
            data=document["data"],
            config=from_dict(Config, document["config"]),
            out=Path(document["out"]),
            schema=Schema(**{**schema, "series": tuple(schema["series"])}),
            valid=None if valid is None else Path(valid),
            resample=document["resample"],
        )


def describe_cell(cell: Cell, folder: Path) -> dict[str, Any]:
    """What :func:`tsconv.workflows.run_cell.run_cell` needs to know."""
    order = Order(
        data=cell.data,
        config=cell.config,
        out=cell.directory(folder).path,
        schema=Schema(),
        valid=None,
        resample=cell.resample,
    )
    return order.to_dict()


def describe_member(order: Order, member: int) -> dict[str, Any]:
    """What :func:`tsconv.workflows.run_member.run_member` needs to know."""
    return {"member": member, **order.to_dict()}
