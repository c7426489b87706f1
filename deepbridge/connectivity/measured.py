"""Values along a polygon of points, with places by length, and how many evaluations were made."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbridge.connectivity.landscape import Landscape, Values

LARGEST = 2**28  # entries of points that are made at once on a curved geometry


@dataclass(frozen=True, eq=False)
class Sampled:
    """Values at points between the corners of a polygon.

    ts: (T,) places by length, 0 to 1. corner: (T,) numbers of the corners before. share: (T,) how far to the next.
    """

    ts: NDArray[np.float64]
    corner: NDArray[np.int64]
    share: NDArray[np.float64]
    train: Values
    test: Values | None


def sampled(landscape: Landscape, corners: Tensor, between: int, test: bool) -> Sampled:
    """Values at the corners (K, n) and at `between` points inside of every step, evenly spaced."""
    shares, corner = places(len(corners), between)
    lengths = landscape.geometry.lengths(corners).cpu().numpy()
    marks = np.concatenate([[0.0], lengths.cumsum()])
    last = np.minimum(corner + 1, len(corners) - 1)
    ts = marks[corner] + shares * (marks[last] - marks[corner])
    ts = ts / marks[-1] if marks[-1] > 0 else np.linspace(0, 1, len(ts))
    ts[0], ts[-1] = 0.0, 1.0
    train = on_polygon(landscape, corners, corner, shares, False)
    there = on_polygon(landscape, corners, corner, shares, True) if test and landscape.has_test else None
    return Sampled(ts, corner, shares, train, there)


def places(count: int, between: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Shares of the way to the next corner, and numbers of the corner before, of all points of a polygon."""
    inner = np.linspace(0, 1, between + 2)[:-1]
    corner = np.repeat(np.arange(count - 1), between + 1)
    return np.append(np.tile(inner, count - 1), 0.0), np.append(corner, count - 1)


def on_polygon(
    landscape: Landscape, corners: Tensor, corner: NDArray[np.int64], shares: NDArray[np.float64], test: bool
) -> Values:
    """Values at points between neighbouring corners; on flat space as sums of corners, which networks do faster."""
    parts = []
    for k in range(len(corners) - 1):
        here = (corner == k) | ((corner == k + 1) & (k + 2 == len(corners)))
        ts = torch.from_numpy(np.where(corner[here] == k, shares[here], 1.0))
        two = corners[k : k + 2]
        if landscape.geometry.name == "flat":
            parts.append(landscape.values(two, torch.stack([1 - ts, ts], 1), test))
            continue
        rows = max(1, LARGEST // corners.shape[1])
        parts += [
            landscape.values(landscape.geometry.between(two[0], two[1], part), None, test) for part in ts.split(rows)
        ]
    return joined(parts)


def joined(parts: list[Values]) -> Values:
    """Several values as one."""
    counts: Any = None
    if parts[0].error_counts is not None:
        counts = np.concatenate([part.error_counts for part in parts])  # type: ignore[arg-type,misc]
    return Values(np.concatenate([part.losses for part in parts]), counts, parts[0].n_patterns)
