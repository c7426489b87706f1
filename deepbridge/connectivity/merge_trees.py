"""Merge trees: the minima of a surface or of values on a graph, and the heights at which their basins join."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from binland.checks import checked_memory, is_integer, number_between, true_or_false
from binland.errors import InvalidInputError, shown
from binland.summary import Summary
from deepbridge.connectivity.filtrations import Floats, Ints, appearance, as_edges, as_values, grid_edges


class Branches(NamedTuple):
    """A merge tree as lines of a drawing without crossings (`MergeTree.branches`), a branch for each minimum.

    A vertical line from (x, bottom) to (x, top), then a horizontal one from (x, top) to (end, top).

    Attributes
    ----------
    x : numpy.ndarray of shape (m,), int64
        Position of each branch, 0 to m - 1 from the left; 0 for the lowest minimum.
    bottom : numpy.ndarray of shape (m,)
        The value of the minimum.
    top : numpy.ndarray of shape (m,)
        The value of the saddle; the largest of all values for a branch that joins none.
    end : numpy.ndarray of shape (m,), int64
        Position of the branch that it joins; its own if it joins none.
    """

    x: Ints
    bottom: Floats
    top: Floats
    end: Ints


@dataclass(frozen=True, eq=False, repr=False)
class MergeTree(Summary):
    """Minima of values on a grid or graph, and which basin flows over into which while the level rises (`merge_tree`).

    When two basins meet, the one with the higher minimum ends there (elder rule). Every minimum has one such end,
    except the lowest of each connected part.

    Attributes
    ----------
    minima : numpy.ndarray of shape (m,), int64
        Vertices of the minima, the lowest first; on a grid of several axes as indices of ``values.ravel()``.
    values : numpy.ndarray of shape (m,)
        Values there.
    saddles : numpy.ndarray of shape (m,), int64
        The vertex at which the basin of each minimum joins that of a lower one; -1 if it never does.
    saddle_values : numpy.ndarray of shape (m,)
        Values there; inf if there is none.
    absorbers : numpy.ndarray of shape (m,), int64
        Position, in `minima`, of the lowest minimum of the basin that it joins; -1 if there is none.
    shape : tuple of int
        Shape of the grid; ``numpy.unravel_index(tree.minima, tree.shape)`` are the places of the minima.
    largest : float
        The largest of all values.
    """

    minima: Ints
    values: Floats
    saddles: Ints
    saddle_values: Floats
    absorbers: Ints
    shape: tuple[int, ...]
    largest: float

    _shown = ("n_minima", "values", "saddle_values", "absorbers")

    @property
    def n_minima(self) -> int:
        """Number of minima m."""
        return len(self.minima)

    @property
    def diagram(self) -> Floats:
        """Height at which each basin appears and joins a lower one, (m, 2): persistence in dimension 0."""
        return np.stack([self.values, self.saddle_values], axis=1)

    @property
    def persistences(self) -> Floats:
        """Depth of each minimum below the saddle at which its basin ends, (m,); inf if it does not."""
        return self.saddle_values - self.values

    def barrier(self, i: int, j: int) -> float:
        """Height of the lowest pass between two minima.

        Parameters
        ----------
        i, j : int
            Positions in `minima`, 0 to m - 1.

        Returns
        -------
        float
            Lowest of the highest values on all paths; the value of the minimum itself if i = j, inf without any path.

        Raises
        ------
        InvalidInputError
            If there is no such minimum.
        """
        low, high = sorted((self._checked("i", i), self._checked("j", j)))
        height = float(self.values[high])
        while low != high and height < np.inf:  # the later one, as absorbers come before those whom they absorb
            height = max(height, float(self.saddle_values[high]))
            low, high = sorted((low, int(self.absorbers[high])))
        return height

    @cached_property
    def barriers(self) -> Floats:
        """Height of the lowest pass between every two minima, (m, m), with the minima themselves on the diagonal."""
        m = self.n_minima
        checked_memory(f"the barriers of {m} minima", 8 * m**2)
        heights = np.diag(self.values)
        for i in range(1, m):
            before = heights[self.absorbers[i], :i] if self.absorbers[i] >= 0 else np.inf
            heights[i, :i] = heights[:i, i] = np.maximum(before, self.saddle_values[i])
        return heights

    def simplified(self, threshold: float) -> "MergeTree":
        """The tree without shallow minima.

        Parameters
        ----------
        threshold : float
            Smallest persistence of the minima that stay, 0 or more, in the unit of the values.

        Returns
        -------
        MergeTree
            Barriers between minima that stay are unchanged, as a basin never ends in a shallower one.

        Raises
        ------
        InvalidInputError
            If the threshold is not a number of at least 0.
        """
        return self._part(self.persistences >= number_between("threshold", threshold, 0, np.inf))

    @property
    def branches(self) -> Branches:
        """Lines that draw the tree without crossings: `x`, `bottom`, `top` and `end` of each branch."""
        roots, x = self.absorbers < 0, self._order()
        end = np.where(roots, x, x[self.absorbers])
        return Branches(x, self.values, np.where(roots, self.largest, self.saddle_values), end)

    def _order(self) -> Ints:
        """Position of each branch from the left: beside the one that it joins, those that join lower down between."""
        m, roots = self.n_minima, self.absorbers < 0
        away, widths = np.zeros(m, np.int64), np.ones(m + 1, np.int64)  # number -1 stands for one that all roots join
        for i in np.lexsort((np.where(roots, 1, -1) * np.arange(m), self.saddle_values)):  # after those that join i
            away[i] = widths[self.absorbers[i]]
            widths[self.absorbers[i]] += widths[i]
        x = np.full(m + 1, -1)
        for i in range(m):
            x[i] = x[self.absorbers[i]] + away[i]
        return x[:m]

    def _part(self, mask: NDArray[np.bool_]) -> "MergeTree":
        """The tree of some minima, with whom also those that absorb them stay."""
        positions = np.append(np.cumsum(mask) - 1, -1)
        return MergeTree(
            self.minima[mask], self.values[mask], self.saddles[mask], self.saddle_values[mask],
            positions[self.absorbers[mask]], self.shape, self.largest,
        )  # fmt: skip

    def _checked(self, name: str, position: object) -> int:
        if is_integer(position) and 0 <= position < self.n_minima:
            return int(position)
        raise InvalidInputError(f"{name}={shown(position)} is none of the {self.n_minima} minima, counted from 0")


def merge_tree(values: ArrayLike, edges: ArrayLike | None = None, *, diagonals: bool = False) -> MergeTree:
    """Minima of a surface, or of values on a graph, and the saddles over which they are connected.

    Parameters
    ----------
    values : array_like of shape (n,), or of the shape of a grid with any number of axes
        Finite values, such as losses.
    edges : array_like of shape (E, 2), optional
        Pairs of vertices that are neighbours, for values of shape (n,); by default neighbours on the grid.
    diagonals : bool, default False
        Whether points of a grid with two axes are neighbours also across the squares: 8 instead of 4 neighbours.

    Returns
    -------
    MergeTree
        ``.minima``, ``.saddles``, ``.barriers``, ``.simplified(threshold)``, ``.branches``. Minima whose basins end at
        their own height, as on plains, are left out.

    Raises
    ------
    InvalidInputError
        If values are not finite, edges are not pairs of their vertices, or there are diagonals without two axes.

    Notes
    -----
    Of equal values the one with the smaller index counts as lower. Every vertex first flows down to its lowest
    neighbour, and so on to a minimum; then edges between different basins are taken in the order of their higher ends.
    10^6 points take a few seconds.

    References
    ----------
    Carr, Snoeyink and Axen, Computing contour trees in all dimensions, Computational Geometry 24, 75 (2003).
    Edelsbrunner and Harer, Computational Topology (2010), section VII.1, for the elder rule.

    Examples
    --------
    >>> from deepbridge.connectivity.merge_trees import merge_tree
    >>> tree = merge_tree([3.0, 0.0, 2.0, 1.0, 4.0])
    >>> tree.minima.tolist(), tree.barrier(0, 1), tree.persistences.tolist()
    ([1, 3], 2.0, [inf, 1.0])
    """
    heights = as_values(values, None if edges is None else 1)
    if true_or_false("diagonals", diagonals) and (heights.ndim != 2 or edges is not None):
        raise InvalidInputError(f"diagonals=True needs a grid with two axes; values have the shape {heights.shape}")
    pairs = grid_edges(heights.shape, diagonals) if edges is None else as_edges(edges, heights.size)
    order, ranks = appearance(heights.ravel())
    return _tree(heights, order, np.sort(ranks[pairs], axis=1))


def _tree(heights: Floats, order: Ints, ends: Ints) -> MergeTree:
    """The tree of vertices in their order, from the ranks (E, 2) of the lower and the higher ends of edges."""
    bottoms, basins = np.unique(_flow(ends, len(order)), return_inverse=True)
    between = ends[basins[ends[:, 0]] != basins[ends[:, 1]]]
    passes = between[np.lexsort((between[:, 0], between[:, 1]))]
    saddles, absorbers = _absorptions(len(bottoms), basins[passes], passes[:, 1])
    levels = np.append(heights.ravel()[order], np.inf)
    tree = MergeTree(
        order[bottoms], levels[bottoms], np.append(order, -1)[saddles], levels[saddles], absorbers,
        heights.shape, float(levels[-2]),
    )  # fmt: skip
    return tree._part(tree.persistences > 0)


def _flow(ends: Ints, n: int) -> Ints:
    """Rank of the minimum to which each of n vertices flows, always to the lowest neighbour."""
    lower = np.arange(n)
    np.minimum.at(lower, ends[:, 1], ends[:, 0])
    while (lower != lower[lower]).any():
        lower = lower[lower]
    return lower


def _absorptions(m: int, sides: Ints, heights: Ints) -> tuple[Ints, Ints]:
    """For each of m basins the height at which it joins a lower one, and the lowest basin there; -1 for neither.

    sides: (passes, 2), the basins on both sides of passes in rising order. heights: (passes,), as ranks.
    """
    lowest = list(range(m))  # a basin that has joined this one, or one that has joined it in turn
    saddles, absorbers = np.full(m, -1), np.full(m, -1)
    for (one, other), height in zip(sides.tolist(), heights.tolist(), strict=True):
        old, young = _root(lowest, one), _root(lowest, other)
        if old != young:
            old, young = min(old, young), max(old, young)
            lowest[young] = absorbers[young] = old
            saddles[young] = height
    return saddles, absorbers


def _root(parents: list[int], i: int) -> int:
    """The end of a chain of parents, which becomes half as long."""
    while parents[i] != i:
        parents[i] = i = parents[parents[i]]
    return i
