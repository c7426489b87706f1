"""Graphs that join each point with its neighbours."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.checks import positive_int, true_or_false
from binland.errors import InvalidInputError
from deepbridge.connectivity.distances import as_square
from deepbridge.connectivity.filtrations import unique_pairs


def nearest_neighbour_graph(distances: ArrayLike, k: int = 20, farthest: bool = False) -> NDArray[np.int64]:
    """Edges between points of which one is among the k nearest neighbours of the other.

    Parameters
    ----------
    distances : array_like of shape (n, n)
        Row i has the distances from point i; the diagonal does not count. It need not be symmetric, as a diffusion
        potential is not.
    k : int, default 20
        Number of neighbours that each point chooses, 1 to n - 1. Of equally near ones the first by index are chosen.
    farthest : bool, default False
        Whether each point chooses the k points farthest from it. This makes no sense as a neighbourhood; it is here
        because a published script does it, which sorts each row of the diffusion potential, large where two points
        are far apart, and takes the last k.

    Returns
    -------
    numpy.ndarray of shape (E, 2), int64
        Pairs i < j, sorted, each once, also where both points choose each other. (The published script keeps those
        twice, and its persistence counts each repetition as a loop.)

    Raises
    ------
    InvalidInputError
        If distances are not a finite square matrix, or k is not below n.

    References
    ----------
    Horoi et al., Exploring the Geometry and Topology of Neural Network Loss Landscapes, IDA 2022 (arXiv:2102.00485).

    Examples
    --------
    >>> from deepbridge.connectivity.graphs import nearest_neighbour_graph
    >>> line = [[0, 1, 3], [1, 0, 2], [3, 2, 0]]
    >>> nearest_neighbour_graph(line, k=1).tolist(), nearest_neighbour_graph(line, k=1, farthest=True).tolist()
    ([[0, 1], [1, 2]], [[0, 2], [1, 2]])
    """
    chosen = chosen_pairs(distances, k, farthest)
    return unique_pairs(chosen, len(chosen) // k)


def chosen_pairs(distances: ArrayLike, k: int, farthest: bool = False) -> NDArray[np.int64]:
    """Every point with each of its k neighbours, (n k, 2), point by point; as in `nearest_neighbour_graph`."""
    matrix = as_square(distances)
    n = len(matrix)
    if positive_int("k", k) >= n:
        raise InvalidInputError(f"k={k} of {n} points: each has {n - 1} others; take k from 1 to {n - 1}")
    keys = -matrix if true_or_false("farthest", farthest) else matrix
    np.fill_diagonal(keys, np.inf)  # a point is not its own neighbour
    nearest = np.argsort(keys, axis=1, kind="stable")[:, :k]
    return np.stack([np.repeat(np.arange(n), k), nearest.ravel()], axis=1)
