"""Values along a path."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from deepbridge.connectivity.landscape import Landscape, Values
from deepbridge.connectivity.shapes import Polygon, Shape

LARGEST = 2**28  # entries of points that are made at once on a curved geometry


@dataclass(frozen=True, eq=False)
class Sampled:
    """Values at places on a path.

    ts: (T,) places, 0 to 1. corner: (T,) of polygons, numbers of the corners before. share: (T,) how far to the next.
    """

    ts: NDArray[np.float64]
    corner: NDArray[np.int64]
    share: NDArray[np.float64]
    train: Values
    test: Values | None

    @property
    def evaluations(self) -> int:
        """Number of networks that were evaluated."""
        return len(self.ts) * (2 if self.test else 1)


def sampled(landscape: Landscape, polygon: Polygon, between: int, test: bool) -> Sampled:
    """Values at the corners of a polygon and at `between` points inside of every line, evenly spaced."""
    inner, count = np.linspace(0, 1, between + 2)[:-1], len(polygon.corners) - 1
    corner, share = np.repeat(np.arange(count), between + 1), np.tile(inner, count)
    ts = polygon.marks[corner] + share * np.diff(polygon.marks)[corner]
    ts, corner, share = np.append(ts, 1.0), np.append(corner, count), np.append(share, 0.0)
    parts = {
        here: _on_lines(landscape, polygon, corner, share, here)
        for here in ((False, True) if test and landscape.has_test else (False,))
    }
    return Sampled(ts, corner, share, parts[False], parts.get(True))


def _on_lines(
    landscape: Landscape, polygon: Polygon, corner: NDArray[np.int64], share: NDArray[np.float64], test: bool
) -> Values:
    """Values at shares of the lines behind the corners; on flat space as sums of neighbouring corners."""
    if landscape.geometry.name != "flat":
        lines = [Polygon(polygon.corners[k : k + 2], polygon.geometry, by_length=False) for k in range(corner[-1])]
        inner = [share[:-1][corner[:-1] == k] for k in range(corner[-1])]
        inner[-1] = np.append(inner[-1], 1.0)
        return joined([on_shape(landscape, line, ts, test) for line, ts in zip(lines, inner, strict=True)])
    rows = np.arange(len(corner))
    mixing = np.zeros((len(corner), len(polygon.corners)))
    mixing[rows, corner] = 1 - share
    mixing[rows[:-1], corner[:-1] + 1] = share[:-1]
    return landscape.values(polygon.corners, torch.from_numpy(mixing), test)


def on_shape(landscape: Landscape, shape: Shape, ts: NDArray[np.float64], test: bool) -> Values:
    """Values at places of a shape."""
    if landscape.geometry.name == "flat":
        return landscape.values(shape.corners, shape.shares(ts), test)
    rows = max(1, LARGEST // shape.corners.shape[1])
    parts = [ts[k : k + rows] for k in range(0, len(ts), rows)]
    return joined([landscape.values(shape.points(part), None, test) for part in parts])


def at_places(landscape: Landscape, shape: Shape, points: int, test: bool = True) -> Sampled:
    """Values at evenly spaced places of a shape, on train data and, if there are any and they are wanted, test data."""
    ts = np.linspace(0, 1, points)
    unknown = np.zeros(points, np.int64), np.zeros(points)
    there = on_shape(landscape, shape, ts, True) if test and landscape.has_test else None
    return Sampled(ts, *unknown, on_shape(landscape, shape, ts, False), there)


def joined(parts: list[Values]) -> Values:
    """Several values as one."""
    counts: Any = None
    if parts[0].error_counts is not None:
        counts = np.concatenate([part.error_counts for part in parts])  # type: ignore[arg-type,misc]
    return Values(np.concatenate([part.losses for part in parts]), counts, parts[0].n_patterns)
