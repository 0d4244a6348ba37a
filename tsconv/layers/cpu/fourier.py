"""What lies between the products of a convolution in the frequency domain: sums and places.

The same as the functions of :mod:`tsconv.layers.frequency` that call these.
"""

from torch import Tensor

from tsconv.layers.cpu.compiled import compiled, integers, load, own_blocks, store


def split(x: Tensor, half: int) -> Tensor:
    """Sums and differences of what lies half a period apart, (T, N, C) -> (2, half, N, C)."""
    if x.stride(2) != 1:
        x = x.contiguous()
    pieces = x.new_empty(2, half, *x.shape[1:])
    _split(half, x, pieces, *_strides(x), len(x) - half, half, kind=x.dtype)
    return pieces


def unite(even: Tensor, odd: Tensor, x: Tensor) -> None:
    """The transpose of :func:`split`, into x (T, N, C), whose channels lie together."""
    half = len(even)
    _unite(min(len(x), half), x, even, odd, *_strides(x), len(x) - half, half, kind=x.dtype)


def as_rows(coefficients: Tensor, rows: Tensor) -> None:
    """(2F, n C) -> (F, 2 n, 2C), [[real, -imaginary], [imaginary, real]]."""
    f, n, c = rows.shape
    _as_rows(f, coefficients, rows, n // 2, c // 2, kind=rows.dtype)


def from_rows(rows: Tensor) -> Tensor:
    """The transpose of :func:`as_rows`."""
    f, n, c = rows.shape
    coefficients = rows.new_empty(2 * f, n * c // 4)
    _from_rows(f, coefficients, rows, n // 2, c // 2, kind=rows.dtype)
    return coefficients


def _strides(x: Tensor) -> tuple[int, int, int, int]:
    """From a time point to the next, from a series to the next, how many series and channels."""
    _, n, c = x.shape
    of_time, of_series, _ = x.stride()
    return (of_time, of_series, n, c) if of_series != c else (of_time, 0, 1, n * c)


@compiled
def _split(packed):
    x, pieces, numbers = packed[3], packed[4], integers(packed)
    of_time, of_series, n, c = numbers[5], numbers[6], numbers[7], numbers[8]
    rest, half = numbers[9], numbers[10]
    start, end = own_blocks(packed)
    for time in range(start, end):
        for series in range(n):
            here, even = time * of_time + series * of_series, (time * n + series) * c
            later, odd = here + half * of_time, even + half * n * c
            if time < rest:
                for k in range(c):
                    a, b = load(x, here + k), load(x, later + k)
                    store(pieces, even + k, a + b)
                    store(pieces, odd + k, a - b)
            else:
                for k in range(c):
                    store(pieces, even + k, load(x, here + k))
                    store(pieces, odd + k, load(x, here + k))


@compiled
def _unite(packed):
    x, even, odd, numbers = packed[3], packed[4], packed[5], integers(packed)
    of_time, of_series, n, c = numbers[6], numbers[7], numbers[8], numbers[9]
    rest, half = numbers[10], numbers[11]
    start, end = own_blocks(packed)
    for time in range(start, end):
        for series in range(n):
            here, there = time * of_time + series * of_series, (time * n + series) * c
            for k in range(c):
                store(x, here + k, load(even, there + k) + load(odd, there + k))
            if time < rest:
                later = here + half * of_time
                for k in range(c):
                    store(x, later + k, load(even, there + k) - load(odd, there + k))


@compiled
def _as_rows(packed):
    coefficients, rows, numbers = packed[3], packed[4], integers(packed)
    n, c = numbers[5], numbers[6]
    start, end = own_blocks(packed)
    for f in range(start, end):
        for k in range(n):
            real, imaginary = (2 * f * n + k) * c, ((2 * f + 1) * n + k) * c
            upper, lower = 2 * real, 2 * imaginary
            for j in range(c):
                value = load(coefficients, real + j)
                store(rows, upper + j, value)
                store(rows, lower + c + j, value)
            for j in range(c):
                value = load(coefficients, imaginary + j)
                store(rows, upper + c + j, -value)
                store(rows, lower + j, value)


@compiled
def _from_rows(packed):
    coefficients, rows, numbers = packed[3], packed[4], integers(packed)
    n, c = numbers[5], numbers[6]
    start, end = own_blocks(packed)
    for f in range(start, end):
        for k in range(n):
            real, imaginary = (2 * f * n + k) * c, ((2 * f + 1) * n + k) * c
            upper, lower = 2 * real, 2 * imaginary
            for j in range(c):
                value = load(rows, upper + j) + load(rows, lower + c + j)
                store(coefficients, real + j, value)
            for j in range(c):
                value = load(rows, lower + j) - load(rows, upper + c + j)
                store(coefficients, imaginary + j, value)
