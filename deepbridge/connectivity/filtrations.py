"""Values on the vertices of a graph or of a grid, and the order in which the vertices appear while the level rises."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.checks import as_array, real_array
from binland.errors import InvalidInputError, shown

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def as_values(values: ArrayLike, axes: int | None = None) -> Floats:
    """Finite values, at least one, on any or a given number of axes; raises InvalidInputError otherwise."""
    array = real_array("values", values)
    if not array.size or array.ndim != (axes or max(1, array.ndim)):
        kind = f"a {axes}-dimensional array" if axes else "an array"
        raise InvalidInputError(f"values of shape {array.shape} are not {kind} of at least one number")
    if not np.isfinite(array).all():
        place = np.unravel_index(np.argmin(np.isfinite(array)), array.shape)
        at = ", ".join(map(str, place))
        raise InvalidInputError(f"value [{at}] is {array[place]}; leave it out or replace it by a finite number")
    return array.astype(np.float64)


def as_edges(edges: ArrayLike, n: int) -> Ints:
    """Edges (E, 2) between n vertices, i < j, unique and sorted; raises InvalidInputError if there are others."""
    pairs = as_array(edges)
    if pairs is not None and not pairs.size:
        return np.empty((0, 2), np.int64)
    if pairs is None or pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise InvalidInputError(f"edges={shown(edges)} are not pairs of integers, an array of shape (E, 2)")
    if pairs.min() < 0 or pairs.max() >= n:
        wrong = pairs[(pairs < 0) | (pairs >= n)][0]
        raise InvalidInputError(f"edges have a vertex {wrong}; there are values for vertices 0 to {n - 1}")
    if (pairs[:, 0] == pairs[:, 1]).any():
        raise InvalidInputError("edges join a vertex with itself; leave such edges out")
    return unique_pairs(pairs.astype(np.int64), n)


def unique_pairs(pairs: Ints, n: int) -> Ints:
    """Pairs (E, 2) of numbers below n, each once, i < j, sorted."""
    codes = np.unique(pairs.min(axis=1) * n + pairs.max(axis=1))
    return np.stack(np.divmod(codes, n), axis=1)


def grid_edges(shape: tuple[int, ...], diagonals: bool) -> Ints:
    """Edges (E, 2) between the points of a grid that are neighbours along an axis, and across squares if wanted."""
    index = np.arange(math.prod(shape)).reshape(shape)
    along = [np.moveaxis(index, axis, 0) for axis in range(index.ndim)]
    ends = [(one[:-1], one[1:]) for one in along]
    if diagonals:
        ends += [(index[:-1, :-1], index[1:, 1:]), (index[:-1, 1:], index[1:, :-1])]
    return np.stack([np.concatenate([side.ravel() for side in sides]) for sides in zip(*ends, strict=True)], axis=1)


def appearance(values: Floats) -> tuple[Ints, Ints]:
    """Vertices in the order of their values, equal ones by index, and the rank of each vertex in this order."""
    order = np.argsort(values, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return order, ranks
