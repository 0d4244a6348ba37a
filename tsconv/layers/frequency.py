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
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsconv.layers.kernels import Offsets
from tsconv.layers.products import product

MOST_KEPT = 512
"""Outputs of a tile beyond which no tiling is cheaper for kernels of any usual size."""
LEAST_APART = 96
"""Inputs of a tile from which two transforms of half of them are quicker than one."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a series is cut: ``n`` tiles of ``size`` inputs, each giving ``kept`` outputs.

    ``before`` inputs of a tile lie before its first output. A single tile needs none: what lies
    before the series is the zeros at the tile's end, since a transform is periodic. Sizes are even.
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
        """Inputs of a tile that are not zero by construction, at least half of them."""
        return self.kept if self.n == 1 else self.size

    @property
    def seen(self) -> int:
        """Time points that are multiplied with waves on the way to the frequency domain."""
        return self.half if self.apart else self.taken

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
    whole = length + max(before, after)
    candidates = [Tiling(n=1, size=whole + whole % 2, kept=length, before=0)]
    for kept in range(max(8, (before + after) // 2), min(length, MOST_KEPT)):
        size = kept + before + after
        candidates.append(Tiling(-(-length // kept), size + size % 2, kept, before))
    return min(candidates, key=lambda each: operations(each, *channels))


def pays(length: int, taps: Offsets, channels: tuple[int, int]) -> bool:
    """Whether fewer operations are needed than by the kernel itself."""
    tiling = choose_tiling(length, taps, channels)
    return operations(tiling, *channels) < 2 * length * len(taps) * math.prod(channels)


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """F frequencies that are transformed together: of each a cosine, then a sine.

    Attributes:
        into: (2F, seen), to the frequency domain.
        back: (given, 2F), from it.
    """

    into: Tensor
    back: Tensor


@lru_cache(maxsize=64)
def _waves(tiling: Tiling, dtype: torch.dtype) -> tuple[Waves, ...]:
    """Those of all frequencies, or of even ones and of odd ones."""

    def make(own: range) -> Waves:
        frequencies = torch.tensor(own)
        wave = _wave(tiling, frequencies, torch.arange(tiling.size))
        twice = (frequencies > 0) & (frequencies < tiling.half)  # for their conjugates too
        weight = (1.0 + twice.double()).repeat_interleave(2)[:, None] / tiling.size
        back = (wave * weight).t()[: tiling.given]
        return Waves(wave[:, : tiling.seen].to(dtype).contiguous(), back.to(dtype).contiguous())

    return tuple(make(each) for each in tiling.frequencies)


@lru_cache(maxsize=1024)
def _tap_waves(tiling: Tiling, own: Offsets, taps: Offsets, dtype: torch.dtype) -> Tensor:
    """(2F, k) from a kernel's own taps to the frequency domain, conjugate, transform by transform.

    Taps that are not among ``taps`` meet no series: their waves are zero.
    """
    frequencies = torch.tensor([*chain(*tiling.frequencies)])
    wave = _wave(tiling, frequencies, -(torch.tensor(own) + tiling.before))
    return (wave * torch.tensor([tap in taps for tap in own])).to(dtype)


def _wave(tiling: Tiling, frequencies: Tensor, times: Tensor) -> Tensor:
    """exp(-2 pi i f t / size), of each frequency the real parts, then the imaginary ones."""
    turns = torch.outer(frequencies, times) % tiling.size
    angle = turns.double() * (-2 * math.pi / tiling.size)
    return torch.stack([angle.cos(), angle.sin()], dim=1).flatten(0, 1)


def convolve(
    x: Tensor, weights: Sequence[Tensor], offsets: Sequence[Offsets], taps: Offsets
) -> Tensor:
    """Cross-correlate x with several kernels, zeros beyond both ends.

    Args:
        x: (L, N, C), contiguous.
        weights: (C', C, k) each; computed in float32 or wider and rounded once to x's type.
        offsets: of each kernel.
        taps: of the kernels merged.

    Returns:
        (L, N, sum of the C').
    """
    result: Tensor = _Convolve.apply(x, offsets, taps, *weights)  # type: ignore[no-untyped-call]
    return result


def transform_kernels(
    weights: Sequence[Tensor],
    offsets: Sequence[Offsets],
    taps: Offsets,
    tiling: Tiling,
    dtype: torch.dtype,
) -> tuple[Tensor, ...]:
    """Kernels (C', C, k) each as one, side by side, (F, sum of the C', 2C) in ``dtype``.

    Of each frequency and output the real parts, then the imaginary ones; one tensor for what is
    transformed together.
    """
    sizes, channels = [len(weight) for weight in weights], weights[0].shape[1]
    wide = weights[0].new_empty(tiling.half + 1, sum(sizes), 2, channels, dtype=dtype)
    places = torch.split(wide, sizes, dim=1)
    for weight, own, place in zip(weights, offsets, places, strict=True):
        waves = _tap_waves(tiling, own, taps, weight.dtype)
        flat = product(waves, weight.flatten(0, 1).t())
        place.copy_(flat.view(-1, 2, len(weight), channels).transpose(1, 2))
    return torch.split(wide.flatten(2), [len(each) for each in tiling.frequencies])


def _from_kernels(
    grads: Sequence[Tensor],
    weights: Sequence[Tensor],
    offsets: Sequence[Offsets],
    taps: Offsets,
    tiling: Tiling,
) -> list[Tensor]:
    """The transpose of :func:`transform_kernels`: gradients of the kernels from those it gave."""
    dtype = weights[0].dtype
    joined = torch.cat(tuple(grads))  # (F, sum of the C', 2C)
    parts = joined.view(*joined.shape[:2], 2, -1).transpose(1, 2)  # real, imaginary
    rows = parts.flatten(0, 1).to(dtype)  # (2F, sum of the C', C)
    places = torch.split(rows, [len(weight) for weight in weights], dim=1)
    result = []
    for weight, own, place in zip(weights, offsets, places, strict=True):
        flat = product(_tap_waves(tiling, own, taps, dtype).t(), place.flatten(1))  # (k, C' C)
        result.append(flat.t().reshape(weight.shape))
    return result


def multiply(
    x: Tensor,
    kernels: Sequence[Tensor],
    tiling: Tiling,
    *,
    bias: Tensor | None = None,
    out: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Convolve with transformed kernels.

    Args:
        x: (L, N, C).
        kernels: of :func:`transform_kernels`.
        tiling: of their transform.
        bias: (C'), added to every output.
        out: where to put the result, any strides.

    Returns:
        The result (L, N, C'), and what of x met each of the kernels.
    """
    halves: list[Tensor] = []
    spectra: list[Tensor] = []
    parts = split(cut(x, tiling), tiling.seen, apart=tiling.apart)
    for part, waves, kernel in zip(parts, _waves(tiling, x.dtype), kernels, strict=True):
        spectrum = _as_rows(product(waves.into, part.flatten(1)), part.shape[2])
        y = torch.bmm(spectrum, kernel.transpose(1, 2))  # (F, 2 n N, C')
        if bias is not None and not spectra:  # the first wave is constant
            y[0, : part.shape[1]] += (bias / waves.back[0, 0].float()).to(y.dtype)
        flat = y.view(waves.back.shape[1], -1)
        halves.append(product(waves.back, flat).view(-1, part.shape[1], kernel.shape[1]))
        spectra.append(spectrum)
    if tiling.n == 1:
        return unite(halves, tiling.kept, out=out), spectra
    joined = join(unite(halves, tiling.kept), tiling, len(x))
    return joined if out is None else out.copy_(joined), spectra


class _Convolve(torch.autograd.Function):
    """Forward and backward written out, so that nothing is transformed twice or kept twice."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, offsets: Sequence[Offsets], taps: Offsets, *weights: Tensor
    ) -> Tensor:
        tiling = choose_tiling(len(x), taps, (x.shape[2], sum(len(each) for each in weights)))
        with torch.autocast("cpu", enabled=False):
            kernels = transform_kernels(weights, offsets, taps, tiling, x.dtype)
            y, spectra = multiply(x, kernels, tiling)
        ctx.save_for_backward(*spectra, *kernels, *weights)
        ctx.tiling, ctx.offsets, ctx.taps, ctx.length = tiling, offsets, taps, len(x)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        saved, tiling = ctx.saved_tensors, ctx.tiling
        waves = _waves(tiling, saved[0].dtype)
        spectra, kernels = saved[: len(waves)], saved[len(waves) : 2 * len(waves)]
        weights = saved[2 * len(waves) :]
        with torch.autocast("cpu", enabled=False):
            parts = split(part(grad, tiling), tiling.given, apart=tiling.apart)
            towards = [
                product(wave.back.t(), each.flatten(1)).view(len(kernel), -1, each.shape[2])
                for wave, kernel, each in zip(waves, kernels, parts, strict=True)
            ]
            grad_x = None
            if ctx.needs_input_grad[0]:
                halves = [
                    product(wave.into.t(), _from_rows(torch.bmm(each, kernel)))
                    for wave, kernel, each in zip(waves, kernels, towards, strict=True)
                ]
                tiles = unite(halves, tiling.taken)
                tiles = tiles.view(tiling.taken, -1, kernels[0].shape[2] // 2)
                grad_x = uncut(tiles, tiling, ctx.length)
            grads = [
                torch.bmm(each.transpose(1, 2), spectrum)
                for spectrum, each in zip(spectra, towards, strict=True)
            ]
            to_weights = _from_kernels(grads, weights, ctx.offsets, ctx.taps, tiling)
        return grad_x, None, None, *to_weights


def _as_rows(coefficients: Tensor, c: int) -> Tensor:
    """(2F, n N C) -> (F, 2 n N, 2C), what is multiplied with [real, imaginary parts] of a kernel.

    A product of complex numbers is one of real matrices, [[r, -i], [i, r]] with [[r'], [i']].
    """
    real, imaginary = coefficients.view(-1, 2, coefficients.shape[1] // c, c).unbind(1)
    f, n, _ = real.shape
    rows = real.new_empty(f, 2 * n, 2 * c)
    rows[:, :n, :c] = rows[:, n:, c:] = real
    torch.neg(imaginary, out=rows[:, :n, c:])
    rows[:, n:, :c] = imaginary
    return rows


def _from_rows(rows: Tensor) -> Tensor:
    """The transpose of :func:`_as_rows`."""
    f, n, c = len(rows), rows.shape[1] // 2, rows.shape[2] // 2
    coefficients = rows.new_empty(f, 2, n, c)
    torch.add(rows[:, :n, :c], rows[:, n:, c:], out=coefficients[:, 0])
    torch.sub(rows[:, n:, :c], rows[:, :n, c:], out=coefficients[:, 1])
    return coefficients.view(2 * f, -1)


def split(x: Tensor, half: int, *, apart: bool) -> tuple[Tensor, ...]:
    """What even waves see of (half to 2 half, ...) and what odd ones do, (half, ...) each.

    All of it for waves that are not ``apart``.
    """
    if not apart:
        return (x,)
    rest = len(x) - half
    even, odd = x.new_empty(2, half, *x.shape[1:])
    torch.add(x[:rest], x[half:], out=even[:rest])
    torch.sub(x[:rest], x[half:], out=odd[:rest])
    even[rest:] = odd[rest:] = x[rest:half]
    return even, odd


def unite(halves: Sequence[Tensor], length: int, *, out: Tensor | None = None) -> Tensor:
    """The transpose of :func:`split`: ``length`` time points of what the waves sum to."""
    if len(halves) == 1:
        return halves[0] if out is None else out.copy_(halves[0])
    even, odd = halves
    first = min(length, len(even))
    x = even.new_empty(length, *even.shape[1:]) if out is None else out
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
