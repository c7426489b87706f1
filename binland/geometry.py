"""The plane through three points of weight space: coordinates and grids."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from binland.checks import positive
from binland.errors import InvalidInputError

FLAT = 1e-6  # a triangle of float32 numbers with a smaller ratio of height to side counts as a line


class Grid(NamedTuple):
    """A grid of evenly spaced points in the plane through three points of a space of n weights.

    origin: (n,), the first point. axes: (2, n), orthonormal directions. corners: (3, 2), coordinates of the three
    points. x, y: (points,), coordinates of columns and rows. All are float64.
    """

    origin: NDArray[np.float64]
    axes: NDArray[np.float64]
    corners: NDArray[np.float64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]

    def at(self, x: float, y: float) -> NDArray[np.float64]:
        """The point (n,) with given coordinates; bit for bit the same with every linear-algebra library."""
        return self.origin + x * self.axes[0] + y * self.axes[1]


def grid(three: Sequence[NDArray[np.floating]], points: int, margin: float) -> Grid:
    """A grid of points x points in the plane through three points (n,) (paper, section 4.2).

    The first is the origin, the second lies on the x axis, the third has y > 0. margin: how far the grid extends beyond
    them, as a fraction of their extent. Raises InvalidInputError if they lie on one line or the margin is negative.
    """
    beyond = positive("margin", margin, zero=True)
    origin, second, third = (point.astype(np.float64) for point in three)
    corners, axes = gram_schmidt(second - origin, third - origin)
    low, high = corners.min(axis=0), corners.max(axis=0)
    pad = beyond * (high - low)
    x, y = (np.linspace(low[k] - pad[k], high[k] + pad[k], points) for k in (0, 1))
    return Grid(origin, axes, corners, x, y)


def gram_schmidt(
    second: NDArray[np.float64], third: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners (3, 2) and orthonormal axes (2, n) of the plane spanned by two vectors from the first corner.

    Raises InvalidInputError if the three corners lie on one line.
    """
    length = float(np.linalg.norm(second))
    e1 = second / length if length > 0 else second
    along = float(third @ e1)
    rest = third - along * e1
    height = float(np.linalg.norm(rest))
    if length == 0 or height <= FLAT * np.linalg.norm(third):
        raise InvalidInputError("the three solutions lie on one line and span no plane; take three different ones")
    return np.array([[0.0, 0.0], [length, 0.0], [along, height]]), np.stack([e1, rest / height])


def places_on_line(points: int, beyond: float) -> NDArray[np.float64]:
    """`points` evenly spaced numbers from 0 to 1, both included, and more in the same steps on either side."""
    more = steps_beyond(points, beyond)
    return np.arange(-more, points + more) / (points - 1)


def steps_beyond(points: int, beyond: float) -> int:
    """Number of whole steps that fit into the fraction `beyond` of a line with so many points."""
    return math.floor(beyond * (points - 1) + 1e-9)


def barycentric(corners: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Barycentric coordinates (T, 3) of places with respect to the corners; each row adds up to 1."""
    frame = (corners[1:] - corners[0]).T
    shares = np.linalg.solve(frame, (places - corners[0]).T).T
    return np.concatenate([1 - shares.sum(axis=1, keepdims=True), shares], axis=1)
