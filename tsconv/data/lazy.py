"""Series that stay where they are until some rows of them are asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Load = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""float32 (n, C, L) in memory, for the numbers of n rows."""


@dataclass(frozen=True, slots=True, eq=False)
class LazySeries:
    """What stands in for an array of series that memory need not hold.

    Several rows of it are taken as of the array, and are an array; all of it becomes one only by
    ``np.asarray``.

    Attributes:
        load: gives the series of some rows.
        shape: (N, C, L).
    """

    load: Load
    shape: tuple[int, ...]

    @property
    def ndim(self) -> int:
        """3, as of any series."""
        return len(self.shape)

    @property
    def dtype(self) -> "np.dtype[np.float32]":
        """float32, as of any series."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: slice | Sequence[int] | NDArray[np.int64]) -> NDArray[np.float32]:
        """The series of those rows, (n, C, L) in memory."""
        rows = range(*index.indices(len(self))) if isinstance(index, slice) else index
        return self.load(np.asarray(rows, dtype=np.int64))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def take(self, rows: NDArray[np.int64]) -> "LazySeries":
        """Those rows, in that order, still where they are."""
        return LazySeries(lambda index: self.load(rows[index]), (len(rows), *self.shape[1:]))
