"""Distances between all pairs of points in a space of many dimensions, such as the parameters of networks."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from binland.checks import checked_memory, one_of, real_array
from binland.errors import InvalidInputError, shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK = 2**22  # numbers that are converted to float64 at a time, 32 MiB
NEAR = 1e-5  # squared distances below this fraction of both squared lengths lose too many digits
ROUNDING = 1e-6  # asymmetry, or distance from itself, relative to the largest distance, that counts as rounding
METRICS = ("cosine", "euclidean")


def distance_matrix(points: ArrayLike, metric: str = "cosine") -> Floats:
    """Distances between all pairs of points.

    Parameters
    ----------
    points : array_like of shape (n, d)
        One point a row, integers or floats. Rows are read in blocks of columns, so that memory is needed for the
        matrix of distances only.
    metric : {"cosine", "euclidean"}, default "cosine"
        "cosine": 1 - cos of the angle between two points, from 0 to 2, as in scikit-learn. "euclidean": the length of
        their difference.

    Returns
    -------
    numpy.ndarray of shape (n, n)
        float64; exactly symmetric, exactly zero on the diagonal and between equal points, and nowhere negative.

    Raises
    ------
    InvalidInputError
        If points are not a finite array with two axes, or a point is zero, which has no direction.

    Notes
    -----
    Sums are in float64, whatever the type of the points. A squared distance is that of two lengths minus twice a
    product, all taken from the mean of all points; for points much closer to each other than to that mean, from the
    mean of their group. The cosine distance c is half the squared distance of the points at length 1, not 1 minus a
    number near 1. In this way the error of a Euclidean distance is below 1e-9 of it, also for points that differ in
    their last digits only, and that of c is below 1e-9 c + 1e-15 sqrt(c) + 1e-30, the latter two for the rounding of
    points at length 1.

    Examples
    --------
    >>> from deepbridge.connectivity.distances import distance_matrix
    >>> distance_matrix([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]])
    """
    one_of("metric", metric, METRICS)
    array = _as_points(points)
    checked_memory(f"the distances of {len(array)} points", 4 * 8 * len(array) ** 2)
    lengths = _lengths(array)
    if metric == "euclidean":
        return np.sqrt(_all_squares(array, np.ones(len(array))))
    if not lengths.all():
        raise InvalidInputError(f"point {np.argmin(lengths)} is zero and has no angle; leave it out or try 'euclidean'")
    return np.minimum(_all_squares(array, lengths) / 2, 2)


def as_distances(distances: ArrayLike) -> Floats:
    """A symmetric matrix of distances (n, n), cleared of rounding; raises InvalidInputError if it is none."""
    matrix = as_square(distances)
    tolerance = ROUNDING * np.abs(matrix).max(initial=0)
    if np.abs(matrix - matrix.T).max() > tolerance:
        raise InvalidInputError("distances are not symmetric; give (d + d.T) / 2 if both directions count alike")
    if matrix.min() < -tolerance or np.abs(matrix.diagonal()).max() > tolerance:
        raise InvalidInputError("distances are negative, or not 0 from a point to itself; give distances, no products")
    matrix = np.maximum((matrix + matrix.T) / 2, 0)
    np.fill_diagonal(matrix, 0)
    return matrix


def as_square(distances: ArrayLike) -> Floats:
    """A finite matrix (n, n) of at least two points; raises InvalidInputError if it is none."""
    matrix = real_array("distances", distances)
    if matrix.ndim != 2 or len(set(matrix.shape)) != 1 or len(matrix) < 2:
        raise InvalidInputError(f"distances of shape {matrix.shape} are not a matrix (n, n) of at least two points")
    if not np.isfinite(matrix).all():
        raise InvalidInputError("distances are not all finite; leave out points that are nan or infinitely far away")
    return matrix.astype(np.float64)


def _as_points(points: ArrayLike) -> NDArray[np.number]:
    array = real_array("points", points)
    if array.ndim != 2 or not array.size:
        raise InvalidInputError(f"points={shown(points)} of shape {array.shape} are not an array (n, d), a point a row")
    return array


def _all_squares(points: NDArray[np.number], scales: Floats) -> Floats:
    """Squared distances of points divided by their scales, exactly symmetric and zero on the diagonal, (n, n)."""
    upper = np.triu(_squares(points, scales, np.arange(len(points))), 1)
    return upper + upper.T


def _lengths(points: NDArray[np.number]) -> Floats:
    """Euclidean lengths (n,); raises InvalidInputError if one is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        blocks = _blocks(points, np.ones(len(points)), np.arange(len(points)))
        squares = sum(np.einsum("ij,ij->i", block, block) for block in blocks)
    bad = ~np.isfinite(squares)
    if np.any(bad):
        raise InvalidInputError(f"point {np.argmax(bad)} is nan or longer than 1e150; leave it out")
    return np.sqrt(squares)


def _blocks(points: NDArray[np.number], scales: Floats, rows: Ints) -> Iterator[Floats]:
    """Some of the points divided by their scales, a block of columns at a time."""
    width = max(1, BLOCK // len(rows))
    for begin in range(0, points.shape[1], width):
        yield np.divide(points[rows, begin : begin + width], scales[rows, None], dtype=np.float64)


def _squares(points: NDArray[np.number], scales: Floats, rows: Ints) -> Floats:
    """Squared distances of some of the points divided by their scales, (m, m).

    From products around the mean; among points much closer to each other than to it, from those around their own mean.
    """
    products = np.zeros((len(rows), len(rows)))
    for block in _blocks(points, scales, rows):
        block -= block.mean(axis=0)
        products += block @ block.T
    both = np.add.outer(products.diagonal(), products.diagonal())
    squares = np.maximum(both - 2 * products, 0)
    near = squares <= NEAR * both
    for group in _groups(near):
        if len(group) < len(rows):
            squares[np.ix_(group, group)] = _squares(points, scales, rows[group])
        else:  # a chain of points, which no other mean would part
            ends = np.nonzero(np.triu(near, 1))
            squares[ends] = squares[ends[::-1]] = _from_differences(points, scales, rows, *ends)
    return squares


def _groups(near: NDArray[np.bool_]) -> list[Ints]:
    """Positions of the points of each group, of two or more, whose members are joined by steps to near ones."""
    count, labels = connected_components(csr_matrix(near), directed=False)
    groups = [np.flatnonzero(labels == k) for k in range(count)]
    return [group for group in groups if len(group) > 1]


def _from_differences(points: NDArray[np.number], scales: Floats, rows: Ints, first: Ints, second: Ints) -> Floats:
    """Squared distances of pairs of some of the points, (pairs,)."""
    squares, many = np.zeros(len(first)), len(rows)
    for block in _blocks(points, scales, rows):
        for begin in range(0, len(first), many):
            some = slice(begin, begin + many)
            difference = block[first[some]] - block[second[some]]
            squares[some] += np.einsum("ij,ij->i", difference, difference)
    return squares
