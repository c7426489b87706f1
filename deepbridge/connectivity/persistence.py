"""Persistence of components and loops of values on a graph or a surface while the level rises, by gudhi."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from binland.checks import is_integer, one_of, positive, true_or_false
from binland.errors import InvalidInputError, shown
from binland.extras import needed_by
from binland.summary import Summary
from deepbridge.connectivity.filtrations import Floats, Ints, appearance, as_edges, as_values

Essential = Literal["largest", "drop"]

DIMENSIONS = (0, 1)


@dataclass(frozen=True, eq=False, repr=False)
class Persistence(Summary):
    """Levels at which components (dimension 0) and loops (dimension 1) appear and vanish.

    Attributes
    ----------
    values : numpy.ndarray of shape (n,)
        Values on the vertices; of a surface ``values.ravel()``.
    pairs : tuple of two numpy.ndarray of shape (m, 2), int64
        For dimensions 0 and 1: the vertex with which each component or loop appears, and the one with which it
        vanishes, -1 if it stays; in the order in which they appear.
    """

    values: Floats
    pairs: tuple[Ints, Ints]

    _shown = ("n_components", "n_loops", "largest")

    @property
    def n_components(self) -> int:
        """Number of components that appear."""
        return len(self.pairs[0])

    @property
    def n_loops(self) -> int:
        """Number of loops that appear."""
        return len(self.pairs[1])

    @property
    def largest(self) -> float:
        """The largest value."""
        return float(self.values.max())

    def diagram(self, dimension: int) -> Floats:
        """Levels at which classes of a dimension appear and vanish.

        Parameters
        ----------
        dimension : {0, 1}
            0 for components, 1 for loops.

        Returns
        -------
        numpy.ndarray of shape (m, 2)
            Birth and death of each, inf if it stays.

        Raises
        ------
        InvalidInputError
            If the dimension is not 0 or 1.
        """
        return np.append(self.values, np.inf)[self.pairs[_dimension(dimension)]]

    def total(self, dimension: int | None = None, power: float = 2, essential: Essential = "largest") -> float:
        """Total persistence: the sum of all lifetimes to a power.

        Parameters
        ----------
        dimension : {0, 1}, optional
            By default the sum over both.
        power : float, default 2
            Power of the lifetimes, above 0.
        essential : {"largest", "drop"}, default "largest"
            What stays for ever. "largest": it counts up to the largest value, as in the package pyper, which Horoi et
            al. use. "drop": it does not count.

        Returns
        -------
        float
            In the unit of the values to that power.

        Raises
        ------
        InvalidInputError
            If an argument is not allowed.
        """
        dimensions = DIMENSIONS if dimension is None else (_dimension(dimension),)
        end = self.largest if one_of("essential", essential, ("largest", "drop")) == "largest" else np.nan
        spans = np.concatenate([self.diagram(one) for one in dimensions])
        lifetimes = np.where(np.isinf(spans[:, 1]), end, spans[:, 1]) - spans[:, 0]
        return float(np.nansum(lifetimes ** positive("power", power)))


def graph_persistence(
    values: ArrayLike, edges: ArrayLike, triangles: bool = False, *, keep: bool = False
) -> Persistence:
    """Persistence of a graph with values on its vertices: its parts below a rising level.

    A vertex is there from its value on, an edge from the larger value of its two ends on. Components appear at minima
    and vanish where they join a lower one. A loop appears with its last edge.

    Parameters
    ----------
    values : array_like of shape (n,)
        Finite values of the vertices, such as losses.
    edges : array_like of shape (E, 2)
        Pairs of vertices, such as those of `nearest_neighbour_graph`; pairs that are repeated count once.
    triangles : bool, default False
        Whether every three vertices with all three edges are filled with a triangle, there from their largest value on,
        so that a loop vanishes once triangles cover it. Otherwise all loops stay.
    keep : bool, default False
        Whether classes that vanish at the level at which they appear are kept; dimension 0 then has n pairs.

    Returns
    -------
    Persistence
        ``.diagram(dimension)``, ``.pairs`` and ``.total()``.

    Raises
    ------
    InvalidInputError
        If values are not finite, or edges are not pairs of their vertices.
    ModuleNotFoundError
        If the package gudhi is not installed.

    Notes
    -----
    Of equal values the one with the smaller index counts as lower. Coefficients are those of Z/2.

    References
    ----------
    Edelsbrunner and Harer, Computational Topology (2010), chapter VII. Horoi et al., Exploring the Geometry and
    Topology of Neural Network Loss Landscapes, IDA 2022 (arXiv:2102.00485).

    Examples
    --------
    >>> from deepbridge.connectivity.persistence import graph_persistence
    >>> square = graph_persistence([0, 3, 1, 2], [[0, 1], [1, 2], [2, 3], [3, 0]])
    >>> square.diagram(0).tolist(), square.diagram(1).tolist(), square.total()
    ([[0.0, inf], [1.0, 2.0]], [[3.0, inf]], 10.0)
    """
    heights = as_values(values, 1)
    pairs = as_edges(edges, len(heights))
    fill = true_or_false("triangles", triangles)
    with needed_by("graph_persistence", "landscape"):
        from gudhi import SimplexTree
    order, ranks = appearance(heights)
    tree = SimplexTree()
    tree.insert_batch(np.arange(len(heights))[None], ranks.astype(np.float64))
    tree.insert_batch(pairs.T, ranks[pairs].max(axis=1).astype(np.float64))
    if fill:
        tree.expansion(2)
    return _persistence(tree, heights, order, keep, persistence_dim_max=tree.dimension() < 2)


def surface_persistence(
    values: ArrayLike, *, periodic: bool = False, diagonals: bool = False, keep: bool = False
) -> Persistence:
    """Persistence of a surface: the parts, and the holes in them, of the region below a rising level.

    Parameters
    ----------
    values : array_like of shape (ny, nx)
        Finite values on the points of a grid.
    periodic : bool, default False
        Whether opposite sides are joined, to a torus; at least 3 points along each axis.
    diagonals : bool, default False
        What neighbours are. False: points are corners, joined along the axes to their 4 neighbours, and a square is
        filled once its four corners are there. True: points are square tiles, which touch at their corners, too: each
        has 8 neighbours.
    keep : bool, default False
        Whether classes that vanish at the level at which they appear are kept; dimension 0 then has ny nx pairs.

    Returns
    -------
    Persistence
        ``.diagram(dimension)``, ``.pairs`` as indices of ``values.ravel()``, and ``.total()``. The torus as a whole,
        which appears with the largest value, is not among the loops.

    Raises
    ------
    InvalidInputError
        If values are not a finite array with two axes, or too few for a torus.
    ModuleNotFoundError
        If the package gudhi is not installed.

    References
    ----------
    Edelsbrunner and Harer, Computational Topology (2010), chapter VII. Garin, Heiss, Maggs, Bleile and Robins, Duality
    in Persistent Homology of Images (2020), for the two kinds of neighbours.

    Examples
    --------
    >>> from deepbridge.connectivity.persistence import surface_persistence
    >>> ring = surface_persistence([[0, 1, 2], [1, 9, 3], [2, 3, 4]])
    >>> ring.diagram(1).tolist(), ring.pairs[1].tolist()
    ([[4.0, 9.0]], [[8, 4]])
    """
    heights = as_values(values, 2)
    if true_or_false("periodic", periodic) and min(heights.shape) < 3:
        raise InvalidInputError(f"values of shape {heights.shape} make no torus; give 3 points or more on each axis")
    with needed_by("surface_persistence", "landscape"):
        from gudhi import CubicalComplex, PeriodicCubicalComplex
    order, ranks = appearance(heights.ravel())
    cells = "top_dimensional_cells" if true_or_false("diagonals", diagonals) else "vertices"
    levels: dict[str, Any] = {cells: ranks.reshape(heights.shape).astype(np.float64)}
    cubes = PeriodicCubicalComplex(**levels, periodic_dimensions=[True, True]) if periodic else CubicalComplex(**levels)
    return _persistence(cubes, heights.ravel(), order, keep)


def _persistence(complex_: Any, values: Floats, order: Ints, keep: bool, **options: bool) -> Persistence:
    """Pairs of vertices from a complex of gudhi with ranks as levels, which tell equal values apart."""
    every = true_or_false("keep", keep)
    complex_.compute_persistence(homology_coeff_field=2, min_persistence=-1 if every else 0, **options)
    both = [_pairs(complex_, dimension, order) for dimension in DIMENSIONS]
    first, second = (pairs if every else pairs[_with_lifetime(values, pairs)] for pairs in both)
    return Persistence(values, (first, second))


def _pairs(complex_: Any, dimension: int, order: Ints) -> Ints:
    """Vertices with which classes appear and vanish, (m, 2), sorted by rank; -1 for those that stay."""
    levels = np.reshape(complex_.persistence_intervals_in_dimension(dimension), (-1, 2))
    ranks = np.where(np.isinf(levels), len(order), levels).astype(np.int64)
    return np.append(order, -1)[ranks[np.lexsort((ranks[:, 1], ranks[:, 0]))]]


def _with_lifetime(values: Floats, pairs: Ints) -> Any:
    """Which pairs do not vanish at the level at which they appear."""
    return (pairs[:, 1] < 0) | (values[pairs[:, 0]] < values[pairs[:, 1]])


def _dimension(dimension: int) -> int:
    if is_integer(dimension) and dimension in DIMENSIONS:
        return int(dimension)
    raise InvalidInputError(f"dimension={shown(dimension)} is not 0 (components) or 1 (loops)")
