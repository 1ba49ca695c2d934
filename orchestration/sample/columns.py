"""Small vectorised helpers: ids, picks, moments and lookups over whole columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Moments = NDArray[np.datetime64]

SECONDS_A_DAY = 86_400
# An hour-of-day pattern of a shop: quiet nights, lunch and late evening.
HOUR_WEIGHTS = np.array(
    [3, 2, 1, 1, 1, 2, 3, 5, 6, 6, 7, 7, 9, 8, 6, 6, 6, 7, 8, 10, 12, 13, 11, 6], dtype=float
)


def ids(prefix: str, numbers: NDArray, width: int, where: Bools | None = None) -> pa.Array:
    """Strings such as `C0000042`; null where `where` is false.

    The characters are written into one block of bytes, ten times as fast as formatting numbers.
    Raises OverflowError for a number of more digits than `width`.
    """
    numbers = np.asarray(numbers, dtype=np.int64)
    n, start = len(numbers), len(prefix)
    most, least = (numbers.max(), numbers.min()) if n else (0, 0)
    if most >= 10**width or least < 0:
        raise OverflowError(f"ids {prefix}…: {most} or {least} is not of {width} digits")
    rest = numbers.astype(np.uint32 if most < 2**32 else np.uint64)
    text = np.empty((n, start + width), dtype=np.uint8)
    text[:, :start] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
    for place in range(start + width - 1, start - 1, -1):
        shorter = rest // 10  # faster than divmod, for numpy divides by a constant in vectors
        text[:, place] = rest - shorter * 10 + ord("0")
        rest = shorter
    offsets = np.arange(n + 1, dtype=np.int32) * (start + width)
    known = None if where is None else pa.array(np.asarray(where)).buffers()[1]
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(text), known)


def keep(values: pa.Array, where: Bools | None) -> pa.Array:
    """The values, null where `where` is false."""
    if where is None:
        return values
    return pc.if_else(pa.array(where), values, pa.scalar(None, values.type))


def take(choices: Sequence[str | None], index: NDArray, where: Bools | None = None) -> pa.Array:
    """The choice at each index, null where `where` is false."""
    mask = None if where is None else ~np.asarray(where)
    return pa.array(list(choices), pa.string()).take(pa.array(index, mask=mask))


def pick(choices: Sequence[str | None], rng: np.random.Generator, size: int) -> pa.Array:
    """Uniform draws from the choices."""
    return take(choices, rng.integers(0, len(choices), size))


def join(*parts: pa.Array | str) -> pa.Array:
    """Concatenated strings, null where one part is."""
    return pc.binary_join_element_wise(*parts, "")


def whole(values: NDArray, where: Bools | None = None) -> pa.Array:
    """Integers, null where `where` is false."""
    mask = None if where is None else ~np.asarray(where)
    return pa.array(np.asarray(values).astype(np.int64), pa.int64(), mask=mask)


def flags(values: NDArray, where: Bools | None = None) -> pa.Array:
    """Booleans, null where `where` is false."""
    mask = None if where is None else ~np.asarray(where)
    return pa.array(np.asarray(values).astype(bool), pa.bool_(), mask=mask)


def choose(rng: np.random.Generator, weights: Sequence[float] | Floats, size: int) -> Ints:
    """Indices drawn by weight (inverse of the cumulated weights)."""
    cumulated = np.cumsum(np.asarray(weights, dtype=float))
    return np.searchsorted(cumulated, rng.random(size) * cumulated[-1], side="right")


def hours(rng: np.random.Generator, size: int) -> Floats:
    """Times of day, as a fraction of a day, by the shop's hour pattern."""
    return (choose(rng, HOUR_WEIGHTS, size) + rng.random(size)) / 24


def sigmoid(x: NDArray) -> Floats:
    return 1 / (1 + np.exp(-x))


def run_lengths(counts: Ints) -> tuple[Ints, Ints]:
    """For counts per group: the group of each member, and its place in the group."""
    group = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return group, np.arange(len(group)) - starts[group]


class LastBefore:
    """Whether a group had an event in the `days` before a moment, by binary search."""

    SPAN = 1e6  # days; more than any history, so that groups never touch

    def __init__(self, group: Ints, day: Floats) -> None:
        self.keys = np.sort(group * self.SPAN + day)

    def count(self, group: Ints, day: Floats, days: float) -> Ints:
        """Events in [day - days, day)."""
        upto = np.searchsorted(self.keys, group * self.SPAN + day, side="left")
        since = np.searchsorted(self.keys, group * self.SPAN + day - days, side="left")
        return upto - since

    def any(self, group: Ints, day: Floats, days: float) -> Bools:
        return self.count(group, day, days) > 0
