"""Convolution over time through the frequency domain, as products of matrices.

A convolution is a product at each frequency (Mathieu, Henaff & LeCun, "Fast training of
convolutional networks through FFTs", ICLR 2014, https://arxiv.org/abs/1312.5851). With time first
in memory the Fourier transform of all series and channels is a product with a matrix of cosines
and sines, and what follows is one small product of channels a frequency: all of it runs at the full
rate of the processor's matrix arithmetic, in bfloat16 too. Even and odd frequencies are kept apart
where time points are many: the waves of even ones repeat after half the time and those of odd ones
repeat negated, so that half as many time points are enough for each. (That is the first step of the
fast Fourier transform; with more of them the products would become too small.) For the inception
module (kernels of 40, 20 and 10, 32 channels each, 150 time points) this takes 3.7 times fewer
operations than the kernels do, forward and backward.

Long series are cut into overlapping tiles (overlap-save), so that the cost stays linear in length.
Rounding errors are relative to the largest value of a series, not of a time point's surroundings.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import torch
from torch import Tensor

from tsconv.layers.cpu import choice
from tsconv.layers.kernels import Offsets, merge, unmerge
from tsconv.layers.products import product, products

MOST_KEPT = 512
"""Outputs of a tile beyond which no tiling is cheaper for kernels of any usual size."""
LEAST_APART = 96
"""Inputs of a tile from which two transforms of half of them are quicker than one."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a series is cut: ``n`` tiles of ``size`` inputs, each giving ``kept`` outputs.

    ``before`` inputs of a tile lie before its first output. A single tile needs none: what lies
    before the series is the zeros at the tile's end, since a transform is periodic. Sizes are even;
    of those from LEAST_APART on half is odd, so that even frequencies are as many as odd ones.
    """

    n: int
    size: int
    kept: int
    before: int

    @property
    def half(self) -> int:
        """Time points after which even waves repeat."""
        return self.size // 2

    @property
    def apart(self) -> bool:
        """Whether even and odd frequencies are transformed apart."""
        return self.size >= LEAST_APART

    @property
    def taken(self) -> int:
        """Inputs of a tile that are not zero by construction, at least half of them but one."""
        return self.kept if self.n == 1 else self.size

    @property
    def seen(self) -> int:
        """Time points that are multiplied with waves on the way to the frequency domain."""
        return min(self.half, self.taken) if self.apart else self.taken

    @property
    def given(self) -> int:
        """Those that come of products on the way back; the others are differences of two."""
        return min(self.kept, self.half) if self.apart else self.kept

    @property
    def frequencies(self) -> tuple[range, ...]:
        """Of each transform: the even and the odd ones, or all."""
        every = range(self.half + 1)
        return (every[::2], every[1::2]) if self.apart else (every,)


def operations(tiling: Tiling, in_channels: int, out_channels: int) -> int:
    """Multiplications and additions of the forward pass for one series."""
    coefficients = 2 * (tiling.half + 1)
    transform = 2 * coefficients * tiling.seen * in_channels
    back = 2 * coefficients * tiling.given * out_channels
    products = 4 * coefficients * in_channels * out_channels
    return tiling.n * (transform + back + products)


@lru_cache(maxsize=256)
def choose_tiling(length: int, taps: Offsets, channels: tuple[int, int]) -> Tiling:
    """The cheapest tiling.

    Args:
        length: L.
        taps: of the kernel, less than L before or after an output.
        channels: of input and output.
    """
    before, after = max(0, -taps[0]), max(0, taps[-1])
    candidates = [Tiling(1, transformed_size(length + max(before, after)), length, before=0)]
    for kept in range(max(8, (before + after) // 2), min(length, MOST_KEPT)):
        size = transformed_size(kept + before + after)
        candidates.append(Tiling(-(-length // kept), size, kept, before))
    return min(candidates, key=lambda each: operations(each, *channels))


def transformed_size(size: int) -> int:
    """The smallest size of a transform that holds so many time points."""
    size += size % 2
    return size + 2 if size >= LEAST_APART and size % 4 == 0 else size


def pays(length: int, taps: Offsets, channels: tuple[int, int]) -> bool:
    """Whether fewer operations are needed than by the kernel itself."""
    tiling = choose_tiling(length, taps, channels)
    return operations(tiling, *channels) < 2 * length * len(taps) * math.prod(channels)


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """F frequencies that are transformed together: of each a cosine, then a sine.

    Even and odd ones apart, or all at once: T is two or one. Both matrices are kept transposed too,
    or each product would do it.

    Attributes:
        into: (T, 2F, seen), to the frequency domain.
        back: (T, given, 2F), from it.
        from_into: (T, seen, 2F), gradients of what went into it.
        to_back: (T, 2F, given), gradients of what came back.
    """

    into: Tensor
    back: Tensor
    from_into: Tensor
    to_back: Tensor


@lru_cache(maxsize=64)
def _waves(tiling: Tiling, dtype: torch.dtype) -> Waves:
    into, back = [], []
    for own in tiling.frequencies:
        frequencies = torch.tensor(own)
        wave = _wave(tiling, frequencies, torch.arange(tiling.size))
        twice = (frequencies > 0) & (frequencies < tiling.half)  # for their conjugates too
        weight = (1.0 + twice.double()).repeat_interleave(2)[:, None] / tiling.size
        into.append(wave[:, : tiling.seen])
        back.append((wave * weight).t()[: tiling.given])
    both = torch.stack(into).to(dtype), torch.stack(back).to(dtype)
    return Waves(*both, *(each.transpose(1, 2).contiguous() for each in both))


@lru_cache(maxsize=256)
def _tap_waves(tiling: Tiling, taps: Offsets, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """(2F, k) from the taps of a kernel to all frequencies, conjugate, transform by transform.

    And its transpose.
    """
    frequencies = torch.tensor([*chain(*tiling.frequencies)])
    waves = _wave(tiling, frequencies, -(torch.tensor(taps) + tiling.before)).to(dtype)
    return waves, waves.t().contiguous()


def _wave(tiling: Tiling, frequencies: Tensor, times: Tensor) -> Tensor:
    """exp(-2 pi i f t / size), of each frequency the real parts, then the imaginary ones."""
    turns = torch.outer(frequencies, times) % tiling.size
    angle = turns.double() * (-2 * math.pi / tiling.size)
    return torch.stack([angle.cos(), angle.sin()], dim=1).flatten(0, 1)


def transform_kernels(
    weights: Sequence[Tensor],
    offsets: Sequence[Offsets],
    taps: Offsets,
    tiling: Tiling,
    dtype: torch.dtype,
) -> Tensor:
    """Kernels (C', C, k) each side by side, (F, 2C, sum of the C'), real parts before imaginary."""
    merged = merge(weights, offsets, taps, dtype)
    flat = product(_tap_waves(tiling, taps, dtype)[0], merged.flatten(1))
    return flat.view(tiling.half + 1, -1, merged.shape[2])


class ByFrequencies:
    """Cross-correlation with several kernels, nothing transformed twice or kept twice.

    Args:
        offsets: of each kernel.
        taps: of the kernels merged.
        tiling: of their transform.
    """

    def __init__(self, offsets: Sequence[Offsets], taps: Offsets, tiling: Tiling) -> None:
        self.offsets, self.taps, self.tiling = offsets, taps, tiling

    def forward(
        self, x: Tensor, weights: Sequence[Tensor], out: Tensor | None = None
    ) -> tuple[Tensor, list[Tensor]]:
        kernels = transform_kernels(weights, self.offsets, self.taps, self.tiling, x.dtype)
        y, spectrum = multiply(x, kernels, self.tiling, out=out)
        return y, [spectrum, kernels]

    def backward(
        self, grad: Tensor, kept: Sequence[Tensor], weights: Sequence[Tensor], *, needs_x: bool
    ) -> tuple[Tensor | None, list[Tensor]]:
        (spectrum, kernels), tiling = kept, self.tiling
        waves = _waves(tiling, grad.dtype)
        pieces = split(part(grad, tiling), tiling.given, apart=tiling.apart)
        halves = products(waves.to_back, pieces.flatten(2))
        towards = halves if isinstance(halves, Tensor) else torch.stack(halves)
        towards = towards.view(*spectrum.shape[:2], -1)
        grad_x = None
        if needs_x:
            back = from_rows(torch.bmm(towards, kernels.transpose(1, 2)))
            back = back.view(len(pieces), -1, back.shape[1])
            halves = products(waves.from_into, back)
            grad_x = uncut(_united(halves, kernels.shape[1] // 2, tiling.taken), tiling, len(grad))
        flat = torch.bmm(spectrum.transpose(1, 2), towards).view(2 * len(kernels), -1)
        merged = product(_tap_waves(tiling, self.taps, grad.dtype)[1], flat)
        merged = merged.view(len(self.taps), -1, kernels.shape[2])
        return grad_x, unmerge(merged, weights, self.offsets, self.taps)


def multiply(
    x: Tensor,
    kernels: Tensor,
    tiling: Tiling,
    *,
    bias: Tensor | None = None,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Convolve with transformed kernels.

    Args:
        x: (L, N, C).
        kernels: of :func:`transform_kernels`.
        tiling: of their transform.
        bias: (C'), added to every output.
        out: where to put the result; its channels lie together.

    Returns:
        The result (L, N, C'), and what of x met the kernels.
    """
    waves, c = _waves(tiling, x.dtype), kernels.shape[2]
    pieces = split(cut(x, tiling), tiling.seen, apart=tiling.apart)
    spectrum = as_rows(products(waves.into, pieces.flatten(2)), x.shape[2])
    y = torch.bmm(spectrum, kernels)  # (F, 2 n N, C')
    if bias is not None:  # the first wave is constant
        y[0, : y.shape[1] // 2] += (bias / waves.back[0, 0, 0].float()).to(y.dtype)
    halves = products(waves.back, y.view(len(pieces), waves.back.shape[2], -1))
    if tiling.n == 1:
        return _united(halves, c, tiling.kept, out), spectrum
    whole = join(_united(halves, c, tiling.kept), tiling, len(x))
    return whole if out is None else out.copy_(whole), spectrum


def _united(
    halves: Tensor | list[Tensor], c: int, length: int, out: Tensor | None = None
) -> Tensor:
    return unite([each.view(len(each), -1, c) for each in halves], length, out=out)


def as_rows(halves: Tensor | list[Tensor], c: int) -> Tensor:
    """Coefficients (2F, n C) each -> (F, 2 n, 2C) of all, to be multiplied with kernels.

    A product of complex numbers is one of real matrices, [[r, -i], [i, r]] with [[r'], [i']].
    """
    if isinstance(halves, Tensor):
        halves = [halves.flatten(0, 1)]
    (f, n), n_halves = halves[0].shape, len(halves)
    rows = halves[0].new_empty(n_halves * f // 2, 2 * (n // c), 2 * c)
    for half, place in zip(halves, torch.split(rows, f // 2), strict=True):
        if choice.compiles(half):
            from tsconv.layers.cpu import fourier

            fourier.as_rows(half, place)
            continue
        real, imaginary = half.view(f // 2, 2, n // c, c).unbind(1)
        place[:, : n // c, :c] = place[:, n // c :, c:] = real
        torch.neg(imaginary, out=place[:, : n // c, c:])
        place[:, n // c :, :c] = imaginary
    return rows


def from_rows(rows: Tensor) -> Tensor:
    """The transpose of :func:`as_rows`, (2F, n C)."""
    if choice.compiles(rows):
        from tsconv.layers.cpu import fourier

        return fourier.from_rows(rows)
    f, n, c = len(rows), rows.shape[1] // 2, rows.shape[2] // 2
    coefficients = rows.new_empty(f, 2, n, c)
    torch.add(rows[:, :n, :c], rows[:, n:, c:], out=coefficients[:, 0])
    torch.sub(rows[:, n:, :c], rows[:, :n, c:], out=coefficients[:, 1])
    return coefficients.view(2 * f, -1)


def split(x: Tensor, half: int, *, apart: bool) -> Tensor:
    """What even waves see of (half to 2 half, ...) and what odd ones do, (2, half, ...).

    All of it, (1, half, ...), for waves that are not ``apart``.
    """
    if not apart:
        return x.contiguous().unsqueeze(0)
    if choice.compiles(x):
        from tsconv.layers.cpu import fourier

        return fourier.split(x, half)
    rest = len(x) - half
    pieces = x.new_empty(2, half, *x.shape[1:])
    torch.add(x[:rest], x[half:], out=pieces[0, :rest])
    torch.sub(x[:rest], x[half:], out=pieces[1, :rest])
    pieces[:, rest:] = x[rest:half]
    return pieces


def unite(halves: Sequence[Tensor], length: int, *, out: Tensor | None = None) -> Tensor:
    """The transpose of :func:`split`: ``length`` time points of what the waves sum to."""
    if len(halves) == 1:
        return halves[0] if out is None else out.copy_(halves[0])
    even, odd = halves
    x = even.new_empty(length, *even.shape[1:]) if out is None else out
    if choice.compiles(x):
        from tsconv.layers.cpu import fourier

        fourier.unite(even, odd, x)
        return x
    first = min(length, len(even))
    torch.add(even[:first], odd[:first], out=x[:first])
    torch.sub(even[: length - first], odd[: length - first], out=x[first:])
    return x


def cut(x: Tensor, tiling: Tiling) -> Tensor:
    """The tiles of a series, (L, N, C) -> (size, n N, C); a single one without its zeros."""
    if tiling.n == 1:
        return x
    _, n, c = x.shape
    whole = (tiling.n - 1) * tiling.kept + tiling.size
    after = whole - tiling.before - len(x)
    padded = torch.nn.functional.pad(x, (0, 0, 0, 0, tiling.before, after))
    row = n * c
    tiles = padded.as_strided((tiling.size, tiling.n, n, c), (row, tiling.kept * row, c, 1))
    return tiles.reshape(tiling.size, tiling.n * n, c)


def uncut(tiles: Tensor, tiling: Tiling, length: int) -> Tensor:
    """The transpose of :func:`cut`: overlapping tiles summed."""
    if tiling.n == 1:
        return tiles
    size, kept = tiling.size, tiling.kept
    tiles = tiles.view(size, tiling.n, -1, tiles.shape[-1])
    whole = tiles.new_zeros((tiling.n - 1) * kept + size, *tiles.shape[2:])
    for k in range(tiling.n):
        whole[k * kept : k * kept + size] += tiles[:, k]
    return whole[tiling.before : tiling.before + length]


def join(kept: Tensor, tiling: Tiling, length: int) -> Tensor:
    """Outputs of tiles as those of the series, (kept, n N, C') -> (L, N, C')."""
    if tiling.n == 1:
        return kept
    tiles = kept.view(tiling.kept, tiling.n, -1, kept.shape[-1]).transpose(0, 1)
    return tiles.flatten(0, 1)[:length]


def part(y: Tensor, tiling: Tiling) -> Tensor:
    """The transpose of :func:`join`."""
    if tiling.n == 1:
        return y
    y = torch.nn.functional.pad(y, (0, 0, 0, 0, 0, tiling.n * tiling.kept - len(y)))
    tiles = y.view(tiling.n, tiling.kept, -1, y.shape[-1]).transpose(0, 1)
    return tiles.flatten(1, 2)
