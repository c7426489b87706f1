"""The plane through three points of a space of weights: coordinates in it."""

import numpy as np
from numpy.typing import NDArray

from binland.errors import InvalidInputError


def gram_schmidt(
    second: NDArray[np.float64], third: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners (3, 2) and orthonormal axes (2, n) of the plane of two vectors from the first corner.

    Raises InvalidInputError if the three corners lie on one line.
    """
    length = float(np.linalg.norm(second))
    e1 = second / length if length > 0 else second
    along = float(third @ e1)
    rest = third - along * e1
    height = float(np.linalg.norm(rest))
    if length == 0 or height <= 1e-9 * np.linalg.norm(third):
        raise InvalidInputError("the three solutions lie on one line and span no plane; take three different ones")
    return np.array([[0.0, 0.0], [length, 0.0], [along, height]]), np.stack([e1, rest / height])


def barycentric(corners: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T, 3) shares of the corners in each place; they add up to 1."""
    frame = (corners[1:] - corners[0]).T
    shares = np.linalg.solve(frame, (places - corners[0]).T).T
    return np.concatenate([1 - shares.sum(axis=1, keepdims=True), shares], axis=1)
