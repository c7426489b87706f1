"""Directions in which a landscape is looked at: random ones as large as the network's filters, and those of PCA."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from binland.checks import checked_memory, one_of, positive_int
from binland.errors import InvalidInputError, shown
from binland.rng import Seed, generator
from binland.summary import Summary
from deepbridge.connectivity.filters import scaled_to
from deepbridge.connectivity.landscape import Landscape, check_landscape, points_of

BLOCK = 2**20  # parameters of all points that are converted to float64 together
NORMALIZATIONS = ("filter", "layer", "none")
RANK = 1e-12  # variances below this fraction of the largest one count as none


def random_directions(
    landscape: Landscape, solution: Any, count: int = 2, normalization: str = "filter", seed: Seed = 0
) -> NDArray[np.float64]:
    """Random directions in which every filter is as large as the solution's, so that networks can be compared.

    Multiplying the weights of a unit by a factor, and dividing the weights behind it, does not change a ReLU network,
    but how far a step of given length leads. Directions that are scaled with the filters do not see it.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    solution : ContinuousSolution, Solution or array_like
        Whose norms the directions get; an array has flat parameters (n,).
    count : int, default 2
        Number of directions, drawn one after the other: the first ones do not depend on it.
    normalization : {"filter", "layer", "none"}, default "filter"
        "filter": the incoming weights of each unit or channel get the norm that they have in the solution. "layer": all
        weights of a layer together do. "none": standard normal numbers as they are drawn, of norm about sqrt(n).
    seed : int, SeedSequence or Generator, default 0
        Fixes the directions.

    Returns
    -------
    numpy.ndarray of shape (count, n), float64
        The directions, neither orthogonal nor of length 1. Entries of biases, batch-norms and parameters that are not
        trained are 0, and so are filters that are 0 in the solution.

    Raises
    ------
    InvalidInputError
        If the solution does not fit the landscape, or an argument is out of range.

    Notes
    -----
    Li et al. set the directions of biases and batch-norms to zero. The package loss-landscapes scales the direction of
    each bias to the size of that bias instead, as if it were a filter. That is a bug, which is not repeated here.

    References
    ----------
    Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 4.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> bowl = db.connectivity.Function(lambda x: (x**2).sum(), size=4)
    >>> directions = db.connectivity.random_directions(bowl, [1.0, 2.0, 2.0, 4.0])
    >>> np.linalg.norm(directions, axis=1).round(6).tolist()
    [5.0, 5.0]
    """
    check_landscape(landscape)
    one_of("normalization", normalization, NORMALIZATIONS)
    count, target = positive_int("count", count), landscape.point(solution)
    checked_memory(f"count={count} directions", 24.0 * count * landscape.size)
    groups = (landscape.layers if normalization == "layer" else landscape.filters).cpu()
    drawn = generator(seed, "random_directions").standard_normal((count, landscape.size)) * (groups >= 0).numpy()
    if normalization == "none":
        return drawn
    return scaled_to(target.double().cpu(), torch.from_numpy(drawn), groups).numpy()


@dataclass(frozen=True, eq=False, repr=False)
class PrincipalDirections(Summary):
    """Directions along which points of weight space are spread most (`pca_directions`).

    Attributes
    ----------
    directions : numpy.ndarray of shape (count, n)
        Orthonormal directions, that of the largest variance first. The last point lies beyond the first one.
    fractions : numpy.ndarray of shape (count,)
        Share of the points' squared distances from the centre that each direction explains, in [0, 1].
    centre : numpy.ndarray of shape (n,)
        From where distances are measured.
    """

    directions: NDArray[np.float64]
    fractions: NDArray[np.float64]
    centre: NDArray[np.float64]

    _shown = ("fractions", "directions")


def pca_directions(
    landscape: Landscape, points: Sequence[Any], count: int = 2, centre: str = "mean"
) -> PrincipalDirections:
    """Directions along which a training trajectory, or any set of points, is spread most.

    Parameters
    ----------
    landscape : Landscape
        From `deepbridge.landscape`, or a `Function`.
    points : sequence of T solutions, or array_like of shape (T, n)
        The points, in order.
    count : int, default 2
        Number of directions, less than T.
    centre : {"mean", "last"}, default "mean"
        From where distances are measured: "mean" is the principal component analysis, "last" takes the end of a
        training, as Li et al. do.

    Returns
    -------
    PrincipalDirections
        ``.directions`` (count, n) for `surface`, and ``.fractions`` that they explain.

    Raises
    ------
    InvalidInputError
        If points do not fit the landscape, or span fewer than `count` directions.

    Notes
    -----
    Computed from the T x T matrix of inner products, never from n x n. Also random walks in many dimensions have large
    fractions: the first component of a long one explains 61 % (Antognini and Sohl-Dickstein 2018).

    References
    ----------
    Li et al., Visualizing the Loss Landscape of Neural Nets, NeurIPS 2018, section 7; Antognini and Sohl-Dickstein, PCA
    of high dimensional random walks with comparison to neural network training, NeurIPS 2018.

    Examples
    --------
    >>> import deepbridge as db
    >>> bowl = db.connectivity.Function(lambda x: (x**2).sum(), size=3)
    >>> found = db.connectivity.pca_directions(bowl, [[-2, 0, 0], [0, 1, 0], [0, -1, 0], [2, 0, 0]])
    >>> found.fractions.round(6).tolist()
    [0.8, 0.2]
    """
    check_landscape(landscape)
    count, rows = positive_int("count", count), _rows(landscape, points)
    if len(rows) <= count:
        raise InvalidInputError(f"{len(rows)} points span at most {len(rows) - 1} directions, not count={count}")
    by_mean = one_of("centre", centre, ("mean", "last")) == "mean"
    middle = (rows.mean(0, dtype=torch.float64) if by_mean else rows[-1].double()).cpu()
    gram = sum(block @ block.T for block, _ in _blocks(rows, middle))
    sizes, vectors = (one.flip(-1).numpy() for one in torch.linalg.eigh(gram))
    if not sizes[count - 1] > RANK * sizes[0]:
        raise InvalidInputError(f"the {len(rows)} points span fewer than {count} directions; give more different ones")
    chosen = vectors[:, :count] * np.where(vectors[-1, :count] < vectors[0, :count], -1, 1)
    directions = np.empty((count, landscape.size))
    for block, here in _blocks(rows, middle):
        directions[:, here] = (chosen / np.sqrt(sizes[:count])).T @ block.numpy()
    return PrincipalDirections(_orthonormal(directions), sizes[:count] / sizes.clip(0).sum(), middle.numpy())


def _rows(landscape: Landscape, points: Any) -> Tensor:
    """Points (T, n) from solutions or arrays."""
    listed = list(points) if isinstance(points, (Sequence, np.ndarray)) and not isinstance(points, str) else []
    if not listed:
        raise InvalidInputError(f"points={shown(points)} are no list of solutions, and no array of shape (T, n)")
    return points_of(landscape, listed)


def _blocks(rows: Tensor, middle: Tensor) -> Iterator[tuple[Tensor, slice]]:
    """Differences of the points from the centre in float64, a few parameters at a time, and which they are."""
    width = max(1, BLOCK // len(rows))
    for first in range(0, rows.shape[1], width):
        here = slice(first, first + width)
        yield rows[:, here].double().cpu() - middle[here], here


def _orthonormal(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same directions without what rounding has left along earlier ones, which is much for small variances."""
    basis, factors = np.linalg.qr(directions.T)
    return np.ascontiguousarray((basis * np.sign(np.diag(factors))).T)
