"""Shapes of paths: polygons and Bezier curves, given by a few points of a landscape."""

import math
from abc import ABC, abstractmethod
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbridge.connectivity.geometry import Geometry


class Shape(ABC):
    """A curve from the first of its corners (K, n) to the last; places are in [0, 1]."""

    def __init__(self, corners: Tensor, geometry: Geometry):
        self.corners, self.geometry = corners, geometry

    @abstractmethod
    def shares(self, ts: NDArray[np.float64]) -> Tensor:
        """Coefficients (T, K) of the corners in the points at ts, float64, on flat space."""

    def points(self, ts: NDArray[np.float64]) -> Tensor:
        """The points at ts, (T, n)."""
        return self.geometry.onto(self.shares(ts).to(self.corners) @ self.corners)

    def length(self, ts: NDArray[np.float64]) -> float:
        """Length of the polygon through the points at ts."""
        if self.geometry.name != "flat":
            pairs = (self.points(ts[k : k + 2]) for k in range(len(ts) - 1))
            return float(sum(float(self.geometry.lengths(pair)[0]) for pair in pairs))
        moves = self.shares(ts).diff(dim=0)
        apart = (self.corners - self.corners[:1]).double()
        squares = ((moves @ (apart @ apart.T).cpu()) * moves).sum(1)
        return float(squares.clamp_min(0).sqrt().sum())


class Polygon(Shape):
    """Straight or geodesic lines from corner to corner. by_length: places are by length; else all lines count alike."""

    def __init__(self, corners: Tensor, geometry: Geometry, by_length: bool = True):
        super().__init__(corners, geometry)
        self._by_length = by_length

    @cached_property
    def marks(self) -> NDArray[np.float64]:
        """Places of the corners, (K,)."""
        count = len(self.corners) - 1
        sizes = self.geometry.lengths(self.corners).cpu().numpy() if self._by_length else np.ones(count)
        marks = np.concatenate([[0.0], sizes.cumsum()])
        return marks / marks[-1] if marks[-1] > 0 else np.linspace(0, 1, count + 1)

    def where(self, ts: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Corners before the places, and shares of the ways to the next ones."""
        corner = np.clip(np.searchsorted(self.marks, ts, side="right") - 1, 0, len(self.marks) - 2)
        sizes = np.diff(self.marks)[corner]
        away = ts - self.marks[corner]
        return corner, np.divide(away, sizes, out=np.zeros_like(away), where=sizes > 0)

    def shares(self, ts: NDArray[np.float64]) -> Tensor:
        """Two coefficients in each row."""
        corner, share = self.where(ts)
        made = np.zeros((len(ts), len(self.corners)))
        rows = np.arange(len(ts))
        made[rows, corner] = 1 - share
        made[rows, corner + 1] += share
        return torch.from_numpy(made)

    def points(self, ts: NDArray[np.float64]) -> Tensor:
        """The points at ts, on geodesics between corners."""
        corner, share = self.where(ts)
        lines = [
            self.geometry.between(self.corners[k], self.corners[k + 1], torch.tensor([s], dtype=torch.float64))
            for k, s in zip(corner, share, strict=True)
        ]
        return torch.cat(lines)


class Bezier(Shape):
    """The Bezier curve of the corners, brought onto the geometry."""

    def shares(self, ts: NDArray[np.float64]) -> Tensor:
        """Bernstein polynomials."""
        return bernstein(ts, len(self.corners))


def bernstein(ts: NDArray[np.float64], count: int) -> Tensor:
    """Bernstein polynomials (T, count) of degree count - 1."""
    degree = count - 1
    rows = [math.comb(degree, k) * ts**k * (1 - ts) ** (degree - k) for k in range(count)]
    return torch.from_numpy(np.stack(rows, 1))
