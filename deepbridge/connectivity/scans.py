"""Values at many points of a line or plane, in chunks that can be written down, with an estimate of the time."""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.summary import Summary
from deepbridge.common.checkpoints import part
from deepbridge.connectivity.landscape import Landscape, Values
from deepbridge.connectivity.run import Job
from deepbridge.log import logger

WORK = (
    2**37
)  # parameters times patterns times points of a chunk: seconds for perceptrons, minutes for deep convolutions
FEWEST, MOST = 8, 256  # points of a chunk
SMALL, LARGE = 4, 24  # points of the two measurements of time; more than corners, whose first layers are run once
QUICK = 1.0  # seconds for SMALL points below which LARGE ones are measured, too
WORTH = 2.0  # seconds of the whole above which they are told


@dataclass(frozen=True, eq=False, repr=False)
class SurfaceCost(Summary):
    """What a surface takes (`surface_cost`).

    Attributes
    ----------
    points : int
        Number of points.
    seconds : float
        Time for all of them, from the time for a few.
    memory : int
        Bytes of its directions and results. Landscapes of networks keep the data, and while points are evaluated
        outputs of layers for parts of the data, besides.
    """

    points: int
    seconds: float
    memory: int

    _shown = ("points", "seconds", "memory")


class Scan(Job):
    """A scan in progress; one unit of work is a chunk of points.

    corners: (1 + K, n). shares: (T, 1 + K), the points are their sums. test: whether test data are evaluated, too.
    table: (4, T) float64, train losses, train error counts, test losses, test errors; NaN where there are none.
    """

    word = "surface"

    def __init__(self, landscape: Landscape, corners: Tensor, shares: Tensor, test: bool):
        self._landscape, self._corners, self._shares = landscape, corners, shares
        self._test = test and landscape.has_test
        self._bounds = bounds(len(shares), chunk_of(landscape))
        self._done = 0
        self._seconds: dict[int, float] = {}
        self.table = torch.full((4, len(shares)), torch.nan, dtype=torch.float64, device="cpu")

    @property
    def epochs(self) -> int:
        """Number of chunks."""
        return len(self._bounds) - 1

    @property
    def done(self) -> int:
        """Chunks that are over."""
        return self._done

    @property
    def finished(self) -> bool:
        """Whether all chunks are over."""
        return self._done == self.epochs

    @property
    def evaluations(self) -> int:
        """Networks that are evaluated in all, on train or test data."""
        return len(self._shares) * (2 if self._test else 1)

    def epoch(self) -> None:
        """Evaluate a chunk; after the first ones, tell how long all will take."""
        here = slice(self._bounds[self._done], self._bounds[self._done + 1])
        began = time.perf_counter()
        self.table[:, here] = evaluated(self._landscape, self._corners, self._shares[here], self._test)
        self._seconds[self._done] = time.perf_counter() - began
        self._done += 1
        if self._done == 3 == len(self._seconds):
            self._tell(np.diff(self._bounds).tolist())

    def _tell(self, sizes: list[int]) -> None:
        """The time for all, from the second and third chunk, if there are small ones; the first one warms up."""
        if not len(sizes) > 3 or not sizes[2] > sizes[1]:
            return
        fixed, each = fitted(sizes[1], self._seconds[1], sizes[2], self._seconds[2])
        seconds = fixed * len(sizes) + each * len(self._shares)
        if seconds > WORTH:
            logger.info("surface of %d points: about %.0f s in all", len(self._shares), seconds)

    def begun(self) -> list[Tensor]:
        """Corners and shares; with test data also what they give at the first point, since no identity names them."""
        there = [evaluated(self._landscape, self._corners, self._shares[:1], True)[2:]] if self._test else []
        return [self._corners, self._shares, *there]

    def state(self) -> dict[str, Any]:
        """Chunks that are over, and all values."""
        return {"done": self._done, "table": self.table}

    def restore(self, state: dict[str, Any]) -> None:
        """The inverse of `state`; raises KeyError, TypeError or ValueError if it does not fit."""
        done, table = part(state, "done", int), part(state, "table", Tensor).cpu()
        if not 0 <= done <= self.epochs or table.shape != self.table.shape or table.dtype != self.table.dtype:
            raise ValueError(f"{done} chunks, values of shape {tuple(table.shape)}")
        self._done, self.table = done, table.clone()

    def column(self, row: int) -> NDArray[np.float64] | None:
        """A row of the table; None if nothing is known, as without labels or test data."""
        known: NDArray[np.float64] = self.table[row].numpy().copy()
        return known if row == 0 or (row == 2 and self._test) or not np.isnan(known).any() else None


def evaluated(landscape: Landscape, corners: Tensor, shares: Tensor, test: bool) -> Tensor:
    """Columns of a table (4, T) for some points."""
    train, nothing = landscape.values(corners, shares, False), np.full(len(shares), np.nan)
    there = landscape.values(corners, shares, True) if test else Values(nothing)
    counts = nothing if train.error_counts is None else train.error_counts
    errors = nothing if there.errors is None else there.errors
    return torch.from_numpy(np.stack([train.losses, counts, there.losses, errors]))


def chunk_of(landscape: Landscape) -> int:
    """Points of a chunk; it does not depend on the machine, so that numbers do not."""
    return int(np.clip(WORK // (landscape.n_patterns * landscape.size), FEWEST, MOST))


def bounds(count: int, chunk: int) -> NDArray[np.int64]:
    """First points of all chunks, and the end; the first ones of many are small, for the estimate of time."""
    first = (SMALL, SMALL, min(LARGE, chunk))
    sizes = list(first) if count >= sum(first) + SMALL else []
    rest = np.arange(count - sum(sizes))
    sizes += [len(one) for one in np.array_split(rest, -(-len(rest) // chunk))]
    return np.concatenate([[0], np.cumsum(sizes)])


def fitted(few: int, seconds_of_few: float, many: int, seconds_of_many: float) -> tuple[float, float]:
    """Seconds of a chunk, whatever its size, and of each of its points, from two chunks; neither is negative."""
    slope = (seconds_of_many - seconds_of_few) / (many - few)
    each = min(max(slope, 0.0), seconds_of_many / many)
    return seconds_of_many - many * each, each


def cost(landscape: Landscape, corners: Tensor, shares: Tensor, test: bool) -> SurfaceCost:
    """Time and memory of a scan, by evaluating 8 of its points or more."""
    with_test = test and landscape.has_test

    def seconds(count: int) -> float:
        began = time.perf_counter()
        evaluated(landscape, corners, shares[torch.arange(count) % len(shares)], with_test)
        return time.perf_counter() - began

    first = seconds(SMALL)
    few, many = (seconds(SMALL), LARGE) if first < QUICK else (first, 2 * SMALL)
    fixed, each = fitted(SMALL, few, many, seconds(many))
    chunks = len(bounds(len(shares), chunk_of(landscape))) - 1
    memory = corners.numel() * (8 + corners.element_size()) + 4 * 8 * len(shares) + shares.nbytes
    return SurfaceCost(len(shares), fixed * chunks + each * len(shares), memory)
